"""Makes Debian, the bases that stand for the pinned ones, and the images that ship."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from harness.errors import HarnessError
from harness.images.buildah import Buildah
from harness.images.images import TEMPLATES, Image
from sandbox.layout import REPOSITORY

_BASES = Path(__file__).parent / "bases"
_DEBIAN = "bookworm"
# Stages of bases/Dockerfile, in the order in which they are built. Debian's certificates are being
# installed in the first: this machine's, which the others need to reach PyPI, must not be there.
_OF_DEBIAN = ("java", "launcher", "maven", "python-debian")
_OF_PYPI = ("python", "beam", "flink")
STAGES = (*_OF_DEBIAN, *_OF_PYPI)


def base(stage: str) -> str:
    """Returns the name of the image of a stage of bases/Dockerfile."""
    return f"localhost/payments-base/{stage}:try"


def debian(folder: Path, log: Path) -> None:
    """Makes the least Debian, once: debian.tar in `folder`."""
    archive = folder / "debian.tar"
    if archive.exists():
        return
    root = folder / "debian"
    shutil.rmtree(root, ignore_errors=True)
    _run(log, "debootstrap", "--variant=minbase", _DEBIAN, str(root))
    # Packages that were fetched, and the lists of others, are of no use to an image.
    _run(log, "chroot", str(root), "apt-get", "clean")
    unfinished = archive.with_suffix(".unfinished")
    _run(
        log, "tar", "-C", str(root), "--exclude=./var/lib/apt/lists/*", "-cf", str(unfinished), "."
    )
    unfinished.rename(archive)
    shutil.rmtree(root)


def build_base(buildah: Buildah, folder: Path, stage: str) -> None:
    """Builds what stands for a pinned base; `folder` holds debian.tar."""
    for file in ("flink.lock",):
        shutil.copy2(_BASES / file, folder / file)  # its time too, or it is another file to buildah
    dockerfile, as_client = _BASES / "Dockerfile", stage in _OF_PYPI
    buildah.build(base(stage), dockerfile, folder, target=stage, as_client=as_client)


def build(buildah: Buildah, image: Image) -> None:
    """Builds an image that ships, by its own Dockerfile."""
    arguments = {name: base(stage) for name, stage in image.bases.items()} | image.arguments
    dockerfile = TEMPLATES / image.dockerfile / "Dockerfile"
    buildah.build(image.tag, dockerfile, REPOSITORY, target=image.target, build_args=arguments)


def _run(log: Path, *command: str) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as output:
        ended = subprocess.run(command, stdout=output, stderr=output, check=False)
    if ended.returncode != 0:
        raise HarnessError(f"{command[0]} ended with {ended.returncode}; see {log}")
