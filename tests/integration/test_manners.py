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
from tiffin_stack import SCRIPTS, Stack, eventually


@pytest.fixture
def new_stack():
    """Stacks that may or may not come up; they end with the test."""
    made = []

    def make(**settings):
        made.append(Stack(**settings))
        return made[-1]
    yield make
    for stack in made:
        stack.end()


def check_refusal(stack, *words, settings=None):
    """One clear line, non-zero, nothing left running. -> the line"""
    done = stack.script("up.sh", **settings or {})
    assert done.returncode != 0, done.stdout
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and done.stdout == "", done.stdout + done.stderr
    for word in words:
        assert str(word) in lines[0], lines[0]
    assert stack.processes() == {}
    return lines[0]


# ---- what is refused at the start -----------------------------------------------------------------

@pytest.mark.parametrize("address", [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_busy_port(new_stack, address):
    stack = new_stack()
    with socket.socket(address[1]) as other:
        other.bind((address[0], stack.port))
        other.listen()
        line = check_refusal(stack, stack.port)
        assert "TIFFIN_PORT=" in line, "it says what to do"


@pytest.mark.parametrize("settings", [
    {"PORT": "0"}, {"PORT": "99999"}, {"PORT": "eighty"}, {"DB_MS": "-1"}, {"DB_MS": "1s"},
    {"DB_MS": "60001"}, {"WORKER_TTL_MS": "5"}, {"API_PROCESSES": "65"}, {"WORKERS": "x"},
    {"STAGE_MIN_MS": "50"}, {"LOG_LEVEL": "loud"}, {"RATE": "1.5"}, {"DRAIN_MS": "0x10"},
    {"PAYMENT_DECLINE_PCT": "60", "PAYMENT_ERROR_PCT": "50"}, {"LIMIT_LOOPBACK": "yes"},
])
def test_bad_setting(new_stack, settings):
    stack = new_stack()
    line = check_refusal(stack, settings=settings)
    assert any("TIFFIN_" + name[:8] in line for name in settings), line


def test_run_dir_too_long_for_sockets(new_stack):
    stack = new_stack()
    long_dir = stack.folder / ("x" * 100)
    stack.settings["RUN_DIR"] = long_dir
    check_refusal(stack, "TIFFIN_RUN_DIR", 107)
    assert not long_dir.exists()
    stack.settings["RUN_DIR"] = stack.folder


def test_run_dir_that_is_a_file(new_stack):
    stack = new_stack()
    (stack.folder / "file").write_text("mine")
    stack.settings["RUN_DIR"] = stack.folder / "file"
    check_refusal(stack, "cannot")
    assert (stack.folder / "file").read_text() == "mine"
    stack.settings["RUN_DIR"] = stack.folder


def test_programs_that_are_not_built(new_stack):
    with tempfile.TemporaryDirectory() as empty:
        check_refusal(new_stack(BIN_DIR=empty), "make")


def test_programs_that_die_at_once(new_stack):
    """Only the worker: the rest must be stopped again."""
    stack = new_stack()
    with tempfile.TemporaryDirectory() as folder:
        for program in ("tiffin-api", "tiffin-worker", "tiffin-load"):
            os.symlink(stack.settings["BIN_DIR"] / program, pathlib.Path(folder) / program)
        api = pathlib.Path(folder) / "tiffin-api"
        api.unlink()
        api.write_text("#!/bin/sh\n[ \"$1\" = --check ] || { echo 'no luck today'; exit 1; }\n")
        api.chmod(0o755)
        stack.settings["BIN_DIR"] = folder
        done = stack.script("up.sh")
    assert done.returncode != 0
    assert "no luck today" in done.stderr, "the end of its log is shown"
    assert stack.processes() == {}


# ---- up and down ----------------------------------------------------------------------------------

def test_up_down_up(new_stack):
    """Twice is once, orders survive, and settings of the next start count."""
    stack = new_stack()
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

    limited = stack.script("up.sh", LIMIT_LOOPBACK=1, RATE=1, RATE_BURST=3, WORKERS=2,
                           API_PROCESSES=1, STREAMS_PER_CLIENT=1)
    assert limited.returncode == 0, limited.stderr
    assert len(stack.children("api")) == 1 and stack.pid("worker-2")
    answer = eventually(lambda: (a := http.get("/order/" + id_)).status == 200 and a, "room again")
    assert answer.json == order, "orders are kept"
    assert stack.processes()

    refused = eventually(lambda: (a := http.get("/healthz")).status != 200 and a, "the rate limit")
    check_problem(refused, 429)
    assert stack.down().returncode == 0


def test_streams_of_one_client_are_limited(new_stack):
    stack = new_stack(LIMIT_LOOPBACK=1, RATE=0, STREAMS_PER_CLIENT=2).up()
    http = Client(stack.port)
    with stack.without("worker"):
        id_ = http.place().json["order_id"]
        with http.live(id_) as first, http.live(id_) as second:
            assert first.next_event() and second.next_event()
            check_problem(http.get(f"/order/{id_}/live-status"), 429)
        eventually(lambda: http.live(id_).status == 200, "room again")


def test_down_after_everything_was_killed(new_stack):
    """Supervisors too: down still finds what is left, and the next up works."""
    stack = new_stack().up()
    for pid, name in stack.processes().items():
        if name.startswith("s6-"):
            os.kill(pid, 9)
    assert stack.processes()
    assert stack.down().returncode == 0
    assert stack.processes() == {}
    stack.up()
    assert Client(stack.port).place().status == 201


# ---- what strangers may see -----------------------------------------------------------------------

def secrets_of(stack):
    return {path.name: path.read_text().strip() for path in (stack.folder / "secrets").iterdir()}


def test_no_secret_in_arguments_or_environment(stack):
    secrets = secrets_of(stack)
    assert {"api", "worker", "gateway", "admin", "reader"} <= set(secrets)
    assert all(len(secret) >= 32 for secret in secrets.values())
    processes = stack.processes()
    assert {"redis-server", "nginx", "tiffin-api", "tiffin-worker"} <= set(processes.values())
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
    assert mode(run / "secrets") == 0o700
    for path in [*(run / "secrets").iterdir(), run / "users.acl", run / "redis.sock"]:
        assert mode(path) == 0o600, path
    for path in (run / "redis").rglob("*"):
        assert mode(path) & 0o077 == 0, path
    for path in run.glob("log/*/current"):
        assert mode(path) & 0o007 == 0 or mode(path.parent.parent) & 0o007 == 0, path
    for path in (run / "api").iterdir():
        assert mode(path.parent) & 0o007 == 0, "only nginx may reach the API"


def test_logs_shorten_order_ids(http, store, stack):
    """`order_` and six characters; the shared stack's whole log is looked through at its end."""
    id_ = http.place().json["order_id"]
    with http.live(id_) as stream:
        list(stream)
    http.get("/order/" + id_)
    http.post(f"/order/{id_}/cancel")
    http.get(f"/restaurants?x={id_}")
    http.get(f"/nope/{id_}")
    check_logged(http, stack, id_)


@pytest.mark.parametrize("path", ["/order/{id}/{id}", "/nope/{id}/{id}", "/order/%6frder{rest}",
                                  "/order/order{escaped}", "/order/./{id}", "//order//{id}"])
def test_logs_shorten_order_ids_in_odd_paths(http, store, stack, path):
    id_ = http.place().json["order_id"]
    escaped = "".join(f"%{ord(letter):02x}" for letter in id_[5:12]) + id_[12:]
    http.get(path.format(id=id_, rest=id_[5:], escaped=escaped))
    check_logged(http, stack, id_)


def check_logged(http, stack, id_):
    """Once a later request is in the log, neither the id nor most of it is."""
    later = http.get("/healthz").headers["X-Request-Id"]
    eventually(lambda: later in stack.log("nginx"), "the log lines")
    assert id_[12:] not in stack.all_logs()


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
