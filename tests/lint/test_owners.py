"""The check of who may write what finds a stranger, and an exception that nothing needs."""
import pathlib
import shutil
import subprocess

import pytest

OWNERS = pathlib.Path(__file__).with_name("owners.py")
ROOT = OWNERS.parents[2]


@pytest.fixture(name="tree")
def _tree(tmp_path):
    for folder in ("fcgi", "redis", "ws-bridge"):
        for path in (ROOT / folder).rglob("*.[ch]"):
            copy = tmp_path / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    return tmp_path


def check(tree):
    return subprocess.run([OWNERS, tree], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("line", [
    '#include "order/keys.h"',
    'const char *key = "jobs:{s00}:ready";',
    'const char *name = "FCALL_RO";',
    r'const char *json = "{\"a\":1}";',
    r'const char *json = ",\"a\": %d";',
    'const char *text(void *o) { return json_object_to_json_string(o); }',
    'const char *head = "Status: 200 OK";',
    'const char *head = "HTTP/1.1 200 OK";',
])
def test_a_stranger_is_named_with_its_line(tree, line):
    (tree / "fcgi" / "api" / "stranger.c").write_text("/* a */\n" + line + "\n")
    done = check(tree)
    assert done.returncode == 1
    assert [text for text in done.stderr.splitlines() if text.startswith("fcgi/api/stranger.c:2: ")]


@pytest.mark.parametrize("line", [
    '/* jobs:{s00}:ready, "FCALL", "Status: 200" */',
    '// #include "order/keys.h"',
    r'const char *etag = "\"%d\"";',
])
def test_comments_and_the_like_may_name_them(tree, line):
    (tree / "fcgi" / "api" / "stranger.c").write_text(line + "\n")
    assert check(tree).returncode == 0


def test_an_exception_that_nothing_needs_is_found(tree):
    (tree / "fcgi" / "api" / "healthcheck.c").write_text("\n")
    done = check(tree)
    assert done.returncode == 1
    assert done.stderr.startswith("fcgi/api/healthcheck.c: an exception that nothing needs")
