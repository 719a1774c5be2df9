"""Checks an image that was built: user, packages, answers, size, and that it holds no secret."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from harness.images.buildah import Settings
from harness.images.container import Container
from harness.images.images import Asked, Image

_ANSWER_SEC = 120
_TEXT_BYTES_MAX = 1 << 20
# Files that hold credentials by their name, unless they are empty: a build leaves empty ones where
# the machine's own were mounted.
_SECRET_NAMES = re.compile(
    r"(^|/)(\.netrc|\.pypirc|\.npmrc|\.git-credentials|\.dockercfg|pip\.conf|settings-security\.xml"
    r"|id_(rsa|dsa|ecdsa|ed25519)|application_default_credentials\.json)$"
    r"|(^|/)\.(m2|ssh|aws|docker|config/gcloud|config/pip)/"
)
_SECRET_FORMS = {
    "a private key": re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s*[A-Za-z0-9+/=]{40}"),
    "a key of a service account": re.compile(rb'"private_key_id"\s*:\s*"[0-9a-f]{20}'),
    "an address with a password": re.compile(
        rb"https?://[\w.%+-]+:[^\s/@:'\"<>{}$]{6,}@[\w-]+\.\w"
    ),
    "a password of a registry": re.compile(rb"<password>[^<${]{4,}</password>|_authToken\s*=\s*\w"),
    "a token": re.compile(rb"\b(ghp_|gho_|glpat-|xoxb-|AKIA)[A-Za-z0-9_-]{16,}"),
}
# Code and manuals of packages hold addresses and tokens as examples: published, and no secret. Our
# own code is looked at where it was copied from.
_PUBLISHED = re.compile(r"/(dist|site)-packages/.*\.pyc?$|^usr/share/doc/")
_EXAMPLES = {"an address with a password", "a token"}
_SECRET_SETTING = re.compile(r"PASSWORD|SECRET|TOKEN|CREDENTIAL|INDEX_URL|PROXY", re.IGNORECASE)


def secrets(root: Path) -> Iterator[str]:
    """Yields what looks like a secret among the files below a folder."""
    for path, status in files(root):
        inside = path.relative_to(root).as_posix()
        if status.st_size and _SECRET_NAMES.search(inside):
            yield f"/{inside}"
        elif 0 < status.st_size <= _TEXT_BYTES_MAX:
            content = path.read_bytes()
            passed = _EXAMPLES if _PUBLISHED.search(inside) else set()
            for form, pattern in _SECRET_FORMS.items():
                if form not in passed and pattern.search(content):
                    yield f"/{inside}: {form}"


def files(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yields the regular files below a folder."""
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                yield path, status


def megabytes(root: Path) -> int:
    """Returns how much the files below a folder are; links to one file count once."""
    sizes = {status.st_ino: status.st_size for _, status in files(root)}
    return sum(sizes.values()) // 1_000_000


def wrong_settings(image: Image, settings: Settings) -> Iterator[str]:
    """Yields what is wrong with whom the image runs as, and with its variables."""
    if settings.user != image.user:
        yield f"runs as {settings.user or 'root'}, not as {image.user or 'root'}"
    for name in settings.environment:
        if _SECRET_SETTING.search(name):
            yield f"holds the setting {name}"


def wrong_size(image: Image, size_mb: int) -> Iterator[str]:
    """Yields it when the image is too big."""
    if size_mb > image.megabytes_max:
        yield f"{size_mb} MB are more than the limit, {image.megabytes_max} MB"


def wrong_packages(container: Container) -> Iterator[str]:
    """Yields what pip says of packages that do not fit together."""
    code, text = answer(container, ("-m", "pip", "check"), program=("python",))
    if code != 0:
        yield f"pip check: {text.strip()}"


def wrong_answers(container: Container, asked: Iterable[Asked]) -> Iterator[str]:
    """Yields the commands that are not answered as they must be."""
    for each in asked:
        code, text = answer(
            container._replace(user=each.user),
            each.arguments,
            dict(each.environment),
            each.program,
        )
        if code != each.code or each.words not in text:
            shown = " ".join((*each.program, *each.arguments)) or "no role"
            yield (
                f"{shown}, as {each.user}, ended with {code}, not {each.code} and {each.words!r}: "
                + text.strip()[-600:]
            )


def answer(
    container: Container,
    arguments: Iterable[str],
    environment: Mapping[str, str] | None = None,
    program: Iterable[str] = (),
) -> tuple[int, str]:
    """Returns the exit code of a command in the image, and what it printed."""
    command = container.command(tuple(arguments), environment, tuple(program))
    ended = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_ANSWER_SEC,
        check=False,
    )
    return ended.returncode, ended.stdout.decode(errors="replace")
