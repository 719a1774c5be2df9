"""The contract that a flag names, which may lie in Cloud Storage."""

from __future__ import annotations

from pathlib import Path

from apache_beam.io.filesystem import BeamIOError
from apache_beam.io.filesystems import FileSystems

from pipeline.config_values import ConfigError
from transforms.codecs.contract.decoder import source_of
from transforms.codecs.contract.language import Contract
from transforms.codecs.contract.named import WrongContract, named
from transforms.codecs.contract.registry_login import AuthError


def contract(said: str | None) -> Contract:
    """Returns the contract; our own JSON when none is said.

    Raises:
        ConfigError: it is wrong, with file and line of each mistake, or cannot be read; or the
            login of its registry cannot.
    """
    try:
        found = named(said, _read)
        source_of(found)
    except WrongContract as error:
        raise ConfigError(*error.problems) from None
    except AuthError as error:
        raise ConfigError(f"--contract={said}: `schema.auth_file` {error}") from None
    return found


def _read(place: str) -> bytes:
    """Returns the content of a file. Raises OSError."""
    if "://" not in place:
        return Path(place).read_bytes()
    try:
        with FileSystems.open(place) as file:
            return bytes(file.read())
    except (BeamIOError, ValueError) as error:  # gs:// without its library is a ValueError
        raise OSError(str(error).partition("\n")[0]) from None
