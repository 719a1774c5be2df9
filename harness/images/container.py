"""A program in an image's root, as its user, with its settings and no files but its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from harness.images.buildah import Settings

_ENTER = Path(__file__).parent / "enter.sh"


class Container(NamedTuple):
    """Where a program of an image runs.

    Attributes:
        root: the image's files.
        settings: what the image says of itself.
        user: whom to run as, as UID:GID.
        tmp: its /tmp; whoever shares it is in the same pod.
        shared: a folder that is there under the same name.
        writable: whether the root may be changed; deploy/k8s forbids it to all but Flink itself.
    """

    root: Path
    settings: Settings
    user: str
    tmp: Path
    shared: Path
    writable: bool = False

    def command(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str] | None = None,
        program: Sequence[str] = (),
    ) -> list[str]:
        """Returns what runs the image's entry point, or another program of it, as root of here."""
        self.tmp.mkdir(parents=True, exist_ok=True)
        self.tmp.chmod(0o1777)
        self.shared.mkdir(parents=True, exist_ok=True)
        variables = {"HOME": self._home(), **self.settings.environment, **(environment or {})}
        return [
            *("unshare", "--mount", "sh", str(_ENTER), str(self.root), self.user),
            *("rw" if self.writable else "ro", str(self.tmp), str(self.shared)),
            *("env", "-i", f"--chdir={self.settings.folder or '/'}"),
            *(f"{name}={value}" for name, value in variables.items()),
            *(program or self.settings.entry_point),
            *arguments,
        ]

    def _home(self) -> str:
        """Returns what a container runtime takes for a user's home, `/` for an unknown one."""
        uid = self.user.partition(":")[0]
        lines = (self.root / "etc/passwd").read_text().splitlines()
        return next((line.split(":")[5] for line in lines if line.split(":")[2] == uid), "/")
