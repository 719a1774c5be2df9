"""Does Beam's runner get more buffers for what waits, and does nothing else change?"""

import zipfile

import pytest

from sandbox import patched_jar, stable_input
from sandbox.errors import SandboxError
from sandbox.layout import EXPANSION_JARS
from tests.support import original_class

pytestmark = original_class.needs_jars


@pytest.fixture
def original() -> bytes:
    return original_class.read(stable_input._JAR_PATTERN, stable_input.CLASS_NAME)


def test_one_return_is_another_one_and_all_else_stays(original: bytes) -> None:
    patched = stable_input.patch(original)

    changed = [n for n, (a, b) in enumerate(zip(original, patched, strict=True)) if a != b]
    assert changed[-1] - changed[0] < len(stable_input._AFTER)
    assert patched.count(stable_input._AFTER) == 1


def test_class_that_ends_otherwise_is_refused(original: bytes) -> None:
    with pytest.raises(SandboxError, match="in 0 places"):
        stable_input.patch(stable_input.patch(original))


def test_images_get_every_patched_class(tmp_path) -> None:
    patched_jar.main(EXPANSION_JARS, tmp_path / "patched.jar")

    with zipfile.ZipFile(tmp_path / "patched.jar") as jar:
        names = {name.rpartition("/")[2] for name in jar.namelist()}
    assert names == {
        "BigQueryServicesImpl.class",
        "BufferingDoFnRunner.class",
        "RecordFrames.class",
        "StorageApiWritePayload.class",
    }
