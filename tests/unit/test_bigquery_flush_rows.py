"""The flush step flushes the right offsets at the right time."""

from __future__ import annotations

import pytest

from tests.support.fake_bigquery import FakeBigQuery, FakeClient
from transforms.bigquery import flush_rows
from transforms.bigquery.errors import CannotWrite
from transforms.bigquery.sink import BigQuerySink


@pytest.fixture
def flushed(monkeypatch) -> list[tuple[str, int]]:
    """The flushes that were made."""
    made: list[tuple[str, int]] = []
    monkeypatch.setattr(FakeClient, "flush", lambda client, *flush: made.append(flush))
    return made


def step(dataset: str) -> flush_rows._FlushFn:
    FakeBigQuery(dataset)
    function = flush_rows._FlushFn(BigQuerySink("project", dataset), FakeClient)
    function.setup()
    function.start_bundle()
    return function


def test_a_stream_is_flushed_once_for_a_bundle_to_its_furthest_end(flushed) -> None:
    function = step("flush_once")
    for element in [("a", 3), ("b", 7), ("a", 9), ("a", 5)]:
        function.process(element)
    assert flushed == []
    function.finish_bundle()
    assert sorted(flushed) == [("a", 9), ("b", 7)]
    function.start_bundle()
    function.finish_bundle()
    assert len(flushed) == 2
    function.teardown()


def test_a_failed_bundle_leaves_nothing_to_the_next(flushed) -> None:
    function = step("flush_failed")
    function.process(("a", 3))
    function.start_bundle()
    function.process(("b", 1))
    function.finish_bundle()
    assert flushed == [("b", 1)]
    function.teardown()


def test_a_flush_that_fails_fails_the_bundle() -> None:
    function = step("flush_fails")
    function.process(("gone/1", 3))
    with pytest.raises(CannotWrite, match="gone/1"):
        function.finish_bundle()
    function.teardown()
