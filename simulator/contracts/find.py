"""A contract by its name or file, with all that is needed to write records by it."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Sequence

from simulator.contracts import registry, samples
from simulator.contracts.encoder import Encoder, Sample
from simulator.contracts.forms import Avro, Form, Framed, Json
from simulator.contracts.places import Places
from simulator.contracts.protobuf_form import Protobuf
from simulator.contracts.registry import Registered
from simulator.traffic import UsageError
from transforms.codecs.contract import shipped
from transforms.codecs.contract.language import Contract
from transforms.codecs.contract.load import load_file
from transforms.codecs.contract.mistakes import ContractError
from transforms.codecs.contract.registry_login import AuthError

_FRAMED = ("json_registry", "avro_registry", "protobuf_registry")
_PLACEHOLDER = "registry.example"
_SAMPLES = (".ndjson", ".records.ndjson", ".json", ".b64")


@dataclasses.dataclass(frozen=True)
class Named:
    """A contract as flags name it.

    Attributes:
        name: of a shipped contract, or a file.
        sample: a file with a record to fill in; without it the one beside the contract.
        schema: files of schemas for the registry, the outermost layer's first.
        registry: address of the registry, instead of the contract's.
    """

    name: str
    sample: pathlib.Path | None = None
    schema: tuple[pathlib.Path, ...] = ()
    registry: str | None = None

    @property
    def file(self) -> pathlib.Path:
        """Returns the contract's file."""
        is_shipped = self.name in shipped.NAMES
        return shipped.path_of(self.name) if is_shipped else pathlib.Path(self.name)

    def load(self) -> Contract:
        """Returns the contract.

        Raises:
            UsageError: there is none, or it is wrong.
        """
        try:
            contract = load_file(self.file)
        except OSError as error:
            raise UsageError(
                f"--contract {self.name}: {error.strerror or error}. Shipped: "
                f"{', '.join(shipped.NAMES)}"
            ) from None
        except ContractError as error:
            raise UsageError(f"--contract: {error}") from None
        if self.registry is not None:
            schema = dataclasses.replace(contract.schema, registry=self.registry)
            contract = dataclasses.replace(contract, schema=schema)
        return contract

    def sample_file(self) -> pathlib.Path | None:
        """Returns the file of the sample, None where there is none."""
        if self.sample is not None:
            return self.sample
        if self.name in shipped.NAMES:
            return shipped.sample_of(self.name)
        beside = (self.file.with_name(self.file.stem + suffix) for suffix in _SAMPLES)
        return next((path for path in beside if path.is_file()), None)

    def schema_files(self) -> tuple[pathlib.Path, ...]:
        """Returns the files of the schemas that a registry gets."""
        if self.schema or self.name not in shipped.NAMES:
            return self.schema
        return tuple(shipped.schemas_of(self.name))


def encoder_of(named: Named, topic: str) -> Encoder:
    """Returns what writes payments by a contract; its schemas are registered.

    Raises:
        UsageError: the contract is wrong, or something that it needs is missing.
    """
    contract = named.load()
    if not _needs_registry(contract):
        return _encoder(named, contract, [])
    url = contract.schema.registry
    if url is None or _PLACEHOLDER in url:
        raise UsageError(
            f"--contract {named.name} needs a schema registry, got {url}. Hint: "
            "--schema_registry=URL; `sandbox up --registry` starts one"
        )
    if not named.schema_files():
        raise UsageError(
            f"--contract {named.name} needs --contract_schema=FILE, the schema that is registered"
        )
    try:
        registered = registry.register(contract, topic, named.schema_files())
    except AuthError as error:
        raise UsageError(f"--contract {named.name}: {error}") from None
    return _encoder(named, contract, registered)


def encoder_at_hand(named: Named) -> Encoder:
    """Returns the same without a registry: ids are the names of the schemas' files."""
    registered = [registry.of_file(path) for path in named.schema_files() if path.suffix == ".avsc"]
    return _encoder(named, named.load(), registered)


def _needs_registry(contract: Contract) -> bool:
    kinds = [each.kind for each in contract.unwrap]
    return contract.format in _FRAMED or "avro_registry_bytes" in kinds


def _encoder(named: Named, contract: Contract, registered: Sequence[Registered]) -> Encoder:
    file = named.sample_file()
    sample = Sample(None) if file is None else samples.first_of(file)
    return encoder(contract, sample, registered)


def encoder(contract: Contract, sample: Sample, registered: Sequence[Registered] = ()) -> Encoder:
    """Returns what writes payments by a contract.

    Args:
        contract: a checked one.
        sample: a record to fill in.
        registered: the schemas of framed layers, the outermost first.
    """
    rest = iter(registered)
    form = _form(contract, lambda: next(rest, Registered(1, "{}")))
    inner = [_inner(each.kind, each.schema, rest) for each in Places(contract).layers]
    return Encoder(contract, sample, form, inner)


def _form(contract: Contract, schema: Callable[[], Registered]) -> Form:
    content, message = contract.schema.content or b"", contract.schema.message or ""
    match contract.format:
        case "json":
            return Json()
        case "json_registry":
            return Framed(Json(), schema().schema_id)
        case "avro":
            return Avro(content)
        case "avro_registry":
            found = schema()
            return Framed(Avro(found.text), found.schema_id)
    form = Protobuf(content, message)
    if contract.format == "protobuf":
        return form
    return Framed(form, schema().schema_id, form.indexes)


def _inner(kind: str, schema: bytes | None, rest: Iterator[Registered]) -> Form:
    if kind == "avro_bytes":
        return Avro(schema or b"")
    if kind == "avro_registry_bytes":
        found = next(rest)
        return Framed(Avro(found.text), found.schema_id)
    return Json()
