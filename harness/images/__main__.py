"""Builds every image that ships, looks into each, and runs the job from their own files.

    make images                       all of it, some ten minutes; as root, on Debian
    make images ONLY=build            images and checks
    make images ONLY=job              the job, from images that were built before

Images are built by their own Dockerfiles, on bases that stand for the pinned ones
(bases/Dockerfile). All that is made lies below one folder, .tools/images: `--remove` removes it.

Exit code: 0 when all is as it must be, 1 when something is not, 2 for a mistake in the flags, 3
when a part failed.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tabulate import tabulate

from harness import command_line
from harness.errors import HarnessError
from harness.exit_codes import exit_code
from harness.images import builds, checks
from harness.images.buildah import Buildah
from harness.images.container import Container
from harness.images.images import IMAGES, IN_OUR_POD, Image

_DIR = Path(".tools/images")
_NEEDED = ("buildah", "debootstrap", "unshare", "setpriv", "ip")
# A network and a process table of its own. The shell is there to collect processes that are left.
_ALONE = ("unshare", "--net", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc")
_LO_UP = 'ip link set lo up || exit; "$@"; exit $?'


class Checked(NamedTuple):
    """An image that was built, and what is wrong with it."""

    tag: str
    seconds: float
    size_mb: int
    limit_mb: int
    findings: list[str]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (module docstring)."""
    arguments = _parser().parse_args(argv)
    return exit_code(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    folder = arguments.dir.resolve()
    _require()
    folder.mkdir(parents=True, exist_ok=True)
    with _alone_in(folder):
        if arguments.remove:
            shutil.rmtree(folder)
            return 0
        return _build_and_run(arguments, folder)


def _build_and_run(arguments: argparse.Namespace, folder: Path) -> int:
    result: dict[str, Any] = {"at": time.strftime("%Y-%m-%d %H:%M:%S")}
    buildah = Buildah(folder / "store", folder / "logs/buildah.log")
    try:
        if arguments.only in (None, "build"):
            result["bases_sec"] = _bases(buildah, folder)
            checked = [_checked(buildah, image, folder) for image in IMAGES]
            result["images"] = [each._asdict() for each in checked]
        if arguments.only in (None, "job"):
            result["job"] = _job(folder)
    finally:
        buildah.remove_unnamed()
    (folder / "last_run.json").write_text(json.dumps(result, indent=2) + "\n")
    return _tell(result)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keeps two runs apart: each removes at its end what builds have left behind."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HarnessError(f"another run is at work in {folder}. Hint: wait for it") from None
        yield


def _require() -> None:
    missing = [name for name in _NEEDED if shutil.which(name) is None]
    if missing:
        raise HarnessError(f"{', '.join(missing)} missing. Hint: as root, bin/setup images")
    if os.geteuid() != 0:
        raise HarnessError("root is required, to build images and to enter them. Hint: use sudo")


def _bases(buildah: Buildah, folder: Path) -> dict[str, float]:
    context = folder / "context"
    context.mkdir(exist_ok=True)
    took = {"debian": _timed(lambda: builds.debian(context, folder / "logs/debian.log"))}
    _say(f"Debian is there after {took['debian']:.0f} s")
    for stage in builds.STAGES:
        took[stage] = _timed(partial(builds.build_base, buildah, context, stage))
        _say(f"base {stage} after {took[stage]:.0f} s")
    return took


def _checked(buildah: Buildah, image: Image, folder: Path) -> Checked:
    seconds = _timed(lambda: builds.build(buildah, image))
    _say(f"{image.tag} built in {seconds:.0f} s")
    settings = buildah.settings(image.tag)
    findings = list(checks.wrong_settings(image, settings))
    with buildah.root(image.tag) as root:
        size_mb = checks.megabytes(root)
        findings += checks.wrong_size(image, size_mb)
        findings += [f"a secret: {each}" for each in checks.secrets(root)]
        container = Container(root, settings, IN_OUR_POD, folder / "tmp/asked", folder / "shared")
        if image.python:
            findings += checks.wrong_packages(container)
        findings += checks.wrong_answers(container, image.asked)
    _say(f"{image.tag}: {size_mb} MB, {len(image.asked)} commands asked, {len(findings)} findings")
    return Checked(image.tag, seconds, size_mb, image.megabytes_max, findings)


def _job(folder: Path) -> dict[str, Any]:
    _say("the job, from the images' files")
    result = folder / "job.json"
    result.unlink(missing_ok=True)
    command = [*_ALONE, "sh", "-c", _LO_UP, "sh", sys.executable, "-m", "harness.images.job"]
    command += [f"--dir={folder}", f"--result={result}"]
    code = subprocess.run(command, check=False).returncode
    if not result.exists():
        raise HarnessError(f"the job from the images ended with {code}; logs in {folder}/sandbox")
    return dict(json.loads(result.read_text()))


def _tell(result: dict[str, Any]) -> int:
    rows = [
        (
            each["tag"],
            f"{each['seconds']:.0f}",
            each["size_mb"],
            each["limit_mb"],
            len(each["findings"]),
        )
        for each in result.get("images", ())
    ]
    if rows:
        print(tabulate(rows, headers=("image", "built in s", "MB", "limit MB", "findings")))
    findings = [
        f"{each['tag']}: {finding}"
        for each in result.get("images", ())
        for finding in each["findings"]
    ]
    for finding in findings:
        print(f"finding: {finding}")
    job = result.get("job")
    if job:
        print(f"the job from the images, {job['seconds']:.0f} s: {job['verdict']}")
    well = not findings and (job is None or job["balanced"])
    print(f"images: {'well' if well else 'not well'}")
    return 0 if well else 1


def _timed(work: Callable[[], None]) -> float:
    began_at = time.monotonic()
    work()
    return round(time.monotonic() - began_at, 1)


def _say(text: str) -> None:
    print(f"images: {text}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = command_line.parser("python -m harness.images", __doc__)
    parser.add_argument("--only", choices=("build", "job"), help="one of the two parts")
    parser.add_argument("--dir", type=Path, default=_DIR, help="where all lies (%(default)s)")
    parser.add_argument("--remove", action="store_true", help="remove all that was made, and end")
    return parser


if __name__ == "__main__":
    sys.exit(main())
