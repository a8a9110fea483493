"""The processes of a stack on one machine: `make up` says that it is ready only when it is, and none
but its own is ever hurt; a logger that stands still stops nobody."""
import concurrent.futures
import contextlib
import http.server
import os
import signal
import socket
import subprocess
import threading

import pytest

from tiffin_http import Client
from tiffin_stack import BIN_DIR, SCRIPTS, Stack, eventually, is_alive

pytestmark = pytest.mark.once


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


# ---- ready or not -------------------------------------------------------------------------------

def test_up_of_one_that_runs_but_is_not_ready(new_stack):
    stack = new_stack.up()
    redis_cli = ["redis-cli", "-s", stack.folder / "redis.sock", "--user", "admin", "--no-auth-warning"]
    password = (stack.folder / "secrets" / "admin").read_text().strip()
    subprocess.run([*redis_cli, "FUNCTION", "FLUSH"], check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "REDISCLI_AUTH": password})
    eventually(lambda: Client(stack.port).get("/readyz").status == 503, "trouble")
    again = stack.script("up.sh", UP_TIMEOUT_S=1)
    assert again.returncode == 1 and again.stdout == ""
    assert "/readyz says 503" in again.stderr and "make down" in again.stderr
    assert stack.pid("api"), "what ran goes on"
    assert stack.down().returncode == 0
    stack.up()


def test_up_of_one_that_runs_elsewhere(new_stack):
    stack = new_stack.up()
    again = stack.script("up.sh", PORT=stack.port + 1)
    assert again.returncode == 1 and str(stack.port) in again.stderr and again.stdout == ""


@contextlib.contextmanager
def impostor(port):
    """Somebody who says on the same port that all is well."""
    class Ready(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        def server_bind(self):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            super().server_bind()

    with Server(("127.0.0.1", port), Ready) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def test_somebody_else_is_ready(new_stack):
    stack = new_stack.up()
    with impostor(stack.port):
        again = stack.script("up.sh")
    assert again.returncode == 1 and f"another program listens on port {stack.port}" in again.stderr


def test_two_at_the_same_moment(new_stack):
    """Both find the port free, both could bind it: not both are ready."""
    other = Stack(PORT=new_stack.port)
    try:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            done = list(pool.map(lambda stack: stack.script("up.sh"), (new_stack, other)))
        assert sorted(d.returncode for d in done)[1] == 1, [d.stdout for d in done]
        for stack, result in zip((new_stack, other), done):
            if result.returncode:
                assert str(stack.port) in result.stderr and stack.processes() == {}
    finally:
        other.end()


# ---- the loggers --------------------------------------------------------------------------------

def loggers(stack):
    return [pid for pid, name in stack.processes().items() if name == "s6-log"]


@contextlib.contextmanager
def stopped_loggers(stack):
    pids = loggers(stack)
    assert len(pids) == 8  # redis, api, two workers, two bridges, nginx, s6 itself
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def test_loggers_that_stand_still_stop_nobody(new_stack):
    """More lines than a pipe and nginx' buffers hold; later ones are there again, and no line is torn."""
    new_stack.settings["LOG_LEVEL"] = "debug"
    stack = new_stack.up()
    http_ = Client(stack.port)
    with stopped_loggers(stack):
        for _ in range(2000):
            assert http_.get("/healthz").status == 200
        for _ in range(50):
            assert http_.place().status == 201
        for name in ("api", "worker", "ws", "redis", "nginx"):
            stack.kill(name)
        eventually(http_.answers, "a healthy stack")
    eventually(lambda: http_.get("/last-words") and "/last-words" in stack.log("nginx"), "the log")
    torn = [line for line in stack.log("nginx").splitlines() if line.count(" bytes ") > 1]
    assert not torn


def test_loggers_that_stand_still_end(new_stack):
    stack = new_stack.up()
    with stopped_loggers(stack):
        assert stack.down().returncode == 0
        assert stack.processes() == {}


def test_no_line_is_lost_while_somebody_reads(new_stack):
    stack = new_stack.up()
    http_ = Client(stack.port)

    def ask(thread):
        for i in range(500):
            assert http_.get(f"/nobody/{thread}/{i}/end").status == 404
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))
    eventually(lambda: http_.get("/last-words") and "/last-words" in stack.log("nginx"), "the log")
    assert stack.down().returncode == 0
    seen = stack.log("nginx")
    assert not [f"{t}/{i}" for t in range(8) for i in range(500) if f"/nobody/{t}/{i}/end" not in seen]


# ---- Redis' file after a power cut --------------------------------------------------------------

TORN = b"*3\r\n$3\r\nset\r\n$9\r\nha"


@pytest.fixture
def cut_off(new_stack):
    """A stack whose Redis was killed, with 20 orders; and its append-only file."""
    stack = new_stack.up()
    ids = [Client(stack.port).place().json["order_id"] for _ in range(20)]
    kill_all(stack)
    return stack, ids, next((stack.folder / "redis" / "appendonlydir").glob("*.incr.aof"))


@pytest.mark.parametrize("tail, cut", [(bytes(12), 12), (bytes(5000), 5000), (TORN + bytes(4096), 4096)],
                         ids=["NULs", "many NULs", "torn, then NULs"])
def test_nuls_at_the_end_are_mended(cut_off, tail, cut):
    stack, ids, path = cut_off
    before = path.read_bytes()
    path.write_bytes(before + tail)
    refused = stack.script("up.sh")
    assert refused.returncode == 1 and "make redis-repair" in refused.stderr
    repaired = stack.script("redis-repair.sh")
    assert repaired.returncode == 0 and f"{cut} NUL bytes" in repaired.stdout, repaired.stderr
    copy, = (stack.folder / "redis").glob("appendonlydir.before-repair-*")
    assert (copy / path.name).read_bytes() == before + tail
    stack.up()
    eventually(lambda: all(Client(stack.port).order(id_)["status"] == "delivered" for id_ in ids), "all orders")
    fsck = subprocess.run([BIN_DIR / "tiffin-ctl", "fsck"], env=stack.environment(), capture_output=True)
    assert fsck.returncode == 0, fsck.stdout
    running = stack.script("redis-repair.sh")
    assert running.returncode == 1 and "make down" in running.stderr


def test_damage_elsewhere_is_cut_when_it_is_said_so(cut_off):
    stack, _, path = cut_off
    before = path.read_bytes()
    place = before.rindex(b"\r\n*", 0, len(before) * 2 // 3) + 2  # where a command begins
    damaged = before[:place] + b"X" + before[place + 1:] + bytes(16)
    path.write_bytes(damaged)
    refused = stack.script("redis-repair.sh")
    assert refused.returncode == 1 and "FORCE=1" in refused.stderr and str(len(before)) in refused.stderr
    assert path.read_bytes() == damaged[:-16], "NULs alone were cut off"
    done = subprocess.run([SCRIPTS / "redis-repair.sh"], capture_output=True, text=True,
                          env={**stack.environment(), "FORCE": "1"})
    assert done.returncode == 0 and "were cut off" in done.stdout, done.stderr
    stack.up()


def test_nothing_to_repair(cut_off):
    stack, _, path = cut_off
    before = path.read_bytes()
    done = stack.script("redis-repair.sh")
    assert done.returncode == 0 and "nothing was changed" in done.stdout
    assert path.read_bytes() == before
    assert not list((stack.folder / "redis").glob("*.before-repair-*"))
