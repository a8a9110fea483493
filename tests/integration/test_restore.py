"""backup.sh and restore.sh on a real Redis' data: all of it is replaced, or nothing is."""
import io
import os
import shutil
import subprocess
import tarfile

import pytest

from tiffin_edge import UNSHARE, may_unshare
from tiffin_http import Client
from tiffin_stack import DEADLINE_S, ROOT, Stack
from tiffin_store import Store

pytestmark = pytest.mark.once

REDIS = ROOT / "redis"
MANIFEST = "appendonlydir/tiffin.aof.manifest"
NEWEST = "appendonlydir/tiffin.aof.1.incr.aof"


def script(name, data, given=b"", before=()):
    return subprocess.run([*before, REDIS / name, data], input=given, capture_output=True,
                          timeout=DEADLINE_S, check=False)


def content(folder):
    """{path: bytes} of all files."""
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A stack with an order, stopped; the backup of its data and a copy of them; the order."""
    copy = tmp_path_factory.mktemp("shop") / "redis"
    stack = Stack()
    try:
        stack.up()
        id_ = Client(stack.port).place().json["order_id"]
        Store(stack).wait_settled([id_])
        assert stack.down().returncode == 0
        backup = script("backup.sh", stack.folder / "redis")
        assert (backup.returncode, backup.stderr) == (0, b"")
        shutil.copytree(stack.folder / "redis", copy)
        yield stack, backup.stdout, copy, id_
    finally:
        stack.end()


@pytest.fixture
def data(shop, tmp_path):
    """A copy of the data, to be hurt."""
    copy = tmp_path / "redis"
    shutil.copytree(shop[2], copy)
    (copy / NEWEST).write_bytes((copy / NEWEST).read_bytes() + b"*1\r\n$4\r\nPING\r\n")  # other data
    return copy


def test_what_was_backed_up_comes_back_and_what_was_there_is_kept(shop):
    stack, backup, _, old = shop
    stack.up()
    http = Client(stack.port)
    new = http.place().json["order_id"]
    Store(stack).wait_settled([new])
    for name in ("backup.sh", "restore.sh"):  # under a running Redis: refused
        done = script(name, stack.folder / "redis", backup)
        assert done.returncode == 1 and b"stop it first" in done.stderr
    assert stack.down().returncode == 0
    before = content(stack.folder / "redis" / "appendonlydir")
    done = script("restore.sh", stack.folder / "redis", backup)
    assert done.returncode == 0, done.stderr
    kept, = (stack.folder / "redis").glob("before-restore-*")
    assert content(kept) == before and str(kept).encode() in done.stderr
    stack.up()
    assert http.get("/order/" + old).status == 200
    assert http.get("/order/" + new).status == 404
    Store(stack).check_everything()
    assert stack.down().returncode == 0


def test_into_an_empty_folder(shop, tmp_path):
    assert script("backup.sh", tmp_path).returncode == 1
    assert script("restore.sh", tmp_path, shop[1]).returncode == 0
    assert script("backup.sh", tmp_path).returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {"appendonlydir"}


def test_a_backup_of_the_whole_folder_is_one_too(shop, data):
    """As the README had it once: its names begin with ./"""
    tar = subprocess.run(["tar", "-cf", "-", "-C", shop[2], "."], check=True,
                         capture_output=True).stdout
    assert script("restore.sh", data, tar).returncode == 0
    assert content(data / "appendonlydir") == content(shop[2] / "appendonlydir")


# ---- nothing is changed -----------------------------------------------------------------------------

def is_refused(data, given, before=()):
    """With a reason, and nothing is changed or left."""
    was = content(data)
    done = script("restore.sh", data, given, before)
    print(done.stderr.decode())
    return (done.returncode == 1 and content(data) == was and
            b"nothing was changed" in done.stderr.splitlines()[-1] and
            {path.name for path in data.iterdir()} == {"appendonlydir"})


def test_a_backup_cut_anywhere(shop, data):
    """Refused, unless all of it but the mark of its end had come."""
    whole = content(shop[2] / "appendonlydir")
    backup = shop[1]
    for size in sorted({*range(0, len(backup), 512), 1, 511, 513, len(backup) // 2 + 7}):
        if not is_refused(data, backup[:size]):
            # The mark is two blocks of 512 bytes, and tar fills the last record, of 10,240.
            assert size > len(backup) - 10240 - 2 * 512
            assert content(data / "appendonlydir") == whole
            shutil.rmtree(data / "appendonlydir")
            kept, = data.glob("before-restore-*")
            kept.rename(data / "appendonlydir")


def changed(backup, change):
    """The backup with its members' list of (TarInfo, bytes) changed."""
    with tarfile.open(fileobj=io.BytesIO(backup)) as tar:
        members = [(info, tar.extractfile(info).read() if info.isfile() else b"") for info in tar]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for info, text in change(members):
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
    return out.getvalue()


def edited(name, edit):
    return lambda members: [(info, edit(text) if info.name == name else text)
                            for info, text in members]


def without(name):
    return lambda members: [member for member in members if member[0].name != name]


def renamed(old, new):
    def change(members):
        for info, _ in members:
            info.name = info.name.replace(old, new)
        return members
    return change


def added(name, type_, link=""):
    def change(members):
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.mode = type_, link, 0o644
        return [*members, (info, b"")]
    return change


BAD = {
    "no manifest": without(MANIFEST),
    "no newest file": without(NEWEST),
    "another Redis' names": renamed("tiffin.aof", "appendonly.aof"),
    "not in its folder": renamed("appendonlydir/", ""),
    "half a command at the end": edited(NEWEST, lambda text: text[:-3]),
    "zeros at the end": edited(NEWEST, lambda text: text + bytes(4096)),
    "a damaged command": edited(NEWEST, lambda text: text[:40] + b"\0" + text[41:]),
    "a damaged snapshot": edited("appendonlydir/tiffin.aof.1.base.rdb",
                                 lambda text: text[:-10] + b"\0\0" + text[-8:]),
    "an empty manifest": edited(MANIFEST, lambda text: b""),
    "commands for a manifest": edited(MANIFEST, lambda text: b"*1\r\n$4\r\nPING\r\n"),
    "a manifest that points outside": edited(MANIFEST, lambda text: text.replace(
        b"file tiffin.aof.1.incr", b"file ../tiffin.aof.1.incr")),
    "an absolute name": added("/tmp/tiffin-restore-escaped", tarfile.REGTYPE),
    "a name outside": added("../escaped", tarfile.REGTYPE),
    "a name outside, further in": added("appendonlydir/../../escaped", tarfile.REGTYPE),
    "a link to a file outside": added("appendonlydir/link", tarfile.SYMTYPE, "/etc/passwd"),
    "a link to a folder": added("appendonlydir/link", tarfile.SYMTYPE, ".."),
    "a second name for a file": added("appendonlydir/link", tarfile.LNKTYPE, NEWEST),
    "a pipe": added("appendonlydir/pipe", tarfile.FIFOTYPE),
    "a device": added("appendonlydir/device", tarfile.CHRTYPE),
}


@pytest.mark.parametrize("change", BAD.values(), ids=BAD.keys())
def test_what_is_no_backup(shop, data, change):
    assert is_refused(data, changed(shop[1], change))
    assert not os.path.exists("/tmp/tiffin-restore-escaped")


@pytest.mark.parametrize("given", [b"", b"not a tar\n" * 1000, bytes(10240)],
                         ids=["empty", "text", "an empty tar"])
def test_what_is_no_tar(data, given):
    assert is_refused(data, given)


def test_what_a_killed_restore_left_is_no_hindrance(shop, data):
    (data / "restore-unpacked").mkdir()
    (data / "restore-unpacked" / "half").write_text("half")
    assert script("restore.sh", data, shop[1]).returncode == 0
    assert not (data / "restore-unpacked").exists()


@pytest.mark.skipif(not may_unshare, reason="unshare -m is not allowed here")
def test_a_full_disk(shop, data):
    """A file system that has room for what is there alone, in a mount namespace of its own."""
    size = sum(-(-len(text) // 4096) * 4096 for text in content(data).values()) + 4 * 4096
    mounted = (f'cp -a "$2" "$2.copy" && mount -t tmpfs -o size={size} none "$2" && '
               'cp -a "$2.copy/." "$2" && { "$@"; code=$?; diff -r "$2" "$2.copy" >&2 || exit 9; exit $code; }')
    done = script("restore.sh", data, shop[1], [*UNSHARE, "sh", "-c", mounted, "sh"])
    assert done.returncode == 1, done.stderr
    assert b"no room" in done.stderr and b"nothing was changed" in done.stderr
