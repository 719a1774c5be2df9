"""The one door through which every launch goes: it claims its tables, or says who holds them.

    nobody holds them, or the job of who did has ended   claimed
    another run holds them                               refused; --take_over claims them
    this launch holds them, and its job runs             nothing to do
    this launch holds them, and was not submitted        claimed anew; the first attempt is fenced

A run that is followed by another makes no more rows visible (transforms/bigquery/claim_watch.py).
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import logging
import time
from collections.abc import Iterable, Mapping

from operations.errors import CannotStart
from operations.runs.run import NOT_SUBMITTED, Run
from operations.runs.runs_table import RunsTable
from operations.who import user_at_host
from pipeline.config import PipelineConfig
from pipeline.launch import earlier_job
from pipeline.launch.claim import Claim
from pipeline.launch.earlier_job import EarlierJob, Fate
from transforms.bigquery.claim_watch import ASK_EVERY_SEC
from transforms.codecs.contract import document, fingerprint, shipped

_LOG = logging.getLogger("pipeline")

# A run that was followed has asked for its claim at most this long ago. The rest is for the flush
# that it had begun by then: BigQuery answers one in well under a second.
FENCE_SEC = ASK_EVERY_SEC + 5


class AlreadyRuns(Exception):
    """This very launch has been submitted before; the message says as which job."""


@dataclasses.dataclass(frozen=True)
class Door:
    """Where a launch claims its tables.

    Attributes:
        fence_sec: how long to wait for a run that may still write.
    """

    config: PipelineConfig
    topic_ids: Mapping[str, str]
    fence_sec: float = FENCE_SEC

    def claim(self) -> tuple[Claim, PipelineConfig]:
        """Returns the claim, and the configuration with what the runs before say.

        Raises:
            AlreadyRuns: there is nothing to do.
            CannotStart: another run holds the tables, or the launch contradicts the runs before.
        """
        config = self.config
        table = RunsTable(config.dataset, config.bigquery_endpoint)
        chain = table.chain(config.version)
        before = chain[-1]
        job = earlier_job.of(before, config.flink) if before.stands else None
        may_write = job is not None and self._may_still_write(before, job)
        if not config.mirrored_topics:
            check_topics(chain, self.topic_ids)
        check_contract(chain, config)
        config = with_state_of(chain, config)
        run = _row(config, began_with(config), self.topic_ids)
        table.add(run)
        if not table.take(before, run.claim_id):
            table.end(run.claim_id, f"{NOT_SUBMITTED}another launch was quicker")
            raise CannotStart(_held(table.chain(config.version)[-1], config, "it was quicker"))
        _LOG.info("run %s holds the tables of %s", run.run_id, config.dataset)
        claim = Claim(table, run, before)
        try:
            if may_write and job is not None:
                self._stop(before, job)
            elif before.ended_by_hand:
                self._fence()  # it may not have noticed yet
        except KeyboardInterrupt:
            claim.failed("stopped by Ctrl-C")
            raise
        return claim, config

    def _stop(self, before: Run, job: EarlierJob) -> None:
        """Returns when the run before writes no more."""
        _LOG.warning("took the tables from %s", before.describe())
        flink = self.config.flink
        if job.fate is Fate.RUNS and flink is not None and before.run_id != self.config.run_id:
            _LOG.info("cancelling job %s", job.job_id)
            if earlier_job.cancelled(job, before, flink):
                return
        self._fence()

    def _fence(self) -> None:
        _LOG.info("waiting %.0f s for what the run before may be writing", self.fence_sec)
        time.sleep(self.fence_sec)

    def _may_still_write(self, before: Run, job: EarlierJob) -> bool:
        """Returns whether the run before may still be writing; raises where it must not be."""
        config = self.config
        if config.updates and before.runner == config.runner and before.job_name == config.job_name:
            return False  # Dataflow itself replaces the one by the other
        if before.run_id == config.run_id:
            return self._repeated(before, job)
        if job.fate is Fate.ENDED:
            _LOG.info("%s held the tables; %s", before.describe(), job.how)
            RunsTable(config.dataset, config.bigquery_endpoint).end(before.claim_id, job.how)
            return False
        if not config.take_over:
            raise CannotStart(_held(before, config, job.how))
        self._require_no_savepoint(before, job)
        return True

    def _require_no_savepoint(self, before: Run, job: EarlierJob) -> None:
        if self.config.savepoint_path is not None and not self.config.shadow:
            raise CannotStart(
                f"--savepoint_path: {before.describe()} may have written after that savepoint "
                f"({job.how}), and those records would count twice. Hint: --take_over with "
                "--resume=FOLDER finds the newest checkpoint once that run is fenced; or stop that "
                "job with a savepoint first."
            )

    def _repeated(self, before: Run, job: EarlierJob) -> bool:
        if job.fate is Fate.RUNS:
            raise AlreadyRuns(f"run {before.run_id} runs already: {job.how}")
        if job.fate is Fate.ENDED:
            raise CannotStart(
                f"run {before.run_id} was submitted and has ended: {job.how}. Hint: a new launch "
                "needs a --run_id of its own."
            )
        if before.job_id is not None and not self.config.take_over:
            raise CannotStart(_held(before, self.config, job.how))
        self._require_no_savepoint(before, job)
        _LOG.info("an earlier attempt of run %s left its claim; going on", before.run_id)
        return True


def began_with(config: PipelineConfig) -> str:
    """Returns the state that a job begins with, for the table."""
    if config.start_from_tables is not None:
        return "tables"
    if config.updates:
        return "update"
    return config.savepoint_path or config.resume or "nothing"


def check_topics(chain: Iterable[Run], topic_ids: Mapping[str, str]) -> None:
    """Raises CannotStart when a topic is not the one that the tables were counted from."""
    known: dict[str, str] = {}
    for run in chain:
        if run.may_have_written:
            known |= run.topic_ids
    for topic, number in topic_ids.items():
        if known.get(topic, number) != number:
            raise CannotStart(
                f"topic {topic!r} is another one than the tables were counted from: Kafka's id of "
                f"it is {number}, it was {known[topic]}. It was deleted and made anew, and its "
                "offsets begin again. Hint: count it into tables of its own (`payments "
                "tables create` makes another dataset); a copy that keeps offsets is "
                "taken with --mirrored_topics."
            )


def check_contract(chain: Iterable[Run], config: PipelineConfig) -> None:
    """Raises CannotStart when the tables were counted by a contract that tells ids otherwise."""
    ours = fingerprint.fingerprint(config.contract)
    for run in chain:
        # Versions that noted none knew our own JSON only.
        theirs = run.contract or fingerprint.fingerprint(shipped.native())
        if run.may_have_written and theirs != ours:
            raise CannotStart(
                f"--contract: transaction_id, facts or digits of contract {config.contract.name} "
                f"({ours[:12]}) are not those that run {run.run_id} counted these tables by "
                f"({theirs[:12]}); copies would become conflicts or count twice. Hint: go on with "
                "that contract, or count into tables of their own (`payments tables create` makes "
                "another dataset)."
            )


def with_state_of(chain: Iterable[Run], config: PipelineConfig) -> PipelineConfig:
    """Returns the configuration with the number of shards in which the state lies.

    Raises:
        CannotStart: a flag contradicts the run whose state it is.
    """
    if not config.continues or config.shadow:
        return config
    earlier = [run for run in chain if run.may_have_written]
    if not earlier:
        if not config.shards_asked_for:
            _LOG.warning(
                "no run says in how many shards this state lies; going on with %d. Should Flink "
                "refuse it (Cannot map … state), give --shards=N: the job's graph names 'Into N "
                "shards'",
                config.shards,
            )
        return config
    last = earlier[-1]
    config = _with_arrival_of(last, config)
    if last.shards is None or last.shards == config.shards:
        return config
    if config.shards_asked_for:
        raise CannotStart(
            f"--shards={config.shards}, but the state of run {last.run_id} lies in {last.shards}. "
            "Hint: drop --shards; only --start_from_tables can change it."
        )
    return dataclasses.replace(config, shards=last.shards)


def _with_arrival_of(last: Run, config: PipelineConfig) -> PipelineConfig:
    """Returns the configuration with the bounds that the state was made with.

    Narrower ones may have been set since: what was reckoned with stays right. Wider ones, or other
    times, are refused.
    """
    arrival = config.source.arrival
    if last.arrival is None:
        return config
    if last.arrival != arrival.mode:
        raise CannotStart(
            f"--arrival={arrival.mode}, but the state of run {last.run_id} was made with "
            f"{last.arrival}: its times are others. Hint: --start_from_tables=FOLDER can change it."
        )
    known_sec = last.arrival_slack_sec or 0
    if known_sec < arrival.slack_sec:
        raise CannotStart(
            f"the topics' bounds of producers' times are wider than those that the state of run "
            f"{last.run_id} was made with: together {arrival.slack_sec} s, they were {known_sec} s "
            "(message.timestamp.before.max.ms and after.max.ms). Hint: set them to what they were, "
            "or start with --start_from_tables=FOLDER, which takes the new ones."
        )
    return config.arriving(dataclasses.replace(arrival, slack_sec=known_sec))


def _held(holder: Run, config: PipelineConfig, how: str) -> str:
    return (
        f"the tables of {config.dataset} are held by {holder.describe()} ({how}); two jobs would "
        "count everything twice. Hint: stop that one and say so with `payments runs end "
        f"--bigquery_dataset={config.dataset} --run_id={holder.run_id} --why=TEXT`, or start with "
        "--take_over, which makes it stop."
    )


def _row(config: PipelineConfig, began_with: str, topic_ids: Mapping[str, str]) -> Run:
    """Returns the row of a launch that is about to claim its tables."""
    assert config.sink.claim_id is not None, "a launch without preflight claims nothing"
    return Run(
        claim_id=config.sink.claim_id,
        run_id=config.run_id,
        started_at=dt.datetime.now(dt.UTC),
        launched_by=user_at_host(),
        pipeline_version=config.version,
        began_with=began_with,
        image=config.image,
        runner=config.runner,
        job_name=config.job_name,
        topics=json.dumps(dict(topic_ids), sort_keys=True),
        consumer_group=config.source.group,
        allowed_lateness_sec=config.allowed_lateness_us // 1_000_000,
        clock_skew_sec=config.clock_skew_us // 1_000_000,
        account_memory_sec=config.account_memory_us // 1_000_000,
        shards=config.shards,
        arrival=config.source.arrival.mode,
        arrival_slack_sec=config.source.arrival.slack_sec,
        contract=fingerprint.fingerprint(config.contract),
        contract_document=document.document_of(config.contract),
    )
