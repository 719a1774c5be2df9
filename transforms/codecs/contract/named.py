"""A contract by what a person says: a file, or the name of one that comes along."""

from __future__ import annotations

import os

from transforms.codecs.contract import shipped
from transforms.codecs.contract.language import Contract
from transforms.codecs.contract.load import ReadFile, load, load_file
from transforms.codecs.contract.mistakes import ContractError


class WrongContract(ValueError):
    """A contract that cannot be used.

    Attributes:
        problems: a line for each mistake.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\nerror: ".join(problems))  # as programs print the first
        self.problems = problems


def named(said: str | None, read: ReadFile) -> Contract:
    """Returns the contract; our own JSON when none is said.

    Args:
        said: what --contract says.
        read: gives the content of a file, raises OSError.

    Raises:
        WrongContract: it is wrong, with file and line of each mistake, or cannot be read.
    """
    if said in (None, "native"):
        return shipped.native()
    try:
        if said in shipped.NAMES:
            return load_file(shipped.path_of(said))
        # Places in Cloud Storage are cut and joined as paths are.
        folder, name = os.path.split(said)
        return load(
            read(said).decode(),
            os.path.splitext(name)[0],
            lambda file: read(os.path.join(folder, file)),
            said,
        )
    except ContractError as error:
        raise WrongContract(*(f"--contract: {line}" for line in str(error).splitlines())) from None
    except UnicodeDecodeError as error:
        raise WrongContract(f"--contract: {said} must be UTF-8 text, got {error.reason}") from None
    except OSError as error:
        raise WrongContract(
            f"--contract must be a file that can be read, or one of {', '.join(shipped.NAMES)}; "
            f"got {said!r}: {error.strerror or error}"
        ) from None
