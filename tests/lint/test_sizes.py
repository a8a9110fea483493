"""The check of how long files are names one that is too long, unless it is data or prose."""
import pathlib
import subprocess

import pytest

SIZES = pathlib.Path(__file__).with_name("sizes.sh")


@pytest.fixture(name="tree")
def _tree(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("/build/\n")
    return tmp_path


def check(tree, name, lines):
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    (tree / name).write_text("x\n" * lines)
    return subprocess.run([SIZES, tree], capture_output=True, text=True, check=False)


def test_one_line_too_many_is_named(tree):
    assert check(tree, "tests/unit/test_long.c", 500).returncode == 0
    done = check(tree, "tests/unit/test_long.c", 501)
    assert done.returncode == 1
    assert done.stderr.startswith("tests/unit/test_long.c: 501 lines, more than 500")


@pytest.mark.parametrize("name", ["README.md", "html/openapi.json", "html/a.svg", "build/made.c",
                                  "html/vendor/package-lock.json", "tests/fuzz/corpus/json/long"])
def test_data_prose_and_what_is_made_may_be_long(tree, name):
    assert check(tree, name, 501).returncode == 0


def test_a_file_that_is_gone_is_none(tree):
    check(tree, "html/page.html", 501)
    subprocess.run(["git", "-C", tree, "add", "."], check=True)
    (tree / "html/page.html").unlink()
    assert check(tree, "html/other.html", 1).returncode == 0
