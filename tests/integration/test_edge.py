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
import time

import pytest

from shapes import check_problem
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


# ---- nobody, one, two -------------------------------------------------------------------------

def test_starts_with_nobody(edge):
    edge.start()
    answer = edge.http.get("/status")
    assert answer.status == 503 and answer.headers["Retry-After"] == "1"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert edge.http.place().status == 503
    assert edge.http.get("/ws/support-chat").status == 503
    assert edge.http.get("/").status == 200, "pages need nobody"
    with edge.http.live("order_00aaaaaaaaaaaaaaaaaaaa") as stream:
        assert stream.status == 200, "EventSource would give up"
        assert stream.wait_retry() == 2000


def test_those_who_appear_are_used(edge):
    edge.start()
    edge.serve("tiffin-api", "127.0.0.2")
    edge.serve("tiffin-ws", "127.0.0.2")
    edge.names(api=["127.0.0.2"], ws=["127.0.0.2"])
    edge.wait_used("127.0.0.2")
    # A worker from before nginx took the addresses over may still answer a moment longer.
    id_ = eventually(lambda: edge.http.place().json.get("order_id"), "an order")

    def events():
        with edge.http.live(id_) as stream:
            return list(stream)
    assert eventually(events, "a stream")[-1].type == "end"
    edge.chat("anybody?")

    edge.serve("tiffin-api", "127.0.0.3")
    edge.names(api=["127.0.0.3", "127.0.0.2"], ws=["127.0.0.2"])
    edge.wait_used("127.0.0.2", "127.0.0.3")

    edge.serve("tiffin-ws", "127.0.0.3")
    edge.names(api=["127.0.0.3", "127.0.0.2"], ws=["127.0.0.2", "127.0.0.3"])
    edge.wait_said("chat at 127.0.0.2 127.0.0.3")
    edge.kill("tiffin-ws", "127.0.0.2")
    edge.chat("still there?")


def test_known_from_the_start(edge):
    edge.serve("tiffin-api", "127.0.0.2")
    edge.names(api=["127.0.0.2"])
    edge.start()
    assert edge.http.get("/status").status == 200, "no reload was waited for"


# ---- who goes -----------------------------------------------------------------------------------

def two(edge):
    for address in ("127.0.0.2", "127.0.0.3"):
        edge.serve("tiffin-api", address)
    edge.names(api=["127.0.0.2", "127.0.0.3"])
    edge.start()
    edge.wait_used("127.0.0.2", "127.0.0.3")


def test_one_is_killed(edge):
    """No GET fails: what was under way is asked of the other one."""
    two(edge)
    with asking(edge.http, "/restaurants/resto_123") as statuses:
        more(statuses)
        edge.kill("tiffin-api", "127.0.0.3")
        more(statuses)
        edge.names(api=["127.0.0.2"])
        edge.wait_said("api at 127.0.0.2;")
        more(statuses)
        edge.serve("tiffin-api", "127.0.0.3")
        edge.names(api=["127.0.0.2", "127.0.0.3"])
        edge.wait_used("127.0.0.2", "127.0.0.3")


def test_orders_while_one_is_killed(edge, own_world):
    """A POST that was sent is never sent again by nginx; its client may, by its key."""
    two(edge)
    is_over, placed, refused = threading.Event(), [], []

    def place(who):
        while not is_over.is_set():
            key = f"key-{who}-{len(placed)}-{time.monotonic_ns()}"
            while (answer := edge.http.place(key=key)).status != 201:
                assert answer.status == 503, answer
                refused.append(answer)
            placed.append(answer.json["order_id"])
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(place, who) for who in range(4)]
        more(placed, 20)
        edge.kill("tiffin-api", "127.0.0.3")
        more(placed, 20)
        is_over.set()
    for one in asked:
        one.result()
    assert len(set(placed)) == len(placed)
    own_world.store.wait_settled(placed)


@contextlib.contextmanager
def deaf(edge, address):
    """As a machine that has lost its network: connections to it are not even refused."""
    with contextlib.ExitStack() as stack:
        for port in (*range(edge.api_port, edge.api_port + PROCESSES), edge.ws_port):
            listener = stack.enter_context(socket.socket())
            listener.bind((address, port))
            listener.listen(0)
            for _ in range(3):  # its queue is full; what more comes is dropped
                caller = stack.enter_context(socket.socket())
                caller.setblocking(False)
                caller.connect_ex((address, port))
        yield


def test_one_neither_answers_nor_refuses(edge):
    edge.serve("tiffin-api", "127.0.0.2")
    with deaf(edge, "127.0.0.3"):
        edge.names(api=["127.0.0.2", "127.0.0.3"])
        edge.start()
        with asking(edge.http, "/status") as statuses:
            more(statuses)
        assert edge.http.place().status == 201, "never sent, so it may go to another"
    edge.wait_said(" s 504, 20")  # the deaf one was tried first


def test_nobody_answers_or_refuses(edge):
    """All containers are gone, their names are not yet: that is away (503), not slow (504)."""
    with deaf(edge, "127.0.0.2"):
        edge.names(api=["127.0.0.2"], ws=["127.0.0.2"])
        edge.start()
        # The first ones wait for the connection; later ones find everybody left out.
        for ask in (edge.http.place, lambda: edge.http.get("/status"),
                    lambda: edge.http.get("/ws/support-chat")) * 2:
            answer = ask()
            check_problem(answer, 503)
            assert answer.headers["Retry-After"] == "1"
        with edge.http.live("order_00aaaaaaaaaaaaaaaaaaaa") as stream:
            assert stream.status == 200 and stream.wait_retry() == 2000
    edge.wait_said(" s 504,")  # they were tried


def test_one_that_hangs_is_a_timeout(edge):
    """It has taken the request, so nobody knows what became of it: 504. (With less patience than
    is shipped: that is longer than any answer of the API takes.)"""
    edge.serve("tiffin-api", "127.0.0.2", DB_MS=1000)
    edge.names(api=["127.0.0.2"])
    edge.start()
    patience = edge.folder / "run" / "nginx" / "fastcgi.conf"
    patience.write_text(patience.read_text().replace("read_timeout 75s", "read_timeout 300ms"))
    edge.process.send_signal(signal.SIGHUP)

    def gave_up():  # the nginx before it still has its 200
        answer = edge.http.get("/restaurants/resto_123")
        return answer.status != 200 and answer
    check_problem(eventually(gave_up, "an answer of the new nginx"), 504)


# ---- who is one client ----------------------------------------------------------------------------

NEAR, NEAR_TOO, FAR = "2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1"
# While the first holds the one stream it may have (its request has no end), the others ask for one:
# all are told to come back, soon for an API that is away or later for a limit.
ASK_FOR_STREAMS = """
import socket, sys
def ask(address, head):
    s = socket.create_connection(("2001:db8::1", int(sys.argv[1])), 60, (address, 0))
    s.sendall(head.encode() + b" /live-monitor HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: 1\\r\\n\\r\\n")
    return s
def retry(address):
    s = ask(address, "GET")
    s.sendall(b"x")
    text = b""
    while not text.endswith(b"\\n\\n"):
        text += s.recv(4096)
    return text.split()[-1].decode()
held = ask(sys.argv[2], "POST")
while retry(sys.argv[3]) != "30000":
    pass
print(retry(sys.argv[2]), retry(sys.argv[3]), retry(sys.argv[4]))
"""
# A file that is not there, and no folder in its place.
ASK_FOR_A_FILE = """
import http.client, sys
connection = http.client.HTTPConnection("::1", int(sys.argv[1]), timeout=60)
connection.request("GET", "/vendor/uplot/dist/none.js")
print(connection.getresponse().status)
"""


@pytest.mark.skipif(not IS_ROOT or not shutil.which("ip"), reason="addresses cannot be made here")
def test_an_ipv6_network_is_one_client(edge):
    """Its machines have 2^64 addresses each, so no limit on one would hold."""
    edge.start(wait=False, namespaces=["-n"], STREAMS_PER_CLIENT=1, LIMIT_LOOPBACK=1,
               prepare=" && ".join(["ip link set lo up", *(
                   f"ip address add {address}/128 dev lo nodad"
                   for address in ("2001:db8::1", NEAR, NEAR_TOO, FAR))]))
    edge.wait_said("tiffin-nginx: api at no address")
    pid = edge.folder / "run" / "nginx.pid"  # empty while nginx -t looks at the configuration
    eventually(lambda: pid.exists() and pid.read_text(), "nginx")

    def run(script, *addresses):
        done = subprocess.run(["nsenter", "-t", str(edge.process.pid), "-n", "/usr/bin/python3",
                               "-c", script, str(edge.port), *addresses],
                              capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        return done.stdout.split() or done.stderr
    assert run(ASK_FOR_STREAMS, NEAR, NEAR_TOO, FAR) == ["30000", "30000", "2000"]
    assert run(ASK_FOR_A_FILE) == ["404"], "what was taken from the path is still known"


# ---- names --------------------------------------------------------------------------------------

def test_names_vanish_and_come_back(edge):
    two(edge)
    edge.names()
    with asking(edge.http, "/status"):
        # That nothing happens cannot be waited for: a few looks at the name pass.
        time.sleep(4)
    assert "api at no address" not in edge.log(), "a name server's bad moment"
    edge.names(api=["127.0.0.2", "127.0.0.3"])
    with asking(edge.http, "/status") as statuses:
        more(statuses)
    edge.names()
    edge.wait_said("api at no address")
    eventually(lambda: edge.answers("/status", 503), "nobody")
    edge.names(api=["127.0.0.3"])
    edge.wait_used("127.0.0.3")


def test_who_is_back_at_once_was_never_away(edge):
    """As a container that is killed and starts again: streams go on, for nothing is reloaded."""
    two(edge)
    with asking(edge.http, "/status"):
        began = time.monotonic()
        edge.names(api=["127.0.0.2"])
        time.sleep(1.2)  # one or two looks: never the third
        edge.names(api=["127.0.0.3", "127.0.0.2"])
        took = time.monotonic() - began
        edge.serve("tiffin-api", "127.0.0.4")
        edge.names(api=["127.0.0.3", "127.0.0.2", "127.0.0.4"])
        edge.wait_said("api at 127.0.0.2 127.0.0.3 127.0.0.4;")
    # (Unless this machine stood still for so long that there was a third look.)
    assert took > 1.9 or edge.log().count("tiffin-nginx: api at") == 2, "at the start, and now"


def test_many_changes_are_few_reloads(edge):
    edge.serve("tiffin-api", "127.0.0.2")
    edge.names(api=["127.0.0.2"])
    edge.start()
    begin = time.monotonic()
    with asking(edge.http, "/status"):
        for i in range(3, 43):
            edge.names(api=["127.0.0.2", f"127.0.0.{i}"])
            time.sleep(0.1)
        edge.wait_said("api at 127.0.0.2 127.0.0.42;")
    # One at the start, one at once, then one in three seconds.
    assert edge.log().count("tiffin-nginx: api at") <= 2 + (time.monotonic() - begin) / 3


# ---- signals and settings -----------------------------------------------------------------------

@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_ends_what_it_has_begun(edge, signum):
    edge.serve("tiffin-api", "127.0.0.2", DB_MS=3000)
    edge.names(api=["127.0.0.2"])
    edge.start(DRAIN_MS=20000)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(edge.http.get, "/restaurants/resto_123") for _ in range(8)]
        eventually(lambda: sum(connections("127.0.0.2", edge.api_port + i) for i in range(PROCESSES)) >= 8,
                   "requests under way")
        assert edge.stop(signum) == 0
        for answer in answers:
            assert answer.result().status == 200
    with pytest.raises(ConnectionError):
        edge.http.get("/.nginx")


def test_hup_reloads(edge):
    edge.start()
    edge.process.send_signal(signal.SIGHUP)
    edge.wait_said("tiffin-nginx: reloaded")
    eventually(lambda: edge.answers("/.nginx", 204), "nginx")
    assert edge.stop() == 0


@pytest.mark.parametrize("settings, said", [
    ({"RATE": "many"}, "TIFFIN_RATE=many is not a whole number from 0 to 1000000"),
    ({"HSTS_S": "-2"}, "TIFFIN_HSTS_S=-2 is not a whole number from -1 to"),
    ({"HOSTS": "shop.test:8000"}, "TIFFIN_HOSTS: shop.test:8000 is not a name"),
    ({"TRUSTED_PROXIES": "proxy"}, "TIFFIN_TRUSTED_PROXIES: proxy is not an address or a network"),
    ({"PUBLIC_PORT": "8000-8010"}, "TIFFIN_PUBLIC_PORT=8000-8010 is not a whole number from 0 to 65535"),
    ({"API_LISTEN": "api"}, "TIFFIN_API_LISTEN=api is not host:port"),
    ({"RUN_DIR": "/proc/1/no"}, "cannot write to TIFFIN_RUN_DIR=/proc/1/no"),
    ({"TLS_PORT": 8443}, "TIFFIN_TLS_CERT is not set"),
    ({"TLS_PORT": 8443, "TLS_CERT": "/proc/no", "TLS_KEY": "/proc/no"}, "is not a file that"),
])
def test_a_bad_setting(edge, settings, said):
    edge.start(wait=False, **settings)
    assert edge.process.wait(DEADLINE_S) == 1
    assert said in edge.log()
