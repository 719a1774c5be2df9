"""Parts stay within what BigQuery takes, and hold every row once and in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pytest
from apache_beam.utils.timestamp import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.dead_letters import letter
from tests.support.payments import transaction
from transforms.bigquery import pack_rows
from transforms.bigquery.arrow_rows import ENCODERS, slices, weight_bytes
from transforms.payment.dead_letter import DETAIL_CHARS_MAX, KEPT_BYTES_MAX

REQUEST_BYTES_MAX = 10_000_000
AT = Timestamp(7)


def packed(table: str, batches: Sequence[list[Any]]) -> Iterator[tuple[str, int, bytes]]:
    """Yields the parts of one bundle."""
    function = pack_rows._PackFn(ENCODERS[table], "1.2.3")
    function.start_bundle()
    for batch in batches:
        for each in function.process(batch, AT):
            yield each.value
    for each in function.finish_bundle():
        yield each.value


def offsets(table: str, parts: Sequence[tuple[str, int, bytes]]) -> list[int]:
    found = []
    for _, rows, batch in parts:
        read = pa.ipc.read_record_batch(pa.py_buffer(batch), ENCODERS[table].schema)
        assert read.num_rows == rows
        found += read.column("kafka_offset").to_pylist()
    return found


@pytest.mark.parametrize("sizes", [[1], [4_000], [4_001], [3_999, 2, 1], [9_000], [500] * 17])
def test_no_part_has_more_than_four_thousand_rows(sizes: list[int]) -> None:
    numbers = iter(range(sum(sizes)))
    batches = [[transaction(offset=next(numbers)) for _ in range(size)] for size in sizes]
    parts = list(packed("transactions", batches))
    assert offsets("transactions", parts) == list(range(sum(sizes)))
    assert max(rows for _, rows, _ in parts) <= 4_000
    assert max(len(batch) for _, _, batch in parts) < REQUEST_BYTES_MAX // 2


def test_four_thousand_of_the_longest_payments_are_one_request() -> None:
    longest = {"account_id": "a" * 64, "merchant_id": "m" * 64, "device_id": "d" * 64}
    paid = [transaction("t" * 64, offset=each, topic="k" * 249, **longest) for each in range(4_000)]
    parts = list(packed("transactions", [paid]))
    assert offsets("transactions", parts) == list(range(4_000))
    assert max(len(batch) for _, _, batch in parts) < REQUEST_BYTES_MAX // 2


def test_the_largest_letters_go_one_by_one_and_stay_below_a_request() -> None:
    key, payload = b"k" * KEPT_BYTES_MAX, b"p" * KEPT_BYTES_MAX
    detail = "ü" * DETAIL_CHARS_MAX
    batch = [letter(offset=each, key=key, payload=payload, detail=detail) for each in range(3)]
    parts = list(packed("dead_letters", [batch]))
    assert offsets("dead_letters", parts) == [0, 1, 2]
    assert [rows for _, rows, _ in parts] == [1, 1, 1]
    assert max(len(batch) for _, _, batch in parts) < REQUEST_BYTES_MAX // 2


def test_letters_are_put_out_before_they_fill_the_memory() -> None:
    function = pack_rows._PackFn(ENCODERS["dead_letters"], "1.2.3")
    function.start_bundle()
    heavy = letter(payload=b"p" * KEPT_BYTES_MAX)
    assert list(function.process([heavy], AT)) == []
    assert len(list(function.process([heavy], AT))) == 2
    assert list(function.finish_bundle()) == []


@settings(max_examples=60)
@given(st.lists(st.integers(0, 3_000), min_size=1, max_size=40), st.integers(1_000, 6_000))
def test_slices_hold_every_row_once_and_fit(sizes: list[int], bytes_max: int) -> None:
    whole = ENCODERS["dead_letters"].encode(
        [letter(offset=place, payload=b"p" * size) for place, size in enumerate(sizes)], "v"
    )
    found = list(slices(whole, bytes_max))
    assert pa.Table.from_batches(found).equals(pa.Table.from_batches([whole]))
    for each in found:
        assert each.num_rows == 1 or each.get_total_buffer_size() <= bytes_max


def test_what_a_failed_bundle_had_gathered_is_not_put_out_by_the_next() -> None:
    function = pack_rows._PackFn(ENCODERS["transactions"], "1.2.3")
    function.start_bundle()
    list(function.process([transaction(offset=1)], AT))
    function.start_bundle()  # the bundle failed and comes again
    list(function.process([transaction(offset=2)], AT))
    parts = [each.value for each in function.finish_bundle()]
    assert offsets("transactions", parts) == [2]

    gather = pack_rows._GatherFn((0, 1))
    gather.start_bundle()
    list(gather.process(("t", 1, b"failed"), AT))
    gather.start_bundle()
    list(gather.process(("t", 1, b"again"), AT))
    assert [each.value[1] for each in gather.finish_bundle()] == [[("t", 1, b"again")]]


def test_the_earliest_time_of_what_is_gathered_is_its_time() -> None:
    function = pack_rows._PackFn(ENCODERS["transactions"], "1.2.3")
    function.start_bundle()
    for at in (9, 3, 5):
        list(function.process([transaction()], Timestamp(at)))
    assert [each.timestamp for each in function.finish_bundle()] == [Timestamp(3)]


def test_streams_take_turns_and_an_element_stays_small() -> None:
    gather = pack_rows._GatherFn((0, 1))
    gather.start_bundle()
    heavy = ("dead_letters", 1, b"p" * (3 * 1_048_576))
    found = [each.value for _ in range(4) for each in gather.process(heavy, AT)]
    found += [each.value for each in gather.finish_bundle()]
    assert [(stream, len(parts)) for stream, parts in found] == [(1, 2), (0, 2)]


def test_dead_letters_alone_have_weight() -> None:
    assert weight_bytes([transaction(), letter(key=None, payload=None)]) == 0
    assert weight_bytes([letter(key=b"12", payload=b"345")]) == 5
