"""The commands list, show, edit and send: each takes checked values and returns an exit code."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Literal

from operations import json_document
from operations.dead_letters import documents, fields, rewrite, text, topic
from operations.dead_letters.candidate import Candidate
from operations.dead_letters.chain import chain_of
from operations.dead_letters.folder import Folder, Sheet
from operations.dead_letters.history import Filter, History
from operations.dead_letters.letters import Stored, name_of, place_of
from operations.dead_letters.receipt import Receipt
from operations.dead_letters.send import Result, SendConfig, send
from operations.dead_letters.verdict import problem_of
from operations.errors import ReplayError, UsageError
from operations.reconcile.settings import Topics
from operations.reconcile.truth import Limits, Place
from payments import exit_codes
from transforms.codecs.contract.decoder import Decoder
from transforms.payment import kept_headers
from transforms.payment.dead_letter import DeadLetter

ListForm = Literal["table", "places", "json"]
PageForm = Literal["page", "payload", "json"]
# Some were skipped, failed, or are still wrong.
_LEFT = exit_codes.FINDING


def list_letters(history: History, wanted: Filter, form: ListForm) -> int:
    """Prints the newest dead letters that are meant."""
    found = history.find(dataclasses.replace(wanted, limit=wanted.limit + 1))
    shown = found[: wanted.limit]
    if form == "places":
        print("\n".join(name_of(place_of(stored.letter)) for stored in shown))
    elif form == "json":
        json_document.show([documents.listed(stored) for stored in shown])
    else:
        print(text.listing(shown) if shown else "no dead letters")
    if len(found) > len(shown):
        tell(f"the newest {len(shown)} are shown; --limit shows more")
    return exit_codes.WELL


def show_letter(history: History, place: Place, form: PageForm) -> int:
    """Prints all that is known of one, or its payload, byte for byte."""
    [letter] = found(history, [place])
    if form == "payload":
        sys.stdout.buffer.write(letter.payload or b"")
        sys.stdout.buffer.flush()
    elif form == "json":
        json_document.show(documents.page(letter, chain_of(letter, history)))
    else:
        print(text.page(letter, chain_of(letter, history)))
    return exit_codes.WELL


def start_edit(
    history: History,
    selected: Sequence[Place] | Filter,
    folder: Folder,
    topics: Topics | None,
    headers: Sequence[str],
) -> None:
    """Writes the payloads of the selected dead letters to a folder that has none yet.

    Args:
        headers: names of those that the contract asks for.

    Raises:
        ReplayError: there is nothing to write, or a record's bytes are nowhere any more.
    """
    if isinstance(selected, Filter):
        stored: list[Stored] = history.find(selected)
        letters = [each.letter for each in stored]
    else:
        letters = found(history, selected)
    if not letters:
        raise ReplayError("no dead letters: nothing to edit")
    candidates = as_stored(letters, topics, headers)
    gone = [each for each in candidates if _bytes_gone(each, bool(headers))]
    with_bytes = [each for each in candidates if each not in gone]
    for each in candidates:
        if each in gone:
            tell(f"left out: {name_of(each.place)}: Kafka no longer holds the record")
    folder.write(with_bytes)
    tell(f"{len(with_bytes)} payloads are in {folder.path}")


def go_on_editing(
    history: History, folder: Folder, settings: Sequence[fields.Setting], limits: Limits
) -> int:
    """Sets fields in every payload of the folder, and says what is still wrong with each."""
    wrong = 0
    for sheet in folder.sheets() if settings else ():
        _set(folder, sheet, settings, limits.decoder)
    now_us = time.time_ns() // 1_000
    sheets = {sheet.place: sheet for sheet in folder.sheets()}
    for candidate in from_folder(history, folder):
        problem = problem_of(candidate, limits, now_us)
        wrong += problem is not None
        print(f"{sheets[candidate.place].file}  {text.visible(str(problem or 'ok'))}")
    tell(f"{wrong} of {len(sheets)} payloads would be rejected again" if wrong else "all are valid")
    return _LEFT if wrong else exit_codes.WELL


def _set(
    folder: Folder, sheet: Sheet, settings: Sequence[fields.Setting], decoder: Decoder
) -> None:
    headers = fields.changed_headers(sheet.headers, settings)
    if headers != sheet.headers:
        folder.set_headers(sheet, headers)
    before = folder.payload(sheet)
    try:
        payload = rewrite.changed(before, settings, decoder)
    except ValueError as error:
        tell(f"not set in {sheet.file}: {error}")
        return
    if payload is not None and payload != before:
        folder.replace(sheet, payload)


def send_letters(
    candidates: Sequence[Candidate], history: History, receipt: Receipt, config: SendConfig
) -> int:
    """Sends, or tells what would be sent; prints what became of each, whatever happens."""
    done: list[Result] = []
    try:
        for result in send(candidates, history, receipt, config, tell):
            done.append(result)
    finally:
        if done:
            print(text.results(done))
        print(text.summary(done))
    if not config.really:
        tell("nothing was sent: this was a dry run; --yes sends")
    return exit_codes.WELL if all(result.well for result in done) else _LEFT


def found(history: History, places: Sequence[Place]) -> list[DeadLetter]:
    """Returns the dead letters at all of the places.

    Raises:
        ReplayError: there is none at one of them.
    """
    letters = history.letters(places)
    missing = [place for place in places if place not in letters]
    if missing:
        raise ReplayError(f"no dead letter is at {name_of(missing[0])}. Hint: `list` names them")
    return list(letters.values())


def as_stored(
    letters: Iterable[DeadLetter], topics: Topics | None, headers: Sequence[str] = ()
) -> list[Candidate]:
    """Returns the letters with the bytes and headers that they arrived with.

    Args:
        headers: names of those that the contract asks for.

    Raises:
        UsageError: some bytes are only in Kafka, and no broker is named.
    """
    with contextlib.ExitStack() as stack:
        reader = None
        candidates = []
        for letter in letters:
            if letter.holds_record(bool(headers)):
                kept = kept_headers.unpacked(letter.headers) if letter.headers else ()
                own = tuple(each for each in kept if each[0] in headers)
                candidates.append(Candidate(letter, letter.key, letter.payload, own))
                continue
            if topics is None:
                raise UsageError(
                    f"{name_of(place_of(letter))} was refused by BigQuery, is too large for it, or "
                    "has no headers there: its bytes are in Kafka. --kafka_bootstrap_servers is "
                    "required"
                )
            reader = reader or stack.enter_context(topic.connected(topics))
            record = reader.record_at(place_of(letter), headers)
            held = (
                (None, None, ()) if record is None else (record.key, record.payload, record.headers)
            )
            candidates.append(Candidate(letter, *held))
        return candidates


def from_folder(history: History, folder: Folder) -> list[Candidate]:
    """Returns the letters of a folder with the bytes and keys that it holds."""
    sheets = {sheet.place: sheet for sheet in folder.sheets()}
    return [
        Candidate(letter, sheet.key, folder.payload(sheet), sheet.headers)
        for letter, sheet in zip(found(history, list(sheets)), sheets.values(), strict=True)
    ]


def tell(words: str) -> None:
    """Writes to stderr: stdout is for what was asked for."""
    print(words, file=sys.stderr, flush=True)


def _bytes_gone(candidate: Candidate, with_headers: bool) -> bool:
    return not candidate.letter.holds_record(with_headers) and candidate.payload is None
