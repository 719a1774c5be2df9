"""The simulator's command line: errors within a minute, scenarios and connection files."""

import dataclasses
import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from simulator import cli, scenario
from simulator.produce import ProduceError
from simulator.run import Job
from simulator.traffic import Traffic

SERVER = ["--kafka_bootstrap_servers", "127.0.0.1:9092"]


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Runs nothing, and keeps what would have run."""
    jobs: list[Job] = []
    monkeypatch.setattr(cli, "run", lambda job: jobs.append(job) or 0)
    monkeypatch.setattr(cli, "_tune", lambda: None)
    return jobs


@pytest.fixture
def error_of(jobs: list[Job], capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def error_of(*argv: str) -> str:
        with pytest.raises(SystemExit) as exit_:
            cli.main(argv)
        assert exit_.value.code == 2 and not jobs
        return capsys.readouterr().err

    return error_of


def test_flags_win_over_the_scenario_and_the_scenario_over_defaults(jobs: list[Job]) -> None:
    assert cli.main([*SERVER, "--scenario", "broker_retry", "--rate_per_sec", "7"]) == 0

    traffic = jobs[0].traffic
    assert traffic.rate_per_sec == 7
    assert traffic.duplicate_ratio == 0.1
    assert traffic.seed == Traffic().seed


@pytest.mark.parametrize("length", [["--count", "9"], ["--duration_sec", "9"]])
def test_one_length_replaces_the_scenarios_other(jobs: list[Job], length: list[str]) -> None:
    for name in ("happy_path", "broker_retry"):
        assert cli.main([*SERVER, "--scenario", name, *length]) == 0
    for job in jobs:
        assert (job.traffic.count, job.traffic.duration_sec).count(None) == 1


@pytest.mark.parametrize("name", scenario.names())
def test_every_scenario_can_run_and_says_what_it_is(name: str, jobs: list[Job]) -> None:
    assert cli.main([*SERVER, "--scenario", name]) == 0
    assert jobs[0].traffic.records
    assert len(scenario.describe(name)) > 40


def test_the_scenarios_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--list_scenarios"]) == 0

    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == scenario.names()
    assert {"happy_path", "duplicate_storm", "late_burst", "conflict_attack"} <= set(listed)
    assert {"broker_retry", "poison_pill"} <= set(listed)


def test_help_names_every_setting_and_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(["--help"])

    out = capsys.readouterr().out
    assert exit_.value.code == 0
    for field in dataclasses.fields(Traffic):
        assert f"--{field.name}" in out
    assert "example:" in out and "--start_time" in out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "--kafka_bootstrap_servers is required"),
        (["--kafka_bootstrap_servers", "localhost"], "must be host:port, got 'localhost'"),
        (["--kafka_bootstrap_servers", "a:1,b:x"], "got 'b:x'"),
        (["--kafka_bootstrap_servers", "a:70000"], "got 'a:70000'"),
        ([*SERVER, "--kafka_topics", "a b"], "--kafka_topics must be"),
        ([*SERVER, "--count", "5", "--duration_sec", "5"], "exclude each other"),
        ([*SERVER, "--count", "0"], "--count must be above 0"),
        ([*SERVER, "--rate_per_sec", "-1"], "--rate_per_sec must be between"),
        ([*SERVER, "--late_ratio", "1.5"], "--late_ratio must be between 0 and 1"),
        ([*SERVER, "--late_ratio", "nan"], "--late_ratio must be between 0 and 1"),
        ([*SERVER, "--late_ratio", "0.6", "--invalid_ratio", "0.5"], "too many faults"),
        ([*SERVER, "--duplicate_ratio", "0.9"], "too many faults"),
        ([*SERVER, "--conflict_ratio", "0.6"], "--conflict_ratio 0.6 must be at most"),
        ([*SERVER, "--transaction_records", "-1"], "must be from 0 to 10000, got -1"),
        ([*SERVER, "--open_transaction_sec", "700"], "must be from 0 to 600, got 700"),
        ([*SERVER, "--clock_off_sec", "-90000"], "must be from -86400 to 86400, got -90000"),
        ([*SERVER, "--clock_off_sec", "nan"], "must be from -86400 to 86400, got nan"),
        ([*SERVER, "--abort_ratio", "0.5"], "--abort_ratio needs --transaction_records"),
        ([*SERVER, "--duplicate_kinds", "retry,again"], "'again' is unknown"),
        ([*SERVER, "--duplicate_kinds", ""], "must name at least one"),
        ([*SERVER, "--scenario", "nope"], "no such scenario or file. Scenarios: broker_retry"),
        ([*SERVER, "--start_time", "noon"], "--start_time"),
        ([*SERVER, "--start_time", "2026-11-23T08:15:30"], "must name its zone"),
        ([*SERVER, "--start_time", "2099-11-23T08:15:30Z"], "at most 30 s ahead"),
        (
            [*SERVER, "--rate_per_sec", "0", "--start_time", "2020-01-01T00:00:00Z"],
            "needs a --rate_per_sec",
        ),
        ([*SERVER, "--ledger", "/no/such/folder/x"], "the folder does not exist"),
        ([*SERVER, "--kafka_config_file", "/no/such/file"], "No such file"),
        ([*SERVER, "--rate", "5"], "unrecognized arguments: --rate"),
    ],
)
def test_a_usage_error_says_what_to_give(
    argv: list[str], message: str, error_of: Callable[..., str]
) -> None:
    assert message in error_of(*argv)


def test_a_start_time_an_hour_ago_is_refused(error_of: Callable[..., str]) -> None:
    hour_ago = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)

    assert "let the network decide" in error_of(*SERVER, "--start_time", hour_ago.isoformat())


def test_a_start_time_long_ago_is_taken(jobs: list[Job]) -> None:
    assert cli.main([*SERVER, "--start_time", "2020-01-01T00:00:00Z"]) == 0
    assert jobs[0].start_time_us == 1_577_836_800_000_000


def test_the_truth_of_an_earlier_run_is_not_overwritten(
    tmp_path: Path, error_of: Callable[..., str]
) -> None:
    (tmp_path / "run.jsonl").write_text("{}\n")

    assert "exists" in error_of(*SERVER, "--ledger", str(tmp_path / "run.jsonl"))


def test_what_cannot_be_delivered_is_said_without_a_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(job: Job) -> int:
        raise ProduceError("no broker at 127.0.0.1:9092")

    monkeypatch.setattr(cli, "run", refuse)
    monkeypatch.setattr(cli, "_tune", lambda: None)

    assert cli.main(SERVER) == 1
    assert capsys.readouterr().err == "error: no broker at 127.0.0.1:9092\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("duplicates: 1", "unknown key 'duplicates'. Known: rate_per_sec, count"),
        ("count: many", "count must be a whole number, got 'many'"),
        ("count: 1.5", "count must be a whole number, got 1.5"),
        ("late_ratio: yes", "late_ratio must be a number, got True"),
        ("duplicate_kinds: retry", "must be a list of names"),
        ("- count", "must hold keys and values"),
        ("count: [", "while parsing"),
    ],
)
def test_a_wrong_scenario_names_file_and_key(
    tmp_path: Path, text: str, message: str, error_of: Callable[..., str]
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)

    error = error_of(*SERVER, "--scenario", str(path))
    assert str(path) in error and message in error


def test_a_scenario_of_ones_own_is_taken(tmp_path: Path, jobs: list[Job]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("description: mine\nrate_per_sec: 3\nduplicate_kinds: [burst]\n")

    assert cli.main([*SERVER, "--scenario", str(path)]) == 0
    assert (jobs[0].traffic.rate_per_sec, jobs[0].traffic.duplicate_kinds) == (3, ("burst",))


def test_settings_that_are_no_connection_are_left_out_with_a_note(
    tmp_path: Path, jobs: list[Job], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "client.properties"
    path.write_text("group.id=pipeline\nclient.id=me\n")

    assert cli.main([*SERVER, "--kafka_config_file", str(path)]) == 0

    assert jobs[0].connection == {"bootstrap_servers": ["127.0.0.1:9092"], "client_id": "me"}
    assert "group.id is left out" in capsys.readouterr().err
