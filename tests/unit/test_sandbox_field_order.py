"""Do the fields of rows in the sink's state have numbers, and does nothing else change?"""

import struct
import zipfile

import pytest

from sandbox import field_order
from sandbox.class_file import UTF8, Pool
from sandbox.errors import SandboxError
from tests.support import original_class

pytestmark = original_class.needs_jars

PAIRS = len(field_order.GETTERS)
# Its own length, type, one value: name, kind, index.
ANNOTATION_BYTES = 2 + 2 + 2 + 1 + 2


@pytest.fixture
def original() -> bytes:
    return original_class.read(field_order._JAR_PATTERN, field_order.CLASS_NAME)


def test_each_getter_gets_one_annotation(original: bytes) -> None:
    before, after = Pool(original), Pool(field_order.patch(original))

    # Three of the four have other annotations already; the first gets the attribute around them.
    attribute = 6 + 2
    assert len(after.rest) == len(before.rest) + PAIRS * ANNOTATION_BYTES + attribute


def test_numbers_are_in_the_order_of_declaration(original: bytes) -> None:
    pool = Pool(field_order.patch(original))
    kind, value = pool.add(UTF8, field_order._ANNOTATION), pool.add(UTF8, b"value")
    annotation = struct.pack(">HHHc", kind, 1, value, b"s")

    _, *after = pool.rest.split(annotation)

    assert [pool.text(int.from_bytes(rest[:2])) for rest in after] == [b"0", b"1", b"2", b"3"]


def test_class_with_numbers_is_refused(original: bytes) -> None:
    with pytest.raises(SandboxError, match="this patch can go"):
        field_order.patch(field_order.patch(original))


def test_class_with_other_getters_is_refused(original: bytes) -> None:
    with pytest.raises(SandboxError, match="getters"):
        field_order.patch(original.replace(b"getTimestamp", b"getDatestamp"))


def test_folder_without_the_jar_is_named(tmp_path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "patched.jar", "w") as jar,
        pytest.raises(SandboxError, match="google-cloud-platform"),
    ):
        field_order.add(tmp_path, jar)
