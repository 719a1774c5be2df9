"""The value of a field that the record does not have, from YAML to data."""

from __future__ import annotations

from transforms.codecs.contract.language import FIELDS, NULLABLE
from transforms.codecs.contract.mistakes import Section, hint_of, one_of
from transforms.payment.rules import MINOR_DIGITS


def closed(section: Section, name: str, key: str, text: str) -> None:
    """Notes a text that a field cannot have which knows a closed list only."""
    found, types = section.get(key), section.reading.payment_types
    if found is None:
        return
    if name == "payment_type" and text not in types:
        section.reading.must(found, section.name(key), one_of(sorted(types)), hint_of(text, types))
    elif name == "currency" and text not in MINOR_DIGITS:
        section.reading.must(found, section.name(key), "an ISO 4217 code")


def absent_of(section: Section, name: str) -> tuple[bool, str | None]:
    """Returns whether a field may be absent, and what is taken then."""
    if "absent" not in section:
        return False, None
    value = section.get("absent")
    if value is None or value.data is None:
        if name not in NULLABLE and name in FIELDS:
            section.reading.wrong(
                section.line_of("absent"),
                f"{section.name('absent')} must be a text, got null. Hint: only "
                f"{', '.join(NULLABLE)} may be unknown",
            )
        return True, None
    text = section.text("absent")
    if text is not None:
        closed(section, name, "absent", text)
    return True, text
