"""Addresses in every legal form, and what is none."""

from __future__ import annotations

import argparse
import ipaddress
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from google.cloud import bigquery
from hypothesis import given
from hypothesis import strategies as st
from kafka.cluster import get_ip_port_afi

from operations import flag_types, places
from pipeline import runners
from pipeline.config_values import ConfigError
from pipeline.launch import preflight, resume
from pipeline.options import FlinkOptions
from simulator import destination
from simulator.traffic import UsageError
from tests.unit.test_config import FLINK, REQUIRED, config
from tests.unit.test_resume import checkpoint
from transforms import addresses

NAMES = ["broker", "Broker-1.Example.COM", "my_broker", "broker.example.com.", "10.0.0.1", "b.1"]


@pytest.mark.parametrize("host", [*NAMES, "[::1]", "[FE80::1%eth0]", "[::ffff:10.0.0.1]"])
def test_legal_host_is_taken_as_it_is(host: str) -> None:
    assert flag_types.host_port(f" {host}:9092 ") == f"{host}:9092"
    assert addresses.host_and_port(f"{host}:65535") == (host.strip("[]"), 65_535)


@given(st.ip_addresses(v=6), st.integers(1, 65_535))
def test_addresses_of_version_6_mean_to_kafka_what_they_mean_here(
    address: ipaddress.IPv6Address, port: int
) -> None:
    for spelt in (str(address), address.exploded, str(address).upper()):
        server = flag_types.servers(f"[{spelt}]:{port}, broker:1")

        host, of_kafka, _ = get_ip_port_afi(server.split(",")[0])
        assert (host, of_kafka) == addresses.host_and_port(f"[{spelt}]:{port}") == (spelt, port)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("broker", "must be host:port, got"),
        ("broker:", "must be host:port, got"),
        (":9092", "must be host:port, got"),
        ("broker:0", "must be host:port, got"),
        ("broker:65536", "must be host:port, got"),
        ("broker:٩٠٩٢", "must be host:port, got"),
        ("bro ker:9092", "must be host:port, got"),
        ("SASL_SSL://broker:9093", "without a protocol"),
        ("http://broker:8081", "without a protocol"),
        ("::1:9092", "an IPv6 address in brackets"),
        ("[::1]", "must be host:port"),
        ("[::1::]:9092", "must be host:port"),
        ("[broker]:9092", "must be host:port"),
        ("", "must be host:port"),
    ],
)
def test_what_is_no_address_is_refused(text: str, hint: str) -> None:
    for kind in (flag_types.host_port, flag_types.servers):
        with pytest.raises(argparse.ArgumentTypeError) as told:
            kind(text)
        assert hint in str(told.value)
    with pytest.raises(UsageError):
        destination.servers(text)


@pytest.mark.parametrize("text", ["a:1,b:2", " a:1 , b:2 ", "a:1,,b:2,", "a:1,\tb:2", "a:1,\nb:2"])
def test_lists_may_hold_blanks_and_end_in_a_comma(text: str) -> None:
    assert flag_types.servers(text) == "a:1,b:2"
    assert destination.servers(text) == "a:1,b:2"
    assert config(*REQUIRED[1:], f"--kafka_bootstrap_servers={text}").source.bootstrap_servers == (
        "a:1,b:2"
    )


@pytest.mark.parametrize("topic", [".", "..", "a/b", "ä", "x" * 250])
def test_what_kafka_calls_no_topic_is_refused(topic: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        flag_types.topic(topic)
    with pytest.raises(argparse.ArgumentTypeError):
        flag_types.topics(f"payments,{topic}")


@pytest.mark.parametrize("address", ["[::1]:1", "127.0.0.1:1", "no-such-host.invalid.:1"])
def test_preflight_asks_addresses_of_any_form(address: str) -> None:
    with pytest.raises(preflight.PreflightError) as told:
        preflight._check_listening("--job_endpoint", address)

    assert "nothing answers at " + address in str(told.value)
    assert "\n" not in str(told.value)


# --- BigQuery -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "project", "dataset"),
    [
        ("my-project.payments", "my-project", "payments"),
        ("my-project:payments", "my-project", "payments"),
        ("example.com:my-project.payments", "example.com:my-project", "payments"),
        ("example.com:my-project:Payments_2", "example.com:my-project", "Payments_2"),
        (" my-project.payments ", "my-project", "payments"),
    ],
)
def test_dataset_in_every_legal_form(text: str, project: str, dataset: str) -> None:
    assert flag_types.dataset(text) == (project, dataset)
    assert config(*REQUIRED[:2], f"--bigquery_dataset={text}").sink.project == project
    # As BigQuery's own client reads what we make of it.
    table = bigquery.TableReference.from_string(f"{project}.{dataset}.transactions")
    assert (table.project, table.dataset_id) == (project, dataset)


@pytest.mark.parametrize(
    "text",
    ["payments", "a.b.c", "example.com:my-project", "My.payments", "p.pay-ments", "p.", ".d", "p:"],
)
def test_what_is_no_dataset_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"must be PROJECT\.DATASET, got"):
        flag_types.dataset(text)


# --- Folders --------------------------------------------------------------------------------------

ODD = ["a b", "a%20b", "a#b", "a?b", "a[1]b", "a*b", "ü", "a+b&c=d"]


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("form", ["path", "escaped", "as it is", "short", "capitals", "host"])
def test_checkpoint_is_found_whatever_the_folder_is_called(
    tmp_path: Path, name: str, form: str
) -> None:
    folder = tmp_path / name
    checkpoint(folder / "chk-1", 100)
    checkpoint(tmp_path / "other" / "chk-2", 200)
    places_by_form = {
        "path": str(folder),
        "escaped": folder.as_uri(),
        "as it is": f"file://{folder}",
        "short": f"file:{folder}",
        "capitals": f"FILE://{folder}",
        "host": folder.as_uri().replace("file://", "file://localhost"),
    }

    found = resume.newest_checkpoint(places_by_form[form])

    # Flink takes what follows `file:` as it is: the very name.
    assert found.uri == f"file://{folder}/chk-1"


def test_relative_folder_is_one_of_this_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint(tmp_path / "checkpoints" / "chk-1", 100)
    monkeypatch.chdir(tmp_path)

    assert resume.newest_checkpoint("checkpoints/").uri == f"file://{tmp_path}/checkpoints/chk-1"


@pytest.mark.parametrize("given", ["file://{0}", "file:{0}", "{0}"])
def test_savepoint_is_handed_on_as_flink_takes_it(tmp_path: Path, given: str) -> None:
    folder = tmp_path / "a b" / "savepoint-1"
    folder.mkdir(parents=True)
    escaped = given.format(str(folder).replace(" ", "%20" if "file" in given else " "))
    options = PipelineOptions([*FLINK, f"--savepoint_path={escaped}"])

    runners.apply_defaults(options, "FlinkRunner", "payments")

    assert options.view_as(FlinkOptions).savepoint_path == f"file://{folder}"


@pytest.mark.parametrize("uri", ["gs://bucket/a%20b", "s3://bucket/x", "hdfs://name:9000/x"])
def test_uri_of_another_file_system_is_left_alone(uri: str) -> None:
    assert places.for_beam(uri) == places.for_flink(uri) == uri


@pytest.mark.parametrize("flag", ["--savepoint_path", "--start_from_tables"])
@pytest.mark.parametrize("place", ["", " ", "file:relative", "file://host/path"])
def test_folder_that_is_none_is_refused(flag: str, place: str) -> None:
    """An empty --savepoint_path would count as a state to resume from, and bring none."""
    with pytest.raises(ConfigError, match=f"{flag} must"):
        config(*FLINK, f"{flag}={place}")
