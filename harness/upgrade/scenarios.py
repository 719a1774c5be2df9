"""The scenarios of the upgrade run: each has load, a stop in the middle, a start, the books."""

from __future__ import annotations

import time

from harness.upgrade import books, known
from harness.upgrade.next_steps import NextLimits
from harness.upgrade.run import PAYMENTS_BEFORE_STOP, REFUSAL, Result, Run, Stage
from transforms.payment.outcome import Outcome

_EMBARGOED = 5
_KNOWN = PAYMENTS_BEFORE_STOP // 2


def change(stage: Stage) -> Result:
    """Starts a changed version from the savepoint: a rule and a step more."""
    return _go_on_with_the_next_version(stage, "change", with_column=False)


def column(stage: Stage) -> Result:
    """The same with a column more."""
    return _go_on_with_the_next_version(stage, "column", with_column=True)


def rename(stage: Stage) -> Result:
    """The control: with a state or a step renamed nothing may start; unchanged it resumes."""
    with Run(stage, "rename") as run:
        run.start_under_load()
        savepoint = run.stop()
        problems = []
        for module in ("harness.upgrade.renamed_state", "harness.upgrade.renamed_step"):
            why = run.refusal_of(module, savepoint)
            if REFUSAL not in why:
                problems.append(f"{module} was refused for another reason: {why[:500]}")
            stage.say(f"{module} was refused")
        run.start([f"--savepoint_path={savepoint}"])
        return run.finish(problems)


def rescale(stage: Stage) -> Result:
    """Resumes with twice as many workers, and with half of them again."""
    with Run(stage, "rescale") as run:
        run.start_under_load()
        for parallelism in (4, 2):
            copies = known.copies_of_accepted(run.e2e_run, _KNOWN)
            savepoint = run.stop()
            run.start([f"--savepoint_path={savepoint}", f"--parallelism={parallelism}"])
            known.send(run.e2e_run, f"known_{parallelism}", copies)
        return run.finish()


def _go_on_with_the_next_version(stage: Stage, name: str, with_column: bool) -> Result:
    with Run(stage, name) as run:
        run.start_under_load()
        before = known.embargoed("before", _EMBARGOED, Outcome.ACCEPTED)
        known.send(run.e2e_run, "embargoed_before", before)
        copies = known.copies_of_accepted(run.e2e_run, _KNOWN)
        savepoint = run.stop()
        # Kafka's clock is ours here. What arrived before may be what the old version read.
        in_force_from_us = time.time_ns() // 1_000
        flags = [f"--savepoint_path={savepoint}", f"--in_force_from_us={in_force_from_us}"]
        if with_column:
            books.add_column(run.e2e_run)
            flags.append("--with_column")
        run.start(flags, module="harness.upgrade.next_version")
        after = known.embargoed("after", _EMBARGOED, Outcome.INVALID)
        known.send(run.e2e_run, "embargoed_after", after)
        known.send(run.e2e_run, "known", copies)
        result = run.finish(limits=NextLimits(in_force_from_us=in_force_from_us))
        written = books.written(run.e2e_run)
        stage.say(f"{written.before} rows by the version before, {written.after} by the next")
        problems = books.unclean_cuts(run.e2e_run)
        if with_column:
            problems += books.misfilled(run.e2e_run)
        return result._replace(problems=tuple(problems))
