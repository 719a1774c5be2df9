"""`payments dead-letters`: flags, usage errors, and SQL that BigQuery takes."""

import argparse
from pathlib import Path

import pytest
import sqlglot
from apache_beam.options.pipeline_options import PipelineOptions

from operations.dead_letters import command as dead_letters
from operations.dead_letters import commands, flags
from operations.dead_letters.history import Filter, History
from operations.reconcile.settings import Dataset
from operations.reconcile.truth import Place
from pipeline import options
from tests.support import no_runs

PLACE = "payments/2/4711"
BIGQUERY = ["--bigquery_dataset=shop.payments", "--bigquery_endpoint=127.0.0.1:9"]
KAFKA = ["--kafka_bootstrap_servers=127.0.0.1:9"]


def parsed(*arguments: str) -> argparse.Namespace:
    return flags.parser().parse_args(arguments)


def test_flags_shared_with_the_pipeline_have_its_defaults() -> None:
    theirs = argparse.ArgumentParser()
    for group in options.OWN_OPTIONS:
        assert issubclass(group, PipelineOptions)
        group._add_argparse_args(theirs)
    wanted = vars(theirs.parse_args([]))

    ours = vars(parsed("send", PLACE, *BIGQUERY, *KAFKA))

    shared = {"clock_skew_sec", "allowed_lateness_sec", "kafka_config_file"}
    assert [ours[name] for name in shared] == [None] * 3  # the table runs says the limits
    assert {*shared, "bigquery_dataset", "bigquery_endpoint", "kafka_topics"} <= wanted.keys()


def test_nothing_is_sent_unless_asked() -> None:
    assert parsed("send", PLACE, *BIGQUERY, *KAFKA).yes is False


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "PLACE"),
        ([PLACE, "--from=folder"], "PLACE"),
        ([PLACE, "--lag_max_sec=3661"], "3660"),
        ([PLACE, "--kafka_config_file=nowhere"], "nowhere"),
    ],
)
def test_mistake_in_a_send_is_told_before_anything_is_sent(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    words: str,
) -> None:
    no_runs.pretend(monkeypatch)
    assert dead_letters.main(["send", *BIGQUERY, *KAFKA, *arguments]) == 2

    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and words in error


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", *BIGQUERY, "nowhere"],
        ["list", *BIGQUERY, "--reason=unknown"],
        ["list", *BIGQUERY, "--since=yesterday"],
        ["list", *BIGQUERY, "--limit=0"],
        ["edit", *BIGQUERY, "--folder=f", "--set=currency"],
        ["send", *BIGQUERY, PLACE],
        ["list", "--bigquery_dataset=nodot"],
        [],
    ],
)
def test_mistake_in_the_flags_is_a_usage_error(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        dead_letters.main(arguments)

    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_folder_that_was_edited_takes_no_other_letters(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "manifest.jsonl").touch()

    assert dead_letters.main(["edit", *BIGQUERY, "--folder", str(tmp_path), PLACE]) == 2
    assert "another --folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", ["2026-11-23", "2026-11-23T08:15", "2026-11-23T08:15:00+01:00", "2h"]
)
def test_time_always_has_a_zone(words: str) -> None:
    assert parsed("list", *BIGQUERY, f"--since={words}").since.tzinfo is not None


@pytest.mark.parametrize("sent_too", [True, False])
def test_sql_is_bigquerys(monkeypatch: pytest.MonkeyPatch, sent_too: bool) -> None:
    asked: list[str] = []
    history = History(Dataset("shop", "payments", "127.0.0.1:9"))
    monkeypatch.setattr(history, "_query", lambda sql, *values: asked.append(sql) or [])
    place = Place("payments", 2, 4711)

    history.find(Filter("not_json", "payments", sent_too=sent_too))
    history.letters([place])
    history.fates([place])
    history.counted(["tx-1"])
    history.newest()

    assert len(asked) >= 5
    for sql in asked:
        assert len(sqlglot.parse(sql, dialect="bigquery")) == 1


def test_ids_are_never_part_of_the_sql(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    history = History(Dataset("shop", "payments", "127.0.0.1:9"))
    monkeypatch.setattr(history, "_query", lambda sql, *values: asked.append(sql) or [])

    history.counted(["' OR 1=1 --"])
    history.find(Filter(reason="x' OR 1=1"))

    assert not any("OR 1=1" in sql for sql in asked)


def test_letter_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    history = History(Dataset("shop", "payments", "127.0.0.1:9"))
    monkeypatch.setattr(history, "_query", lambda sql, *values: [])

    with pytest.raises(commands.ReplayError, match="no dead letter is at payments/2/4711"):
        commands.found(history, [Place("payments", 2, 4711)])
