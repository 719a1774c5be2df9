"""A diff applies at its very lines or not at all, and the same content is the same jar."""

from __future__ import annotations

import importlib.util
import os
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[2] / "templates/expansion"
SOURCE = "package a;\n\nclass B {\n  int one = 1;\n  int two = 2;\n}\n"
DIFF = """Fault: one is not zero.

--- a/a/B.java
+++ b/a/B.java
@@ -3,3 +3,4 @@
 class B {
-  int one = 1;
+  int one = 0;
+  int half = 0;
   int two = 2;
"""


@pytest.fixture(scope="module")
def build_jars() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_jars", FOLDER / "build_jars.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_lines_are_exchanged_and_all_others_stay(build_jars: ModuleType) -> None:
    patch = build_jars.read_patch(DIFF)

    assert patch.file == "a/B.java"
    assert build_jars.apply(patch, SOURCE) == SOURCE.replace(
        "  int one = 1;\n", "  int one = 0;\n  int half = 0;\n"
    )


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ("int one = 3;", "a/B.java:4 is '  int one = 3;', not '  int one = 1;'"),
        ("int zero;\n  int one = 1;", "a/B.java:4 is '  int zero;'"),
    ],
)
def test_other_source_is_told_with_its_line(build_jars: ModuleType, found: str, told: str) -> None:
    patch = build_jars.read_patch(DIFF)

    with pytest.raises(build_jars.DoesNotApply, match=told):
        build_jars.apply(patch, SOURCE.replace("int one = 1;", found))


def test_source_that_ends_early_is_told(build_jars: ModuleType) -> None:
    with pytest.raises(build_jars.DoesNotApply, match="is None"):
        build_jars.apply(build_jars.read_patch(DIFF), "package a;\n\nclass B {\n")


@pytest.mark.parametrize("diff", ["", DIFF + DIFF, DIFF.replace("+++ b/", "+++ ")])
def test_diff_is_of_one_file(build_jars: ModuleType, diff: str) -> None:
    with pytest.raises(build_jars.DoesNotApply):
        build_jars.read_patch(diff)


def test_same_content_is_the_same_jar_at_any_time(build_jars: ModuleType, tmp_path: Path) -> None:
    content = {"b/B.class": b"b", "META-INF/MANIFEST.MF": b"m", "META-INF/LICENSE": b"l"}
    build_jars.write_jar(tmp_path / "one.jar", content)
    build_jars.write_jar(tmp_path / "two.jar", dict(reversed(content.items())))
    os.utime(tmp_path / "two.jar", (0, 0))

    assert (tmp_path / "one.jar").read_bytes() == (tmp_path / "two.jar").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.jar") as jar:
        assert jar.namelist() == ["META-INF/MANIFEST.MF", "META-INF/LICENSE", "b/B.class"]


def test_every_diff_says_why_and_has_its_sources_jar(build_jars: ModuleType) -> None:
    diffs = sorted((FOLDER / "patches").glob("*.diff"))

    assert diffs
    for diff in diffs:
        header = diff.read_text().partition("--- a/")[0]
        assert all(word in header for word in ("Fault:", "Why:", "Proof:", "Upstream issue:"))
        assert build_jars.read_patch(diff.read_text()).file.endswith(".java")
