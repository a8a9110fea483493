"""nginx as in a container: its entrypoint follows the addresses behind two names.

It runs in a mount namespace of its own, where /etc/hosts is a file of the test. Real API processes
and bridges listen on 127.0.0.2, 127.0.0.3, ...: as containers, all on the same ports."""
import concurrent.futures
import contextlib
import http.client
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

import pytest

from tiffin_http import Client
from tiffin_ports import free_port, free_ports
from tiffin_stack import BIN_DIR, DEADLINE_S, ROOT, eventually
from tiffin_ws import JSON, Ws

ENTRYPOINT = ROOT / "nginx" / "entrypoint.sh"
# No name server: only files, so that every answer is the test's.
PRIVATE = 'mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/nsswitch.conf && shift 2 && exec "$@"'
IS_ROOT = os.geteuid() == 0
# A shell cannot trap what is ignored at its start, as both are where tests run with `&`.
WITH_SIGNALS = ["env", "--default-signal=INT,QUIT,HUP"]
UNSHARE = ["unshare", "-m"] if IS_ROOT else ["unshare", "-rm"]
UID = 10006  # as in the image
AS_NOBODY = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--no-new-privs"]
PROCESSES = 2


def who():
    """What comes before a command to run it as the image's user, where that one can read this."""
    can = subprocess.run([*AS_NOBODY, "test", "-x", ENTRYPOINT, "-a", "-r", ROOT / "html" / "index.html"],
                         capture_output=True, check=False).returncode == 0 if IS_ROOT else False
    return AS_NOBODY if can else []


may_unshare = subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0
pytestmark = [pytest.mark.once,
              pytest.mark.skipif(not may_unshare, reason="unshare -m is not allowed here, so names "
                                                        "cannot be given to the entrypoint")]


def connections(address, port):
    """How many TCP connections a server on this address has."""
    local = f"{socket.inet_aton(address)[::-1].hex().upper()}:{port:04X}"
    lines = pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(fields[1] == local and fields[3] == "01" for fields in map(str.split, lines))


class Edge:
    """The entrypoint, the names it sees, and the servers behind them."""

    def __init__(self, stack):
        self.stack = stack
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tfe-"))
        self.folder.chmod(0o755)
        (self.folder / "run").mkdir()
        self.who = who()
        self.port, self.api_port, self.ws_port = free_port(), free_ports(PROCESSES), free_ports(1)
        self.http = Client(self.port)
        self.hosts = self.folder / "hosts"
        # Among the stack's, so that its end looks into this one too.
        self.log_file = pathlib.Path(tempfile.mkdtemp(dir=stack.folder / "log")) / "current"
        (self.folder / "nsswitch").write_text("hosts: files\n")
        self.log_file.touch()
        if self.who:  # container engines give a program's output to its user too
            for path in (self.folder / "run", self.log_file):
                os.chown(path, UID, UID)
        self.servers, self.process = {}, None
        self.names()

    def names(self, api=(), ws=()):
        """From now on these are the addresses of the names."""
        self.hosts.write_text("127.0.0.1 localhost\n" + "".join(
            f"{address} {name}\n" for name, all_ in (("api", api), ("ws-bridge", ws)) for address in all_))

    def log(self):
        return self.log_file.read_text(errors="replace")

    def start(self, wait=True, prepare="true", namespaces=(), **settings):
        env = self.stack.environment(
            PORT=self.port, API_PROCESSES=PROCESSES,
            **{"RUN_DIR": self.folder / "run",
               "API_LISTEN": f"api:{self.api_port}", "WS_LISTEN": f"ws-bridge:{self.ws_port}",
               **({} if self.who else {"NGINX_USER": "root"}), **settings})
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                [*WITH_SIGNALS, *UNSHARE, *namespaces, "sh", "-c", f"{prepare} && {PRIVATE}",
                 "sh", self.hosts, self.folder / "nsswitch", *self.who, ENTRYPOINT],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd="/")
        if wait:
            eventually(lambda: self.answers("/.nginx", 204), "nginx")
        return self

    def stop(self, signum=signal.SIGTERM):
        self.process.send_signal(signum)
        return self.process.wait(DEADLINE_S)

    def answers(self, path, status):
        assert self.process.poll() is None, self.log()
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.http.get(path).status == status
        return False

    def serve(self, program, address, **settings):
        """An API (with all its processes) or a bridge on this address; it is ready then."""
        listen = {"tiffin-api": "API_LISTEN", "tiffin-ws": "WS_LISTEN"}[program]
        port = {"tiffin-api": self.api_port, "tiffin-ws": self.ws_port}[program]
        env = self.stack.environment(
            REDIS=self.stack.folder / "redis.sock", SECRETS_DIR=self.stack.folder / "secrets",
            API_PROCESSES=PROCESSES, **{listen: f"{address}:{port}"}, **settings)
        with open(self.log_file, "ab") as log:
            process = subprocess.Popen([BIN_DIR / program], stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=log, env=env, cwd="/", start_new_session=True)
        self.servers[program, address] = process

        def is_well():
            return subprocess.run([BIN_DIR / program, "--health"], env=env, cwd="/",
                                  capture_output=True).returncode == 0
        eventually(is_well, f"{program} on {address}")

    def kill(self, program, address):
        """As a container is killed: all of its processes at once."""
        process = self.servers.pop((program, address))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(DEADLINE_S)

    def is_used(self, address):
        return all(connections(address, self.api_port + i) for i in range(PROCESSES))

    def wait_used(self, *addresses):
        """Asks until nginx has connections to every process of these addresses."""
        def ask():
            assert self.http.get("/status").status in (200, 503)
            return all(map(self.is_used, addresses))
        eventually(ask, f"requests at {addresses}: {self.log()}")

    def wait_said(self, text):
        eventually(lambda: text in self.log(), f"{text!r} in {self.log()}")

    def chat(self, text):
        """Says something and hears it."""
        with eventually(lambda: (ws := Ws(self.port, protocol=JSON)).status == 101 and ws, "the chat") as ws:
            ws.json("presence")
            ws.say(text, user="edge")
            ws.wait_json("message", text=text)

    def end(self):
        if self.process and self.process.poll() is None:
            self.stop()
        for program, address in list(self.servers):
            self.kill(program, address)
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def edge(own_world):
    edge = Edge(own_world.stack)
    try:
        yield edge
    finally:
        edge.end()
    own_world.store.check_everything()


@contextlib.contextmanager
def asking(http, path, threads=4):
    """Requests all the time; at the end each of them must have been answered with 200."""
    is_over, statuses = threading.Event(), []

    def ask():
        while not is_over.is_set():
            statuses.append(http.get(path).status)
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        asked = [pool.submit(ask) for _ in range(threads)]
        try:
            yield statuses
        finally:
            is_over.set()
        for one in asked:
            one.result()
    assert set(statuses) == {200}, sorted(statuses)


def more(statuses, n=50):
    goal = len(statuses) + n
    eventually(lambda: len(statuses) >= goal, "more answers")


def two(edge):
    """Two APIs behind nginx, both in use."""
    for address in ("127.0.0.2", "127.0.0.3"):
        edge.serve("tiffin-api", address)
    edge.names(api=["127.0.0.2", "127.0.0.3"])
    edge.start()
    edge.wait_used("127.0.0.2", "127.0.0.3")
