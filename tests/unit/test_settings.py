"""A setting is found in the flag, else the variable, else the file; mistakes name their place."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from payments import config, sources
from payments.errors import SettingsError
from payments.parser import Parser
from payments.settings import OF_THE_JOB, SETTINGS
from pipeline import main, options


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "payments.toml"


def completed(file: Path, arguments: list[str], environment: dict[str, str]) -> dict[str, str]:
    names = ("flink", "kafka_topics", "clock_skew_sec")
    done = sources.completed([f"--config={file}", *arguments], names, environment)
    parser = argparse.ArgumentParser()
    for name in names:
        parser.add_argument(f"--{name}")
    return vars(parser.parse_args(done.arguments))


def test_flags_win_over_variables_and_those_over_the_file(file: Path) -> None:
    file.write_text('flink = "file:1"\nkafka_topics = ["a", "b"]\nclock_skew_sec = 7\n')
    environment = {"PAYMENTS_FLINK": "variable:1", "PAYMENTS_KAFKA_TOPICS": "c"}

    found = completed(file, ["--flink=flag:1"], environment)

    assert found == {"flink": "flag:1", "kafka_topics": "c", "clock_skew_sec": "7"}


def test_a_variable_names_the_file_too(file: Path) -> None:
    file.write_text('kafka_topics = ["a", "b"]\n')

    done = sources.completed([], ["kafka_topics"], {"PAYMENTS_CONFIG": str(file)})

    assert done.arguments == ["--kafka_topics=a,b"]


def test_the_file_may_hold_what_another_command_takes(file: Path) -> None:
    file.write_text('live_dataset = "p.live"\n')

    assert completed(file, [], {}) == {"flink": None, "kafka_topics": None, "clock_skew_sec": None}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('kafka_topic = "a"', ["unknown key 'kafka_topic' in", "did you mean kafka_topics?"]),
        ('password = "secret"', ["unknown key 'password'", "`payments config show` lists them"]),
        ("[kafka]\ntopics = 1", ["unknown key 'kafka'"]),
        ("flink = true", ["flink in", "must be a text or a number, got True"]),
        ("flink = {a = 1}", ["must be a text or a number"]),
        ('flink = ""', ["flink in", "must not be empty"]),
        ("flink", ["must be TOML"]),
        ("flink = " + "[" * 9_999, ["must be TOML"]),
        ('flink = "a:1"\nflink = "b:1"', ["must be TOML"]),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_place(
    file: Path, content: str, words: list[str]
) -> None:
    file.write_text(content)

    with pytest.raises(SettingsError) as raised:
        completed(file, [], {})

    assert raised.value.exit_code == 2
    for word in (*words, str(file)):
        assert word in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--config .*gone\.toml: No such file"):
        completed(tmp_path / "gone.toml", [], {})


@pytest.mark.parametrize("arguments", [["--flink="], ["--flink", ""], ["--flink", " "]])
def test_an_empty_flag_is_a_mistake(file: Path, arguments: list[str]) -> None:
    file.write_text("")

    with pytest.raises(SettingsError, match="--flink must not be empty"):
        completed(file, arguments, {})


def test_an_empty_variable_is_a_mistake(file: Path) -> None:
    file.write_text("")

    with pytest.raises(SettingsError, match="PAYMENTS_FLINK must not be empty"):
        completed(file, [], {"PAYMENTS_FLINK": ""})


def test_an_empty_name_of_the_file_is_a_mistake(file: Path) -> None:
    """As `export PAYMENTS_CONFIG=$(…)` leaves it behind when what is in the brackets fails."""
    file.write_text("")

    with pytest.raises(SettingsError, match="PAYMENTS_CONFIG must not be empty"):
        sources.completed([], ["flink"], {"PAYMENTS_CONFIG": ""})
    assert completed(file, [], {"PAYMENTS_CONFIG": ""})["flink"] is None


def test_what_stands_behind_two_hyphens_is_left_alone() -> None:
    done = sources.completed(["--", "--config=x", "--flink="], ["flink"], {})

    assert done.arguments == ["--", "--config=x", "--flink="]


def test_a_program_can_be_kept_from_all_settings() -> None:
    environment = {"PAYMENTS_FLINK": "f:1", "PAYMENTS_CONFIG": "x", "PATH": "/bin"}

    assert sources.without_settings(environment) == {"PATH": "/bin"}


def test_a_wrong_value_is_told_with_where_it_came_from(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def number(text: str) -> int:
        if not text.isdecimal():
            raise argparse.ArgumentTypeError(f"must be a number, got {text!r}")
        return int(text)

    parser = Parser(prog="payments x")
    for name in ("shards", "flink"):
        parser.add_setting(name, type=number)
    file.write_text('shards = "many"\n')
    monkeypatch.setenv("PAYMENTS_FLINK", "no")

    for arguments, place in (
        ([f"--config={file}", "--flink=1"], f"shards in {file} must be a number, got 'many'"),
        (["--shards=1"], "PAYMENTS_FLINK must be a number, got 'no'"),
        (["--shards=x", "--flink=1"], "--shards must be a number, got 'x'"),
    ):
        with pytest.raises(SystemExit) as ended:
            parser.parse_args(arguments)
        assert ended.value.code == 2
        assert capsys.readouterr().err == f"error: {place} (`payments x --help`)\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--why=x"], "--flink. Hint: a flag, a variable (PAYMENTS_…) or a key of --config FILE "),
        ([], "--flink, --why. Hint: a flag, a variable (PAYMENTS_…) or a key of --config FILE "),
        (["--flink=f:1"], "--why (`payments x --help`)"),
    ],
    ids=["a setting", "both", "no setting"],
)
def test_a_variable_or_the_file_is_hinted_at_for_settings_alone(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = Parser(prog="payments x")
    parser.add_setting("flink", required=True)
    parser.add_argument("--why", required=True)

    with pytest.raises(SystemExit):
        parser.parse_args(arguments)

    said = capsys.readouterr().err
    assert said.startswith(f"error: the following arguments are required: {told}")
    assert "says --why" not in said and "and --why" not in said


def test_the_job_takes_the_same_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text('kafka_bootstrap_servers = "broker"\nlive_dataset = "p.l"\n')

    flags = [f"--config={file}", "--kafka_topics=a", "--bigquery_dataset=p.d"]
    assert main.main(flags) == 2

    told = capsys.readouterr().err
    assert told.startswith(f"error: kafka_bootstrap_servers in {file}: --kafka_bootstrap_servers")

    file.write_text("parallelism = 1.5\n")
    assert main.main(flags) == 2
    told = capsys.readouterr().err
    assert told == f"error: parallelism in {file}: --parallelism: invalid int value: '1.5'\n"


def test_show_tells_each_setting_and_its_source(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text("shards = 8\n")
    monkeypatch.setenv("PAYMENTS_FLINK", "f:1")
    monkeypatch.setenv("PAYMENTS_FLINKK", "f:1")

    assert config.main(["show", f"--config={file}", "--ledger=l", "--json"]) == 0

    printed = capsys.readouterr()
    told = {row["name"]: (row["value"], row["from"]) for row in json.loads(printed.out)}
    assert told.keys() == SETTINGS.keys()
    assert told["ledger"] == ("l", "--ledger")
    assert told["flink"] == ("f:1", "PAYMENTS_FLINK")
    assert told["shards"] == ("8", f"shards in {file}")
    assert told["dedup_state"] == ("sharded", "default")
    assert told["region"] == (None, None)
    assert printed.err == "note: no setting is called PAYMENTS_FLINKK\n"

    assert config.main(["show"]) == 0
    assert "default" in capsys.readouterr().out


def test_settings_of_the_job_are_flags_of_it_with_the_defaults_of_it() -> None:
    ours = argparse.ArgumentParser()
    for group in options.OWN_OPTIONS:
        group._add_argparse_args(ours)
    defaults = vars(ours.parse_args([]))
    theirs = PipelineOptions([]).get_all_options()

    assert {name for name in OF_THE_JOB if name not in defaults | theirs} == set()
    different = {
        name: (SETTINGS[name].default, defaults[name])
        for name in OF_THE_JOB
        if name in defaults and str(defaults[name]) != str(SETTINGS[name].default)
    }
    assert different == {}
