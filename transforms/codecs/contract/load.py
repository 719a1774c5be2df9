"""A contract file to a checked contract, with all of its mistakes at once."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path as FilePath

from transforms.codecs.contract import (
    avro,
    load_fields,
    load_layers,
    protobuf,
    schema_paths,
    yaml_tree,
)
from transforms.codecs.contract.language import (
    DEFAULT_FACTS,
    FACTS,
    FACTS_ALWAYS,
    FORMATS,
    VERSION,
    Contract,
    Field,
    Schema,
)
from transforms.codecs.contract.mistakes import ContractError, Mistake, Reading, Section, hint_of
from transforms.codecs.contract.schema_source import WriterSchema
from transforms.codecs.contract.yaml_tree import YamlError
from transforms.payment.arrival import ARRIVALS, LOG_APPEND
from transforms.payment.ids import ALPHABETS
from transforms.payment.rules import PAYMENT_TYPES

_KEYS = (
    *("contract", "means", "topics", "format", "schema", "unwrap", "tombstones", "keep"),
    *("fields", "facts", "payment_types", "columns", "extra", "arrival", "ids"),
    "payload_bytes_max",
)
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_PAYMENT_TYPE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_URL = re.compile(r"https?://\S+")
_PAYLOAD_BYTES_MAX = 1_048_576

# What `schema` must say.
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "avro": ("file",),
    "avro_registry": ("registry",),
    "protobuf": ("file", "message"),
    "protobuf_registry": (),
}

# Gives the content of a file that a contract names.
ReadFile = Callable[[str], bytes]


def load_file(path: FilePath | str) -> Contract:
    """Returns the contract in a file.

    Raises:
        ContractError: it is wrong: file, line, what was required, what was found.
        OSError: it cannot be read.
    """
    place = FilePath(path)
    try:
        text = place.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ContractError(str(path), [Mistake(1, f"no UTF-8: {error.reason}")]) from None
    return load(text, place.stem, lambda name: (place.parent / name).read_bytes(), str(path))


def load(text: str, name: str, read_file: ReadFile, place: str = "") -> Contract:
    """Returns the contract that a text is.

    Args:
        text: YAML.
        name: of the contract, for people.
        read_file: gives what a file holds that the contract names, relative to itself.
        place: of the text, for messages; else the name.

    Raises:
        ContractError: see load_file.
    """
    reading = Reading()
    files: dict[str, bytes] = {}

    def read(file: str) -> bytes:
        files[file] = read_file(file)
        return files[file]

    try:
        tree = yaml_tree.parse(text)
    except YamlError as error:
        raise ContractError(place or name, [Mistake(error.line, error.message)]) from None
    section = reading.section(tree, "", _KEYS)
    if isinstance(tree.data, dict):
        _check_version(section)
        contract = _contract(section, name, read)
        _check_whole(reading, section, contract)
        if not reading.mistakes:
            _check_paths(reading, section, contract)
    if reading.mistakes:
        raise ContractError(place or name, reading.mistakes)
    return dataclasses.replace(contract, text=text, files=files)


def _check_version(section: Section) -> None:
    version = section.required("contract", f". Hint: `contract: {VERSION}` in the first line")
    if version is not None and version.data != VERSION:
        section.reading.must(version, "contract", f"{VERSION}, the version of this language")


def _contract(section: Section, name: str, read_file: ReadFile) -> Contract:
    reading = section.reading
    section.required("means", ". Hint: in words, which event is the payment that is counted")
    section.required("format", f". Hint: one of {', '.join(FORMATS)}")
    form = section.choice("format", FORMATS, "json")
    reading.payment_types = _payment_types(section)
    given = section.required("fields")
    fields = load_fields.fields_of(reading, given) if given else {}
    return Contract(
        name=name,
        means=section.text("means") or "",
        format=form,
        fields=fields,
        topics=_topics(section),
        schema=_schema(section, form, read_file),
        unwrap=load_layers.unwraps_of(section, read_file),
        tombstones=section.choice("tombstones", ("skip", "reject"), "reject"),
        keep=load_layers.keeps_of(section),
        facts=_facts(section, fields),
        payment_types=reading.payment_types,
        columns=load_layers.columns_of(section),
        extra=load_layers.extra_of(section),
        arrival=section.choice("arrival", ARRIVALS, LOG_APPEND),
        ids=section.choice("ids", tuple(ALPHABETS), "ascii"),
        payload_bytes_max=section.whole("payload_bytes_max", 1, _PAYLOAD_BYTES_MAX) or 65_536,
    )


def _topics(section: Section) -> tuple[str, ...]:
    value = section.get("topics")
    if value is None:
        return ()
    names = []
    for item in section.reading.items(value, "topics", "a list of topics"):
        if not isinstance(item.data, str) or not _TOPIC.fullmatch(item.data):
            section.reading.must(item, "topics", "names of topics")
        elif item.data in names:
            section.reading.wrong(item.line, f"topics names {item.data!r} twice")
        else:
            names.append(item.data)
    return tuple(names)


def _payment_types(section: Section) -> frozenset[str]:
    value = section.get("payment_types")
    if value is None:
        return PAYMENT_TYPES
    items = section.reading.items(value, "payment_types", "a list of names")
    for item in items:
        if not isinstance(item.data, str) or not _PAYMENT_TYPE.fullmatch(item.data):
            required = "names of 1 to 64 small letters, digits and _, such as purchase"
            section.reading.must(item, "payment_types", required)
    return frozenset(item.text for item in items) or PAYMENT_TYPES


def _facts(section: Section, fields: dict[str, Field]) -> tuple[str, ...]:
    value, signed = section.get("facts"), fields.get("amount")
    # A payment and its reversal may have one id: their amounts differ by the sign alone.
    told = ("payment_type",) if signed and signed.amount.negative_is else ()
    if value is None:
        return (*DEFAULT_FACTS, *told)
    facts: list[str] = []
    for item in section.reading.items(value, "facts", "a list of fields"):
        if item.data not in FACTS:
            hint = hint_of(item.text, FACTS)
            section.reading.must(item, "facts", "fields of a payment", hint)
            continue
        field = fields.get(item.text)
        if field and not field.paths and field.const is None and not _is_signed(item.text, fields):
            section.reading.wrong(
                item.line, f"facts names {item.text}, which fields does not map to anything"
            )
        facts.append(item.text)
    for name in (*FACTS_ALWAYS, *told):
        if name not in facts:
            hint = ". Hint: it is the sign of the amount, by `negative_is`" if name in told else ""
            section.reading.wrong(
                value.line,
                f"facts must name {name}: a copy with another {name} is never the same payment"
                + hint,
            )
    return tuple(sorted(set(facts), key=FACTS.index))


def _is_signed(name: str, fields: Mapping[str, Field]) -> bool:
    """Returns whether a field is the type of payments that the sign of each amount says."""
    amount = fields.get("amount")
    signs = amount and amount.amount.negative_is and amount.amount.positive_is
    return name == "payment_type" and bool(signs)


def _schema(section: Section, form: str, read_file: ReadFile) -> Schema:
    reading, value = section.reading, section.get("schema")
    required = _NEEDS.get(form, ())
    if value is None:
        if required or form == "protobuf_registry":
            said = " and ".join(required) or "registry, or file and message"
            reading.wrong(section.line, f"schema is required for {form}, with {said}")
        return Schema()
    inner = reading.section(value, "schema", ("registry", "auth_file", "file", "message"))
    for key in required:
        inner.required(key, f" for {form}")
    registry = inner.text("registry")
    if registry is not None and "@" in registry:
        # It would be in the job and in the table runs; nor is it shown here.
        reading.wrong(
            inner.line_of("registry"),
            "schema.registry must be an address without a login. Hint: `auth_file` has the login",
        )
    elif registry is not None and not _URL.fullmatch(registry):
        found = inner.get("registry")
        assert found is not None
        reading.must(found, "schema.registry", "a URL such as https://registry:8081")
    content = file_of(inner, read_file)
    message = inner.text("message")
    if form == "protobuf_registry":
        _check_protobuf_registry(inner)
    if content is not None:
        _check_schema(inner, form, content, message)
    return Schema(registry, inner.text("auth_file"), content, message)


def _check_protobuf_registry(section: Section) -> None:
    """Notes a schema that is in no place, or in two."""
    if ("registry" in section) == ("file" in section):
        section.reading.wrong(
            section.line, "schema must have `registry`, or `file` and `message`, but not both"
        )
    elif "file" in section:
        section.required("message", " for protobuf_registry with a file")


def file_of(section: Section, read_file: ReadFile) -> bytes | None:
    """Returns what the file holds that `file` names, None when there is none."""
    name = section.text("file")
    if name is None:
        return None
    try:
        return read_file(name)
    except OSError as error:
        section.reading.wrong(
            section.line_of("file"),
            f"{section.name('file')} {name!r} cannot be read ({error.strerror or error}). "
            "Hint: it is looked for beside the contract",
        )
        return None


def _check_schema(section: Section, form: str, content: bytes, message: str | None) -> None:
    try:
        if form == "avro":
            avro.parsed(WriterSchema(content.decode()))
        elif message and form in ("protobuf", "protobuf_registry"):
            protobuf.descriptor_of(content, message)
    except UnicodeDecodeError:
        section.reading.wrong(section.line_of("file"), "schema.file is no text")
    except (avro.SchemaError, protobuf.DescriptorError) as error:
        section.reading.wrong(section.line_of("file"), f"schema.file: {error}")


def _check_whole(reading: Reading, section: Section, contract: Contract) -> None:
    """Notes what no part can see alone."""
    framed = any(each.kind == "avro_registry_bytes" for each in contract.unwrap)
    if framed and contract.schema.registry is None:
        reading.wrong(section.line_of("unwrap"), "avro_registry_bytes needs schema.registry")
    amount, time = contract.fields.get("amount"), contract.fields.get("event_time")
    form, has_avro = contract.format, _has_avro(contract)
    if amount and amount.kind == "avro_decimal" and not has_avro:
        reading.wrong(amount.line, f"fields.amount: avro_decimal is for Avro, not {form}")
    typed = has_avro or form.startswith("protobuf")
    if time and time.kind == "timestamp" and not typed:
        reading.wrong(
            time.line, f"fields.event_time: timestamp is for Avro and Protobuf, not {form}"
        )


def _check_paths(reading: Reading, section: Section, contract: Contract) -> None:
    for path, line in schema_paths.dead_ends(contract):
        keep_or_unwrap = "unwrap" if contract.unwrap and path == contract.unwrap[0].at else "keep"
        reading.wrong(
            line or section.line_of(keep_or_unwrap),
            f"the path {path.text} leads nowhere in the schema of this contract",
        )


def _has_avro(contract: Contract) -> bool:
    return contract.format.startswith("avro") or any("avro" in u.kind for u in contract.unwrap)
