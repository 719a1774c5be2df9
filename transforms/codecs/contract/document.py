"""A contract with the files that it names, as one text: tools judge by what the job was given."""

from __future__ import annotations

import base64

import orjson

from transforms.codecs.contract.language import Contract
from transforms.codecs.contract.load import load


def document_of(contract: Contract) -> str:
    """Returns the text and the schema files of a contract, as JSON."""
    files = {name: base64.b64encode(each).decode() for name, each in contract.files.items()}
    document = {"name": contract.name, "text": contract.text, "files": files}
    return orjson.dumps(document).decode()


def of_document(document: str) -> Contract:
    """Returns the contract that `document_of` was called on.

    Raises:
        ContractError: this version reads the language otherwise than the one that wrote it.
        ValueError, KeyError: it is none.
    """
    said = orjson.loads(document)
    files = {name: base64.b64decode(each) for name, each in said["files"].items()}
    return load(said["text"], said["name"], files.__getitem__)
