"""A stack that root starts: who reads a stranger's bytes is not root, and nobody can become it."""
import contextlib
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import tempfile
import urllib.request

import pytest

import tiffin_stack
from test_tls import make_certificate
from tiffin_http import Client
from tiffin_ports import free_port
from tiffin_stack import BIN_DIR, ROOT, Stack, eventually, process_status
from tiffin_ws import JSON, Ws

pytestmark = [pytest.mark.once,
              pytest.mark.skipif(os.geteuid() != 0, reason="only root can give root up")]

CAPABILITIES = {"chown": 0, "dac_read_search": 2, "kill": 5, "setgid": 6, "setuid": 7, "setpcap": 8,
                "net_bind_service": 10}
# What an engine of containers leaves root by default: no ptrace, so it cannot look into everybody.
CONTAINER = ("-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,"
             "+net_bind_service,+sys_chroot")


@pytest.fixture
def stack():
    stack = Stack()
    yield stack
    stack.end()


@pytest.fixture
def closed():
    """A folder that root alone can enter."""
    with tempfile.TemporaryDirectory(prefix="tfr-") as folder:
        yield pathlib.Path(folder)


def mask(*names):
    return sum(1 << CAPABILITIES[name] for name in names)


SUPERVISOR = mask(*CAPABILITIES)
NGINX = SUPERVISOR & ~mask("setpcap")


def check_given_up(stack, is_root=False):
    """Of all processes: user and capabilities."""
    masters = {stack.pid("nginx")}
    seen = set()
    for pid, name in stack.processes().items():
        status = process_status(pid)
        if not status or name in ("service.sh", "bash", "sh", "setpriv"):
            continue
        uids, effective = set(status["Uid"].split()), int(status["CapEff"], 16)
        permitted, bounding = int(status["CapPrm"], 16), int(status["CapBnd"], 16)
        assert status["NoNewPrivs"].strip() == "1", name
        if name in ("s6-svscan", "s6-supervise") or pid in masters:
            allowed = NGINX if pid in masters else SUPERVISOR
            assert uids == {"0"} and not (effective | bounding) & ~allowed, (name, status)
            continue
        seen.add(name)
        assert (uids == {"0"}) == is_root, (name, status)
        if name == "nginx" and is_root:
            continue
        assert effective == permitted == 0, (name, status)
        if name != "nginx":
            assert bounding == 0, (name, status)
            assert status["Groups"].strip() == "" or is_root, (name, status)
    assert {"redis-server", "tiffin-api", "tiffin-worker", "tiffin-ws", "s6-log", "nginx"} <= seen


def check_all_works(stack):
    http = Client(stack.port)
    id_ = http.place().json["order_id"]
    eventually(lambda: http.order(id_)["status"] == "delivered", "the delivery")
    assert http.get("/").status == 200
    with Ws(stack.port, protocol=JSON) as ws:
        ws.json("presence")
        ws.say("hello", user="root")
        ws.wait_json("message", text="hello")
    cli = stack.script("redis-cli.sh", "HGET", "order:{s00}:" + id_, "status")
    assert cli.stdout.strip() == "delivered", cli.stderr
    ctl = subprocess.run([BIN_DIR / "tiffin-ctl", "fsck"], env=stack.environment(), capture_output=True)
    assert ctl.returncode == 0, ctl.stdout
    return id_


def test_everything_works_without_root(stack):
    """Also what starts again by itself, and what the loggers and Redis left before."""
    stack.up()
    check_given_up(stack)
    id_ = check_all_works(stack)
    for name in ("redis", "api", "worker", "ws", "nginx"):
        stack.kill(name)
    eventually(Client(stack.port).answers, "a healthy stack")
    eventually(lambda: stack.pid("ws") and not {"bash", "service.sh"} & set(stack.processes().values()), "calm")
    check_given_up(stack)
    assert stack.down().returncode == 0
    stack.up()
    assert Client(stack.port).order(id_)["status"] == "delivered"


def test_a_stack_that_ran_as_root_is_taken_over(stack):
    stack.up()
    id_ = check_all_works(stack)
    assert stack.down().returncode == 0
    outside = stack.folder / "outside"
    outside.write_text("root's")
    os.symlink(outside, stack.folder / "redis" / "link")
    for path in [*stack.folder.glob("redis/**/*"), *stack.folder.glob("log/**/*"), stack.folder / "users.acl"]:
        os.chown(path, 0, 0, follow_symlinks=False)
    stack.up()
    check_given_up(stack)
    assert Client(stack.port).order(id_)["status"] == "delivered"
    assert outside.stat().st_uid == 0
    assert stack.folder.stat().st_uid == 0, "the folder itself stays root's"


def test_a_key_that_root_alone_can_read(stack, closed):
    cert, key = make_certificate(closed, "first")
    port = stack.settings["TLS_PORT"] = free_port()
    stack.settings.update(TLS_CERT=cert, TLS_KEY=key)
    stack.up()
    check_given_up(stack)

    def is_served():
        context = ssl.create_default_context(cafile=cert)
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(f"https://localhost:{port}/healthz", context=context) as answer:
                return answer.status == 200
    assert is_served()
    for new, old in zip(make_certificate(closed, "second"), (cert, key)):
        new.rename(old)
    subprocess.run(["s6-svc", "-h", stack.folder / "svc" / "nginx"], check=True)
    eventually(is_served, "the renewed certificate")


def test_sources_where_only_root_comes(stack, closed, monkeypatch):
    """As /root/tiffin: programs, configuration and pages are had all the same."""
    for folder in ("fcgi/stack", "redis", "nginx", "html"):
        shutil.copytree(ROOT / folder, closed / folder, symlinks=True,
                        ignore=shutil.ignore_patterns("node_modules"))
    shutil.copytree(BIN_DIR, closed / "bin")
    monkeypatch.setattr(tiffin_stack, "SCRIPTS", closed / "fcgi" / "stack")
    stack.settings["BIN_DIR"] = closed / "bin"
    done = stack.script("up.sh")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    check_given_up(stack)
    check_all_works(stack)
    assert stack.down().returncode == 0


def test_a_run_directory_where_only_root_comes(stack, closed):
    """Then at least root's rights are given up, and it is said."""
    stack.settings["RUN_DIR"] = closed / "run"
    folder, stack.folder = stack.folder, closed / "run"
    try:
        done = stack.script("up.sh")
        assert done.returncode == 0 and "better: TIFFIN_RUN_DIR" in done.stderr
        check_given_up(stack, is_root=True)
        check_all_works(stack)
        assert stack.down().returncode == 0
    finally:
        stack.folder, stack.settings["RUN_DIR"] = folder, folder


def test_in_a_container_root_finds_what_is_left(stack):
    """Where it cannot look into the processes of others."""
    def script(name):
        return subprocess.run(["setpriv", "--bounding-set=" + CONTAINER, tiffin_stack.SCRIPTS / name],
                              env=stack.environment(), stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, timeout=180)
    assert script("up.sh").returncode == 0
    old = stack.processes()
    for pid, name in old.items():
        if name.startswith("s6-s"):
            os.kill(pid, signal.SIGKILL)
    os.kill(stack.pid("nginx"), signal.SIGKILL)
    assert script("down.sh").returncode == 0
    assert stack.processes() == {}
