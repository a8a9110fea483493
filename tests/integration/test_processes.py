"""The processes of a stack on one machine: none but its own is ever hurt."""
import contextlib
import os
import signal
import subprocess

import pytest

from tiffin_stack import Stack, eventually, is_alive


@pytest.fixture
def new_stack():
    stack = Stack(BRIDGES=2, WORKERS=2)
    yield stack
    stack.end()


def kill_all(stack):
    """As a power cut does. Those that start the rest again first."""
    while left := stack.processes():
        for pid, _ in sorted(left.items(), key=lambda p: not p[1].startswith("s6-sv")):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        eventually(lambda: not set(left) & set(stack.processes()), "their end")


@contextlib.contextmanager
def innocent(folder="/"):
    """Somebody else's process, which leads a group and session of its own, as a service does."""
    process = subprocess.Popen(["sleep", "600"], cwd=folder, start_new_session=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


# ---- who is hurt --------------------------------------------------------------------------------

def test_a_number_in_a_file_is_nobody(new_stack):
    """After a power cut the pid files are still there, and the numbers in them are anybody's. Also of
    one that stands in the run directory by chance."""
    stack = new_stack.up()
    names = [path.stem for path in stack.folder.glob("*.pid")]
    assert {"redis", "api", "worker", "worker-2", "ws", "ws-2", "nginx"} <= set(names)
    kill_all(stack)
    with innocent() as other, innocent(stack.folder / "svc" / "api") as inside:
        for name in names:
            (stack.folder / f"{name}.pid").write_text(f"{other.pid}\n")
        stack.up()
        assert other.poll() is None
        (stack.folder / "ws-2.pid").write_text(f"{other.pid}\n")
        (stack.folder / "worker-2.pid").write_text(f"{inside.pid}\n")
        for name in ("ws-2", "worker-2"):  # its supervisor tidies up
            subprocess.run(["s6-svc", "-wD", "-T", "60000", "-d", stack.folder / "svc" / name], check=True)
        assert stack.down().returncode == 0
        assert other.poll() is None and inside.poll() is None


@pytest.mark.parametrize("text", ["", "garbage", "1", "0", "-1", "99999999999999999999", "08\n", "a[$(kill $PPID)]"])
def test_what_a_file_may_hold(new_stack, text):
    """A kill -9 or a full disk may leave anything in them."""
    stack = new_stack
    for name in ("redis", "api", "worker", "ws", "nginx", "ws-9"):
        (stack.folder / f"{name}.pid").write_text(text)
    (stack.folder / "started").write_text(text)
    (stack.folder / "svc" / "api" / "data").mkdir(parents=True)
    (stack.folder / "svc" / "api" / "data" / "fails").write_text(text)
    assert stack.down().returncode == 0
    assert not list(stack.folder.glob("*.pid"))


def test_orphans_of_a_killed_stack_are_ended(new_stack):
    """Whatever their pid files say."""
    stack = new_stack.up()
    old = stack.processes()
    for pid, name in old.items():
        if name.startswith("s6-"):
            os.kill(pid, signal.SIGKILL)
    for path in stack.folder.glob("*.pid"):
        path.unlink()
    stack.up()
    assert not [pid for pid in old if is_alive(pid)]
