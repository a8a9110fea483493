"""The stack's own manners: how it starts, refuses, stops, and what it shows to strangers."""
import os
import pathlib
import socket
import stat
import subprocess
import tempfile

import pytest

from shapes import check_problem
from tiffin_http import Client
from test_tls import make_certificate
from tiffin_ports import free_port
from tiffin_stack import BIN_DIR, SCRIPTS, Stack, eventually


@pytest.fixture
def new_stack():
    stack = Stack()
    yield stack
    stack.end()


@pytest.fixture(scope="module")
def unborn():
    """A stack that never comes up."""
    stack = Stack()
    yield stack
    stack.end()


def check_refusal(stack, *words, **settings):
    """One clear line, non-zero, nothing left running. -> the line"""
    done = stack.script("up.sh", **settings)
    assert done.returncode != 0, done.stdout
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and done.stdout == "", done.stdout + done.stderr
    for word in words:
        assert str(word) in lines[0], lines[0]
    assert stack.processes() == {}
    return lines[0]


# ---- what is refused at the start ---------------------------------------------------------------

@pytest.mark.parametrize("address", [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_busy_port(unborn, address):
    with socket.socket(address[1]) as other:
        other.bind((address[0], unborn.port))
        other.listen()
        line = check_refusal(unborn, unborn.port)
        assert "TIFFIN_PORT=" in line, "it says what to do"


@pytest.mark.parametrize("address", [("0.0.0.0", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_busy_tls_port(unborn, address, tmp_path):
    """Even by one who would share it."""
    cert, key = make_certificate(tmp_path, "busy")
    port = free_port()
    with socket.socket(address[1]) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind((address[0], port))
        other.listen()
        line = check_refusal(unborn, f"port {port}", TLS_PORT=port, TLS_CERT=cert, TLS_KEY=key)
        assert "TIFFIN_TLS_PORT=" in line, "it says what to do"


@pytest.mark.parametrize("settings", [
    {"PORT": "0"}, {"PORT": "eighty"}, {"DB_MS": "-1"}, {"DB_MS": "1s"}, {"DB_MS": "60001"},
    {"WORKER_TTL_MS": "5"}, {"API_PROCESSES": "65"}, {"STAGE_MIN_MS": "50"}, {"LOG_LEVEL": "loud"},
    {"RATE": "1.5"}, {"DRAIN_MS": "0x10"}, {"LIMIT_LOOPBACK": "yes"},
    {"HSTS_S": "-2"}, {"ORDER_RATE": "many"}, {"HOSTS": "a;b"}, {"TRUSTED_PROXIES": "proxy"},
    {"PAYMENT_DECLINE_PCT": "60", "PAYMENT_ERROR_PCT": "50"},
])
def test_bad_setting(unborn, settings):
    line = check_refusal(unborn, **settings)
    assert any("TIFFIN_" + name[:8] in line for name in settings), line


def test_run_dir_too_long_for_sockets(unborn):
    long_dir = unborn.folder / ("x" * 100)
    check_refusal(unborn, "TIFFIN_RUN_DIR", 107, RUN_DIR=long_dir)
    assert not long_dir.exists()


def test_run_dir_that_is_a_file(unborn):
    (unborn.folder / "file").write_text("mine")
    check_refusal(unborn, "cannot", RUN_DIR=unborn.folder / "file")
    assert (unborn.folder / "file").read_text() == "mine"


def test_programs_that_are_not_built(unborn):
    with tempfile.TemporaryDirectory() as empty:
        check_refusal(unborn, "make", BIN_DIR=empty)


def test_programs_that_die_at_once(new_stack):
    """The rest, which had come up, must be stopped again."""
    stack = new_stack
    with tempfile.TemporaryDirectory() as folder:
        for program in BIN_DIR.glob("tiffin-*"):
            os.symlink(program, pathlib.Path(folder) / program.name)
        api = pathlib.Path(folder) / "tiffin-api"
        api.unlink()
        api.write_text("#!/bin/sh\n[ \"$1\" = --check ] || { echo 'no luck today'; exit 1; }\n")
        api.chmod(0o755)
        done = stack.script("up.sh", BIN_DIR=folder)
    assert done.returncode != 0
    assert "no luck today" in done.stderr, "the end of its log is shown"
    assert stack.processes() == {}


# ---- up and down --------------------------------------------------------------------------------

def test_up_down_up(new_stack):
    """Twice is once, orders survive, and settings of the next start count."""
    stack = new_stack
    http = Client(stack.port)
    assert stack.script("down.sh").returncode == 0, "nothing to stop is fine"
    first = stack.script("up.sh")
    assert first.returncode == 0 and f"http://localhost:{stack.port}" in first.stdout
    assert first.stderr == ""
    id_ = http.place().json["order_id"]
    pids = {name: stack.pid(name) for name in ("redis", "api", "worker", "nginx")}

    again = stack.script("up.sh")
    assert again.returncode == 0 and "already running" in again.stdout
    assert str(stack.port) in again.stdout
    assert {name: stack.pid(name) for name in pids} == pids

    eventually(lambda: http.order(id_)["status"] == "delivered", "the delivery")
    order = http.order(id_)
    down = stack.script("down.sh")
    assert down.returncode == 0 and "stopped" in down.stdout
    assert stack.processes() == {} and not list(stack.folder.glob("*.pid"))
    with pytest.raises(OSError):
        http.get("/healthz")
    twice = stack.script("down.sh")
    assert twice.returncode == 0 and "not running" in twice.stdout

    limited = stack.script("up.sh", LIMIT_LOOPBACK=1, RATE=5, RATE_BURST=20, WORKERS=2,
                           API_PROCESSES=1, STREAMS_PER_CLIENT=2)
    assert limited.returncode == 0, limited.stderr
    assert len(stack.children("api")) == 1 and stack.pid("worker-2")
    answer = eventually(lambda: (a := http.get("/order/" + id_)).status == 200 and a, "room")
    assert answer.json == order, "orders are kept"
    with stack.without("worker"), stack.without("worker-2"):
        id_ = eventually(lambda: (a := http.place()).status == 201 and a, "room").json["order_id"]

        def opened():
            stream = http.live(id_)
            if stream.status == 200:
                return stream
            return stream.close()
        with eventually(opened, "room") as one, eventually(opened, "room") as two:
            assert one.next_event() and two.next_event()
            assert http.live(id_).wait_retry() == 30000
    refused = eventually(lambda: (a := http.get("/healthz")).status != 200 and a, "the rate limit")
    check_problem(refused, 429)


# ---- what strangers may see ---------------------------------------------------------------------

def secrets_of(stack):
    return {path.name: path.read_text().strip() for path in (stack.folder / "secrets").iterdir()}


def test_no_secret_in_arguments_or_environment(stack):
    secrets = secrets_of(stack)
    assert {"api", "worker", "gateway", "admin", "reader"} <= set(secrets)
    assert all(len(secret) >= 32 for secret in secrets.values())
    programs = {"redis-server", "nginx", "tiffin-api", "tiffin-worker"}
    processes = eventually(lambda: programs <= set((found := stack.processes()).values()) and found,
                           f"all of {programs}")
    for pid, name in processes.items():
        for what in ("cmdline", "environ"):
            try:
                text = pathlib.Path(f"/proc/{pid}/{what}").read_bytes().decode(errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            for user, secret in secrets.items():
                assert secret not in text, f"{user}'s password in {what} of {name}"
    assert not [user for user, secret in secrets.items() if secret in stack.all_logs()]


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_files_are_private(stack):
    run = stack.folder
    assert mode(run) in (0o700, 0o711)
    assert mode(run / "secrets") in (0o700, 0o711)
    for path in [*(run / "secrets").iterdir(), run / "users.acl", run / "redis.sock"]:
        assert mode(path) == 0o600, path
    for path in (run / "redis").rglob("*"):
        assert mode(path) & 0o077 == 0, path
    for path in run.glob("log/*/current"):
        assert mode(path) & 0o007 == 0 or mode(path.parent) & 0o007 == 0, path
    for path in (run / "api").iterdir():
        assert mode(path.parent) & 0o007 == 0, "only nginx may reach the API"


def test_logs_shorten_order_ids(http, store, stack):
    """`order_` and six characters, however a client writes the path; the shared stack's whole log
    is looked through at its end."""
    id_ = http.place().json["order_id"]
    with http.live(id_) as stream:
        list(stream)
    http.post(f"/order/{id_}/cancel")
    rest, escaped = id_[5:], "".join(f"%{ord(letter):02x}" for letter in id_[5:12]) + id_[12:]
    for path in (f"/order/{id_}", f"/restaurants?x={id_}", f"/nope/{id_}", f"/order/{id_}/{id_}",
                 f"/nope/{id_}/{id_}", f"/order/%6frder{rest}", f"/order/order{escaped}",
                 f"/order/./{id_}", f"//order//{id_}"):
        http.get(path)
    later = http.get("/healthz").headers["X-Request-Id"]
    eventually(lambda: later in stack.log("nginx"), "the log lines")
    eventually(lambda: f'"GET /order/{id_[:12]}..." 200' in stack.log("nginx"), "the first of them")
    assert [line for line in stack.all_logs().splitlines() if id_[12:] in line] == []


def test_nginx_own_errors_show_no_order_id(http, store, stack):
    """While a killed API's successor binds its sockets there are none: nginx says so, at a level
    of its own."""
    id_ = http.place().json["order_id"]
    with stack.without("api"):
        for path in (stack.folder / "api").iterdir():
            path.unlink()
        check_problem(http.get("/order/" + id_), 503)
        check_problem(http.post(f"/order/{id_}/cancel"), 503)
        with http.live(id_) as stream:
            assert stream.status == 200 and list(stream) == []
    eventually(http.answers, "the API")
    assert [line for line in stack.all_logs().splitlines() if id_[12:] in line] == []


def test_the_reader_reads_and_changes_nothing(http, store, stack):
    id_ = http.place().json["order_id"]
    store.wait_settled([id_])
    key = "order:{s00}:" + id_

    def cli(*args):
        return subprocess.run([SCRIPTS / "redis-cli.sh", *args], env=stack.environment(), text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=60).stdout
    assert cli("HGET", key, "status").strip() == "delivered"
    for command in (("HSET", key, "status", "eaten"), ("DEL", key), ("FLUSHALL",), ("KEYS", "*"),
                    ("CONFIG", "GET", "*"), ("SHUTDOWN",), ("ACL", "LIST")):
        assert "NOPERM" in cli(*command), command
    assert http.order(id_)["status"] == "delivered"


def test_redis_lets_no_stranger_in(stack):
    done = subprocess.run(["redis-cli", "-s", stack.folder / "redis.sock", "DBSIZE"], text=True,
                          capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    assert "NOAUTH" in done.stdout + done.stderr
