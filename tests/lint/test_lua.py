"""The check of the Redis functions sees a library in parts as one, and names part and line."""
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN_DIR = os.environ.get("TIFFIN_BIN_DIR", ROOT / "build" / "release" / "bin")
PARTS = {"01-base.lua": "local function say(text)\n    return text\nend\n",
         "10-more.lua": "redis.register_function('greet', function() return say('hello') end)\n"}

pytestmark = pytest.mark.skipif(not shutil.which("luacheck"), reason="luacheck is not installed")


def check(folder, parts):
    (folder / "tests" / "lint").mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "lint" / "lua.sh", folder / "tests" / "lint")
    for name, text in parts.items():
        path = folder / "redis" / "functions" / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return subprocess.run([folder / "tests" / "lint" / "lua.sh"], capture_output=True, text=True,
                          check=False, env={**os.environ, "TIFFIN_BIN_DIR": str(BIN_DIR)})


def test_parts_share_their_locals(tmp_path):
    done = check(tmp_path, PARTS)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name, text, says", [
    ("10-more.lua", "\nsya('hello')\n", "10-more.lua:2:1: accessing undefined variable 'sya'"),
    ("10-more.lua", "--\n", "01-base.lua:1:16: unused function 'say'"),
    ("01-base.lua", "say = 1\n", "01-base.lua:1:1: setting non-standard global variable 'say'"),
])
def test_what_is_found_is_named_by_part_and_line(tmp_path, name, text, says):
    done = check(tmp_path, {**PARTS, name: text})
    assert done.returncode == 1
    assert "redis/functions/shop/" + says in done.stdout.splitlines()
