"""One end-to-end run: a topic, a dataset and a ledger of its own on a running sandbox."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from harness import programs
from harness.errors import HarnessError
from harness.flink import FlinkCluster
from harness.programs import Program
from operations import bigquery_client, contract_flag
from operations.reconcile.command import reconcile
from operations.reconcile.report import Report
from operations.reconcile.settings import Dataset, ReconcileConfig, Topics
from operations.reconcile.truth import Limits
from operations.tables import command as tables
from sandbox.endpoints import Endpoints, kafka_flags, pipeline_flags
from transforms.codecs.contract import extra_columns
from transforms.kafka import properties as kafka_properties
from transforms.kafka import topic_times
from transforms.payment.arrival import BOUNDED_CREATE, Arrival
from transforms.payment.tables import ALL_TABLES

PARTITIONS = 4
_FIRST_RECORD_SEC = 60


@dataclasses.dataclass(frozen=True)
class E2ERun:
    """Names of what belongs together; several can share a sandbox without meeting.

    Attributes:
        name: names the dataset and the files, and the topic unless another's is counted.
        endpoints: where the sandbox listens.
        folder: logs and ledger go here.
        counts: the run whose topic and ledger this one counts once more, into its own
            dataset; None for a topic and a ledger of its own.
        secure: whether Kafka is reached through TLS and a login.
        bounds_ms: message.timestamp.before.max.ms and after.max.ms of a topic that has its
            producers' times; None for LogAppendTime.
        contract: what --contract says to the job; None for our own JSON.
        speaks: the flags by which the simulator writes such payments.
    """

    name: str
    endpoints: Endpoints
    folder: Path
    counts: E2ERun | None = None
    secure: bool = False
    bounds_ms: tuple[int, int] | None = None
    contract: str | None = None
    speaks: tuple[str, ...] = ()

    @property
    def topic_settings(self) -> dict[str, str]:
        """Returns what is special of the topic."""
        if self.bounds_ms is None:
            return {topic_times.TYPE: "LogAppendTime"}
        before, after = map(str, self.bounds_ms)
        kind = {topic_times.TYPE: "CreateTime"}
        return {**kind, topic_times.BEFORE: before, topic_times.AFTER: after}

    @property
    def arrival_flags(self) -> list[str]:
        """Returns the flag by which a job takes the topic's times."""
        return [] if self.bounds_ms is None else [f"--arrival={BOUNDED_CREATE}"]

    @property
    def contract_flags(self) -> list[str]:
        """Returns the flag by which a job knows what payloads mean."""
        return [] if self.contract is None else [f"--contract={self.contract}"]

    @property
    def topic(self) -> str:
        """Returns the topic that is counted."""
        return self.name if self.counts is None else self.counts.topic

    @property
    def ledger(self) -> Path:
        """Returns where the simulator writes the truth."""
        if self.counts is not None:
            return self.counts.ledger
        return self.folder / f"{self.name}.ledger.jsonl"

    @property
    def flink(self) -> FlinkCluster:
        """Returns the sandbox's cluster."""
        return FlinkCluster(self.endpoints["flink_rest"])

    @property
    def flink_flag(self) -> str:
        """Returns the flag with which a launch asks the cluster what became of an earlier job."""
        return f"--flink={self.endpoints['flink_rest']}"

    @property
    def partial_ledgers(self) -> list[Path]:
        """Returns the ledgers of simulators that were killed; each has sent everything again."""
        return sorted(self.ledger.parent.glob(f"{self.name}.*partial.jsonl"))

    @property
    def ledgers(self) -> list[Path]:
        """Returns the ledgers of all simulators that have sent to the topic to their end.

        Raises:
            HarnessError: there is none; without one the reconciliation would check less, unasked.
        """
        name = self.name if self.counts is None else self.counts.name
        found = sorted(self.ledger.parent.glob(f"{name}.*ledger.jsonl"))
        if not found:
            raise HarnessError(f"no simulator has written a ledger for {name}")
        return found

    def prepare(self) -> None:
        """Makes the topic, unless it is another's, and the tables."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.counts is None:
            self.create_topic()
        client = bigquery_client.connect(self.endpoints["project"], self.endpoints["bigquery"])
        contract = contract_flag.named(self.contract)
        tables.create(client, self.name, extra_columns.with_columns(ALL_TABLES, contract))

    def simulate(self, flags: Sequence[str], part: str = "", to_be_killed: bool = False) -> Program:
        """Starts a simulator, its ledger ours, and returns once Kafka has its first records.

        Each of several to one topic needs a `part`.
        The ledger of one that is to be killed is partial: another must send the same again.
        """
        kind = "partial" if to_be_killed else "ledger"
        ledger = self.folder / f"{self.name}{part}.{kind}.jsonl"
        arguments = [
            *self._kafka_flags(),
            f"--kafka_topics={self.topic}",
            f"--ledger={ledger}",
            *self.speaks,
            *flags,
        ]
        program = programs.start("simulator", arguments, self._log(f"simulator{part}"))
        deadline = time.monotonic() + _FIRST_RECORD_SEC
        while not (ledger.exists() and ledger.stat().st_size):
            if not program.running():
                program.wait(0)  # tells why, unless it had nothing to send
                break
            if time.monotonic() > deadline:
                program.stop()
                raise HarnessError(f"no record was sent within {_FIRST_RECORD_SEC} s")
            time.sleep(0.1)
        return program

    def run_direct(
        self, flags: Sequence[str] = (), module: str = "pipeline", timeout_sec: float = 600
    ) -> None:
        """Runs the pipeline, or a control in its place, over what the topic holds."""
        arguments = ["--runner=DirectRunner", *self.flags(), self.flink_flag]
        arguments += [*self.arrival_flags, *self.contract_flags, *flags]
        programs.start(module, arguments, self._log("pipeline")).wait(timeout_sec)

    def submit_to_flink(
        self,
        flags: Sequence[str] = (),
        module: str = "pipeline",
        timeout_sec: float = 180,
    ) -> str:
        """Submits the pipeline and returns the Flink job's id, once it runs and checkpoints.

        `module` is what is run: the control of the crash tests runs the pipeline without the patch.
        """
        job = self.launch_on_flink(flags, module, timeout_sec)
        self.flink.wait_for_checkpoint(job, timeout_sec)
        return job

    def launch_on_flink(
        self,
        flags: Sequence[str] = (),
        module: str = "pipeline",
        timeout_sec: float = 180,
    ) -> str:
        """Submits the pipeline and returns the Flink job's id as soon as there is one."""
        before = set(self.flink.live_jobs())
        log = self.submit(flags, module, timeout_sec)
        deadline = time.monotonic() + timeout_sec
        while not (new := set(self.flink.live_jobs()) - before):
            if time.monotonic() > deadline:
                raise HarnessError(
                    f"no Flink job came of the submission; the log of the job server, in "
                    f"{self.endpoints['logs']}, says why. Ours ends:\n{programs.tail(log)}"
                )
            time.sleep(0.5)
        return new.pop()

    def submit(self, flags: Sequence[str], module: str, timeout_sec: float) -> Path:
        """Hands the pipeline to the job server, whatever comes of it; returns our log."""
        program = programs.start(module, self._on_flink(flags), self._log("pipeline"))
        program.wait(timeout_sec)
        return program.log

    def refused(self, flags: Sequence[str] = (), timeout_sec: float = 180) -> str:
        """Launches the pipeline, which must refuse to start; returns the line that it says."""
        program = programs.start("pipeline", self._on_flink(flags), self._log("refused"))
        code = program.process.wait(timeout_sec)
        said = [line for line in programs.tail(program.log).splitlines() if "error: " in line]
        if code != 1 or len(said) != 1:
            raise HarnessError(
                f"a launch that must be refused ended with {code}; its log ends:\n"
                + programs.tail(program.log)
            )
        return said[0]

    def _on_flink(self, flags: Sequence[str]) -> list[str]:
        return [
            "--runner=FlinkRunner",
            "--parallelism=2",
            "--no_wait_until_finish",
            *pipeline_flags(self.endpoints, self.secure),
            *self._tables_and_topic(),
            *self.arrival_flags,
            *self.contract_flags,
            *flags,
        ]

    def reconcile(
        self,
        wait_sec: float,
        progress: Callable[[str], None] = lambda text: None,
        by_ledger: bool = True,
        limits: Limits | None = None,
    ) -> Report:
        """Compares topic, ledger and tables, once all is queryable or `wait_sec` have passed.

        Without the ledger for a topic that others than the simulator have sent to; by the limits
        that the run was launched with unless others are given.
        """
        config = ReconcileConfig(
            topics=self._topics(),
            dataset=Dataset(self.endpoints["project"], self.name, self.endpoints["bigquery"]),
            ledgers=tuple(self.ledgers) if by_ledger else (),
            partial_ledgers=tuple(self.partial_ledgers) if by_ledger else (),
            limits=limits or self._limits(),
            wait_sec=wait_sec,
        )
        return reconcile(config, progress)

    def _limits(self) -> Limits:
        """Returns the limits of a job with the default flags."""
        limits = Limits(contract=contract_flag.named(self.contract))
        if self.bounds_ms is None:
            return limits
        slack_sec = -(-sum(self.bounds_ms) // 1_000)
        return dataclasses.replace(limits, arrival=Arrival(BOUNDED_CREATE, slack_sec))

    def flags(self) -> list[str]:
        """Returns the flags of a pipeline that needs no cluster, and of tools."""
        return [
            *self._kafka_flags(),
            f"--bigquery_endpoint={self.endpoints['bigquery']}",
            *self._tables_and_topic(),
        ]

    def _kafka_flags(self) -> list[str]:
        return kafka_flags(self.endpoints, self.secure)

    def _topics(self) -> Topics:
        if not self.secure:
            return Topics(self.endpoints["kafka"], (self.topic,))
        settings = kafka_properties.load(self.endpoints["kafka_config_file"])
        return Topics(self.endpoints["kafka_sasl_ssl"], (self.topic,), settings)

    def create_topic(self) -> None:
        """Makes the topic, empty."""
        admin = KafkaAdminClient(bootstrap_servers=self.endpoints["kafka"])
        try:
            admin.create_topics(
                [
                    NewTopic(
                        name=self.topic,
                        num_partitions=PARTITIONS,
                        replication_factor=1,
                        topic_configs=self.topic_settings,
                    )
                ]
            )
        finally:
            admin.close()

    def _tables_and_topic(self) -> list[str]:
        return [
            f"--kafka_topics={self.topic}",
            f"--bigquery_dataset={self.endpoints['project']}.{self.name}",
        ]

    def _log(self, program: str) -> Path:
        return self.folder / "logs" / f"{self.name}.{program}.log"
