"""`make images` finds bases and sources where it looks for them, and its checks find faults."""

from __future__ import annotations

import fnmatch
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.images import builds, checks
from harness.images.buildah import Settings
from harness.images.images import IMAGES, Image

REPOSITORY = Path(__file__).parents[2]
DOCKERFILES = sorted((REPOSITORY / "templates").glob("*/Dockerfile"))
BASES = (REPOSITORY / "harness/images/bases/Dockerfile").read_text()
ENTRY_POINT = REPOSITORY / "templates/flink/entrypoint.sh"
PRIVATE_KEY = "-----BEGIN PRIVATE KEY-----\n" + "A" * 64 + "\n-----END PRIVATE KEY-----\n"


def base_arguments(dockerfile: str) -> dict[str, str]:
    """Returns the arguments that name bases, with their values."""
    return dict(re.findall(r"^ARG (BASE_\w+)=(\S+)$", dockerfile, re.MULTILINE))


def foreign_bases(dockerfile: str) -> set[str]:
    """Returns what stands behind FROM and is no stage of the same file."""
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", dockerfile, re.MULTILINE))
    return set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) - stages


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
def test_every_base_is_an_argument_whose_default_is_pinned(dockerfile: Path) -> None:
    text = dockerfile.read_text()
    arguments = base_arguments(text)

    assert foreign_bases(text) - {"${PIPELINE}"} == {f"${{{name}}}" for name in arguments}
    for base in arguments.values():
        assert re.search(r":[^:]*\d", base), base
        assert "latest" not in base


def test_every_dockerfile_that_ships_is_built_with_all_of_its_arguments() -> None:
    built = {image.dockerfile for image in IMAGES}

    assert built == {path.parent.name for path in DOCKERFILES}
    for image in IMAGES:
        text = (REPOSITORY / "templates" / image.dockerfile / "Dockerfile").read_text()
        assert image.bases.keys() == base_arguments(text).keys()
        assert image.target is None or f"AS {image.target}\n" in text
        for name in image.arguments:
            assert f"ARG {name}\n" in text


def test_every_stage_that_stands_for_a_base_is_there() -> None:
    for image in IMAGES:
        for stage in image.bases.values():
            assert f" AS {stage}\n" in BASES
            assert stage in builds.STAGES


def copied(dockerfile: str) -> Iterator[str]:
    """Yields what a Dockerfile copies from the repository."""
    for line in dockerfile.replace("\\\n", " ").splitlines():
        if line.startswith("COPY ") and "--from=" not in line:
            words = [word for word in shlex.split(line)[1:] if not word.startswith("--")]
            yield from words[:-1]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
def test_what_is_copied_is_there_and_not_ignored(dockerfile: Path) -> None:
    sources = list(copied(dockerfile.read_text()))

    assert sources
    for source in sources:
        assert (REPOSITORY / source).exists(), source
        assert not ignored(source.rstrip("/")), source


def ignored(path: str) -> bool:
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    patterns = [line.strip().rstrip("/") for line in lines if line and not line.startswith("#")]
    parents = ["/".join(path.split("/")[: n + 1]) for n in range(path.count("/") + 1)]
    return any(
        fnmatch.fnmatch(parent, pattern.removeprefix("**/"))
        or (pattern.startswith("**/") and fnmatch.fnmatch(parent, f"*/{pattern[3:]}"))
        for parent in parents
        for pattern in patterns
    )


@pytest.mark.parametrize(
    "path",
    [
        *(".venv", ".venv-bigquery", ".git", ".tools/images/store", ".sandbox", "tests/unit"),
        *("pipeline/__pycache__", "transforms/state/__pycache__", "payments.egg-info"),
        "templates/expansion/tests/StateLock.java",
    ],
)
def test_what_no_image_needs_is_not_sent_to_its_build(path: str) -> None:
    assert ignored(path)


def test_control_what_images_need_is_not_ignored() -> None:
    assert not ignored("pipeline/graph.py")
    assert not ignored("templates/expansion/java")


def test_every_role_of_the_entry_point_is_asked_in_its_image() -> None:
    cases = re.findall(r"^  ([a-z][a-z_| -]+)\)$", ENTRY_POINT.read_text(), re.MULTILINE)
    roles = {role.strip() for case in cases for role in case.split("|")}
    [workers] = [image for image in IMAGES if image.target == "workers"]

    assert "submit" in roles
    assert roles <= {each.arguments[0] for each in workers.asked if each.arguments}


# --- The checks find what they are for ------------------------------------------------------------


def test_control_secrets_are_found(tmp_path: Path) -> None:
    planted = {
        "root/.netrc": "machine example.com login me password other",
        "etc/pip.conf": "[global]\nindex-url = http://example.com/simple\n",
        "root/.m2/repository/a.pom": "<project/>",
        "opt/key.pem": PRIVATE_KEY,
        "opt/account.json": '{"private_key_id": "0123456789abcdef0123456789"}',
        "opt/install.sh": "curl https://me:hunter22@example.com/file",
        "opt/settings.xml": "<server><password>hunter2</password></server>",
        "opt/token.txt": "ghp_0123456789abcdefghij",
        "usr/lib/python3/dist-packages/a/key.py": PRIVATE_KEY,
        "usr/lib/python3/dist-packages/a-1.dist-info/direct_url.json": "https://me:hunter22@a.b/c",
    }
    for name, content in planted.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)

    found = {each.partition(":")[0] for each in checks.secrets(tmp_path)}

    assert found == {f"/{name}" for name in planted}


def test_what_only_looks_like_a_secret_is_none(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/pip.conf").touch()  # where the machine's own was mounted
    package = tmp_path / "usr/lib/python3/dist-packages/a"
    package.mkdir(parents=True)
    (package / "url.py").write_text("# https://username:password@example.com")
    (tmp_path / "manual.txt").write_text(
        "-----BEGIN PRIVATE KEY-----\n...\nhttps://user:password@{host}/\nhttps://a.example/b:c@d"
    )

    assert list(checks.secrets(tmp_path)) == []


def test_control_a_wrong_user_a_setting_and_a_size_are_found() -> None:
    [workers] = [image for image in IMAGES if image.target == "workers"]

    assert list(checks.wrong_settings(workers, settings(workers))) == []
    assert list(checks.wrong_settings(workers, settings(workers, user="")))
    assert list(checks.wrong_settings(workers, settings(workers, PIP_INDEX_URL="http://a")))
    assert list(checks.wrong_size(workers, workers.megabytes_max)) == []
    assert list(checks.wrong_size(workers, workers.megabytes_max + 1))


def settings(image: Image, user: str | None = None, **environment: str) -> Settings:
    return Settings(image.user if user is None else user, environment, ["/entry"], "/tmp")
