"""Two jobs beside each other on one topic: green begins with blue's savepoint and takes over."""

from __future__ import annotations

from harness.e2e_run import E2ERun
from harness.errors import HarnessError
from harness.upgrade import known
from harness.upgrade.run import PAYMENTS_BEFORE_STOP, REFUSAL, Result, Run, Stage
from operations.rollout import command as deploy

_WAIT_SEC = 300
_KNOWN = PAYMENTS_BEFORE_STOP // 2
# What two jobs cost by only running, at two subtasks a step, was all of two slow cores: green's
# first checkpoint then took longer than a start may.
_PARALLELISM = "--parallelism=1"


def blue_green(stage: Stage) -> Result:
    """Lets green run beside blue, compares them, ramps, takes back, switches and stops blue."""
    # Two jobs share the machine, and what is read is compared while they run.
    with Run(stage._replace(rate=stage.rate / 4), "blue_green") as run:
        run.start_under_load([_PARALLELISM])
        rollout = _Rollout(run)
        rollout.deploy("serve", f"--dataset={rollout.name(run.e2e_run)}")
        copies = known.copies_of_accepted(run.e2e_run, _KNOWN)
        savepoint = run.e2e_run.flink.savepoint(run.job, _WAIT_SEC)
        problems = rollout.without_shadow(savepoint)
        flags = [f"--savepoint_path={savepoint}", "--shadow", "--shards=8", _PARALLELISM]
        green_job = run.start_beside(rollout.green, flags)
        try:
            # Accepted before the savepoint: green knows them by blue's memory alone.
            known.send(run.e2e_run, "known", copies)
            rollout.ramp(50, green_job)
            problems += rollout.unbalanced("half of the ids read from green")
            rollout.ramp(100, green_job)
            rollout.deploy("take-back", f"--green={rollout.name(rollout.green)}")
            problems += rollout.unbalanced("taken back")
            rollout.ramp(100, green_job)
            rollout.deploy("stop", *rollout.flink_flags())
            run.ended_by_others()
            return run.finish(problems, books=rollout.live)
        finally:
            run.e2e_run.flink.cancel(green_job)


class _Rollout:
    """What an operator does, by the commands that he gives."""

    def __init__(self, run: Run) -> None:
        blue = run.e2e_run
        self._run = run
        self.green = E2ERun(f"{blue.name}_green", blue.endpoints, blue.folder, counts=blue)
        self.green.prepare()
        # No tables: `serve` makes its views.
        self.live = E2ERun(f"{blue.name}_live", blue.endpoints, blue.folder, counts=blue)

    def name(self, e2e_run: E2ERun) -> str:
        """Returns PROJECT.DATASET."""
        return f"{e2e_run.endpoints['project']}.{e2e_run.name}"

    def deploy(self, command: str, *flags: str) -> None:
        """Runs a command of `payments rollout`.

        Raises:
            HarnessError: it did not do what it was asked for.
        """
        endpoints = self._run.e2e_run.endpoints
        arguments = [
            command,
            f"--kafka_bootstrap_servers={endpoints['kafka']}",
            f"--kafka_topics={self._run.e2e_run.topic}",
            f"--live_dataset={self.name(self.live)}",
            f"--bigquery_endpoint={endpoints['bigquery']}",
            *flags,
        ]
        code = deploy.main(arguments)
        if code:
            raise HarnessError(f"payments rollout {command} ended with {code}")

    def ramp(self, share: int, green_job: str) -> None:
        """Compares, and lets green be read for a share of the ids."""
        green = (f"--green={self.name(self.green)}", f"--green_job={green_job}")
        self.deploy("ramp", f"--share={share}", *green, *self.flink_flags())

    def flink_flags(self) -> list[str]:
        """Returns the flags that say where blue's job is."""
        address = self._run.e2e_run.endpoints["flink_rest"]
        return [f"--flink={address}", f"--blue_job={self._run.job}", f"--wait_sec={_WAIT_SEC}"]

    def without_shadow(self, savepoint: str) -> list[str]:
        """The control: a job with other tables must not find rows on their way to blue's."""
        why = self._run.refusal_of("pipeline", savepoint, self.green)
        return [] if REFUSAL in why else [f"refused for another reason: {why[:500]}"]

    def unbalanced(self, when: str) -> list[str]:
        """Returns what is wrong with what is read now, under load; [] for nothing."""
        report = self.live.reconcile(_WAIT_SEC, by_ledger=False)
        return [] if report.balanced else [f"{when}:\n{report.text()}"]
