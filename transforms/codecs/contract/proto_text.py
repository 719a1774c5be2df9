"""Protobuf's language to descriptors, by Google's own compiler.

It runs as a process of its own: what it says of a mistake can be read, and a text that breaks it
takes no worker along. Once for each schema of a topic, which takes a quarter of a second.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path, PurePosixPath

import google.type
from google.protobuf import descriptor_pb2

from transforms.codecs.contract.schema_source import WriterSchema

MAIN = "payments-main.proto"
_TIMEOUT_SEC = 30
# What schemas import without a reference: google.type.Money and its like. Those of
# google.protobuf are in the compiler.
_COMMON = Path(next(iter(google.type.__path__))).parents[1]
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,250}", re.ASCII)
# Not its warnings, which begin with their severity and a time.
_MISTAKE = re.compile(r"\S+\.proto:")


class ProtoError(ValueError):
    """A text is no Protobuf, or imports what nobody has given."""


def compiled(schema: WriterSchema) -> descriptor_pb2.FileDescriptorSet:
    """Returns the descriptors of a schema, which is the file MAIN, and of all that it imports.

    Raises:
        ProtoError: it does not compile.
    """
    if schema.kind != "PROTOBUF":
        raise ProtoError(f"a Protobuf schema is required, got one of {schema.kind}")
    with tempfile.TemporaryDirectory(prefix="payments-proto-") as folder:
        root = Path(folder)
        for name, text in zip(schema.names, schema.references, strict=True):
            _write(root, name, text)
        _write(root, MAIN, schema.text)
        return _run(root)


def _write(root: Path, name: str, text: str) -> None:
    # The registry says the name: it must not lead out of the folder.
    if not _NAME.fullmatch(name) or ".." in PurePosixPath(name).parts:
        raise ProtoError(f"a reference is named {name[:80]!r}, which is no path of a file")
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def _run(root: Path) -> descriptor_pb2.FileDescriptorSet:
    out = root / "payments-out.desc"
    compiler = [sys.executable, "-m", "grpc_tools.protoc"]
    flags = [f"-I{root}", f"-I{_COMMON}", "--include_imports", f"--descriptor_set_out={out}", MAIN]
    try:
        result = subprocess.run(
            [*compiler, *flags],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SEC,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ProtoError(f"it does not compile within {_TIMEOUT_SEC} s") from None
    if result.returncode != 0 or not out.exists():
        said = [line for line in result.stderr.splitlines() if _MISTAKE.match(line)]
        why = (said or result.stderr.splitlines()[-1:] or ["no reason given"])[0]
        raise ProtoError(f"no Protobuf schema: {why[:200]}")
    return descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
