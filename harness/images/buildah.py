"""Debian's buildah, as far as it is needed: images and containers below one folder, no daemon."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from harness.errors import HarnessError

_LOG_LINES = 25
# What a build's package managers read on this machine: certificates and settings. It is there while
# a step runs and is no part of an image; checks.py looks.
_CLIENT_SETTINGS = ("/etc/ssl/certs", "/etc/pip.conf", "~/.config/pip", "~/.m2")


class Settings(NamedTuple):
    """How an image says that it is to be run."""

    user: str
    environment: dict[str, str]
    entry_point: list[str]
    folder: str


class Buildah:
    """Images that lie in `folder`.

    Args:
        folder: where they lie; nothing else does.
        log: what builds print goes there.
    """

    def __init__(self, folder: Path, log: Path) -> None:
        self._options = [
            *("buildah", f"--root={folder / 'storage'}", f"--runroot={folder / 'run'}"),
            # vfs, the other driver, copies all files for each step: ten minutes and 24 GB for
            # the bases alone.
            "--storage-driver=overlay",
        ]
        self._log = log

    def build(
        self,
        tag: str,
        dockerfile: Path,
        context: Path,
        *,
        target: str | None = None,
        build_args: Mapping[str, str] | None = None,
        as_client: bool = True,
    ) -> None:
        """Builds an image; the same inputs are not built again.

        Its package managers reach their registries as this machine's do, unless `as_client` is off.
        """
        command = ["bud", "--layers", "--format=docker", "--isolation=chroot", "--network=host"]
        command += [f"--tag={tag}", f"--file={dockerfile}", "--pull-never"]
        command += [f"--build-arg={name}={value}" for name, value in (build_args or {}).items()]
        if as_client:
            command += [f"--volume={path}:{inside}" for path, inside in _mounted()]
        command += [f"--target={target}"] if target else []
        self._run([*command, str(context)], f"{tag} could not be built")

    def settings(self, tag: str) -> Settings:
        """Returns what an image says of itself."""
        found = json.loads(self._run(["inspect", "--type=image", tag], f"there is no image {tag}"))
        config = found["Docker"]["config"]
        environment = dict(each.split("=", 1) for each in config.get("Env") or [])
        return Settings(
            user=config.get("User") or "",
            environment=environment,
            entry_point=config.get("Entrypoint") or [],
            folder=config.get("WorkingDir") or "/",
        )

    @contextlib.contextmanager
    def root(self, tag: str) -> Iterator[Path]:
        """Yields the folder of a container's files, which is gone afterwards."""
        name = self._run(["from", "--pull-never", tag], f"no container of {tag}").strip()
        try:
            yield Path(self._run(["mount", name], f"{tag} could not be mounted").strip())
        finally:
            self._run(["rm", name], f"the container of {tag} could not be removed")

    def remove_unnamed(self) -> None:
        """Removes containers of builds that failed, and layers that no image has any more."""
        self._run(["rm", "--all"], "containers could not be removed")
        self._run(["rmi", "--prune"], "images without a name could not be removed")

    def _run(self, arguments: Sequence[str], problem: str) -> str:
        """Returns what a command prints; a build prints into the log, where it is followed."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("a") as log:
            ended = subprocess.run(
                [*self._options, *arguments],
                check=False,
                stdout=log if arguments[0] == "bud" else subprocess.PIPE,
                stderr=log,
                text=True,
            )
        if ended.returncode != 0:
            lines = self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
            raise HarnessError(f"{problem}; {self._log} ends:\n" + "\n".join(lines))
        return ended.stdout or ""


def _mounted() -> Iterator[tuple[Path, str]]:
    for name in _CLIENT_SETTINGS:
        path = Path(name).expanduser()
        inside = name.replace("~", "/root")
        if path.exists():
            yield path, inside if name == "~/.m2" else f"{inside}:ro"
