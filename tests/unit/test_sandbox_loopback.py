"""The one class of Beam's gRPC is patched, and nothing else."""

import zipfile

import pytest

from sandbox import loopback_patch
from sandbox.errors import SandboxError
from sandbox.layout import EXPANSION_JARS, REPORTER_JAR

JARS = sorted(EXPANSION_JARS.glob("beam-vendor-grpc-*.jar"))
pytestmark = pytest.mark.skipif(not JARS, reason="the jars are not here: make setup")


@pytest.fixture
def original() -> bytes:
    with zipfile.ZipFile(JARS[0]) as archive:
        names = [name for name in archive.namelist() if name.endswith(loopback_patch._CLASS_SUFFIX)]
        return archive.read(names[0])


def test_both_methods_bind_to_loopback(original) -> None:
    patched = loopback_patch.patch(original)

    assert b"127.0.0.1" in patched
    assert b"127.0.0.1" not in original
    # Three bytes in each of two methods, and five constants: 127.0.0.1 as text and as string, a
    # descriptor, its name-and-type, and the constructor.
    constants = (3 + 9) + 3 + (3 + len("(Ljava/lang/String;I)V")) + 5 + 5
    assert len(patched) == len(original) + 2 * 3 + constants


def test_class_without_the_call_is_refused(original) -> None:
    with pytest.raises(SandboxError, match="no longer makes"):
        loopback_patch.patch(loopback_patch.patch(original))  # the first has replaced every call


def test_folder_without_the_jar_is_named(tmp_path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "loopback.jar", "w") as jar,
        pytest.raises(SandboxError, match="beam-vendor-grpc"),
    ):
        loopback_patch.add(tmp_path, jar)


def test_jar_gets_one_class_under_its_own_name(tmp_path) -> None:
    with zipfile.ZipFile(tmp_path / "loopback.jar", "w") as jar:
        loopback_patch.add(EXPANSION_JARS, jar)

        (name,) = jar.namelist()
    assert name.endswith("/io/grpc/netty/NettyServerBuilder.class")


@pytest.mark.skipif(not REPORTER_JAR.exists(), reason="no reporter here: bin/setup monitoring")
def test_flinks_reporter_listens_where_it_is_told_only_as_to_the_port(tmp_path) -> None:
    with zipfile.ZipFile(REPORTER_JAR) as archive:
        before = archive.read(loopback_patch._REPORTER_CLASS)

    after = loopback_patch.patch_reporter(before)

    assert b"127.0.0.1" in after and b"127.0.0.1" not in before
    with pytest.raises(SandboxError):
        loopback_patch.patch_reporter(b"".join(before.split(b"com/sun/net/httpserver/HttpServer")))
