"""The contract that a flag names: a file, here or in Cloud Storage, or one that comes along."""

from __future__ import annotations

import os
from pathlib import Path

from apache_beam.io.filesystem import BeamIOError
from apache_beam.io.filesystems import FileSystems

from pipeline.config_values import ConfigError
from transforms.codecs.contract import shipped
from transforms.codecs.contract.language import Contract
from transforms.codecs.contract.load import load, load_file
from transforms.codecs.contract.mistakes import ContractError

_FLAG = "--contract"


def contract(said: str | None) -> Contract:
    """Returns the contract; our own JSON when none is said.

    Raises:
        ConfigError: it is wrong, with file and line of each mistake, or cannot be read.
    """
    if said is None:
        return shipped.native()
    try:
        if said in shipped.NAMES:
            return load_file(shipped.path_of(said))
        # Places in Cloud Storage are cut and joined as paths are.
        folder, name = os.path.split(said)
        return load(
            _read(said).decode(),
            os.path.splitext(name)[0],
            lambda file: _read(os.path.join(folder, file)),
            said,
        )
    except ContractError as error:
        raise ConfigError(*(f"{_FLAG}: {line}" for line in str(error).splitlines())) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{_FLAG}: {said} must be UTF-8 text, got {error.reason}") from None
    except OSError as error:
        raise ConfigError(
            f"{_FLAG} must be a file that can be read, or one of {', '.join(shipped.NAMES)}; got "
            f"{said!r}: {error.strerror or error}"
        ) from None


def _read(place: str) -> bytes:
    """Returns the content of a file. Raises OSError."""
    if "://" not in place:
        return Path(place).read_bytes()
    try:
        with FileSystems.open(place) as file:
            return bytes(file.read())
    except (BeamIOError, ValueError) as error:  # gs:// without its library is a ValueError
        raise OSError(str(error).partition("\n")[0]) from None
