"""Does the sink's write client lose its worker's executor, and does nothing else change?"""

import pytest

from sandbox import client_retries
from sandbox.errors import SandboxError
from tests.support import original_class

pytestmark = original_class.needs_jars


@pytest.fixture
def original() -> bytes:
    return original_class.read(client_retries._JAR_PATTERN, client_retries.CLASS_NAME)


def test_one_call_is_gone_and_all_else_stays(original: bytes) -> None:
    patched = client_retries.patch(original)

    changed = [n for n, (a, b) in enumerate(zip(original, patched, strict=True)) if a != b]
    (call,) = client_retries._BEFORE.finditer(original)
    assert call.start() <= changed[0] <= changed[-1] < call.end()
    assert not any(patched[call.start() : call.end()])


def test_class_that_makes_its_client_otherwise_is_refused(original: bytes) -> None:
    with pytest.raises(SandboxError, match="in 0 places"):
        client_retries.patch(client_retries.patch(original))
