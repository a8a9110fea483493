"""nginx as in a container: from nobody to two, names, addresses of clients, signals and settings."""
import concurrent.futures
import shutil
import signal
import subprocess
import time

import pytest

from tiffin_edge import IS_ROOT, PROCESSES, asking, connections, edge, more, pytestmark, two  # noqa: F401
from tiffin_stack import DEADLINE_S, eventually


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
