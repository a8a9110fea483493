"""TLS 1.3 and HTTP/2, with a certificate made for the day: what is spoken and what is refused, and
that streams and the chat work through it."""
import asyncio
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile

import pytest
import websockets

from tiffin_http import Client
from tiffin_nginx import Nginx
from tiffin_ports import free_port
from tiffin_stack import DEADLINE_S, Stack, eventually
from tiffin_store import GOOD_LIFE
from tiffin_tls import TlsClient, TlsWorld, make_certificate

pytestmark = pytest.mark.once

STREAMS = 20


@pytest.fixture(scope="module")
def certificates():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tf-tls-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def tls(certificates):
    world = TlsWorld(certificates, HOSTS="tiffin.test")
    try:
        yield world.start()
    finally:
        world.stack.end()


# ---- what is spoken -----------------------------------------------------------------------------

def test_only_tls_1_3(tls):
    with tls.connect() as s:
        assert s.version() == "TLSv1.3"
    old = tls.context()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError, match="(?i)protocol.version"):
        tls.connect(context=old)


@pytest.mark.parametrize("offered, taken", [
    (["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), ([], None)])
def test_http_2_if_the_client_can(tls, offered, taken):
    with tls.connect(*offered) as s:
        assert s.selected_alpn_protocol() == taken


def test_http_1_1_too(tls):
    status, headers, body = tls.get("/status")
    assert status == 200 and json.loads(body)
    assert len(headers.get_all("X-Request-Id")) == 1
    status, headers, body = tls.get("/")
    assert status == 200 and b"<html" in body


def test_no_ticket_key_but_sessions(tls):
    """A session can be taken up again, though no ticket holds its key."""
    context = tls.context()
    with tls.connect(context=context) as s:
        s.sendall(b"GET /.nginx HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        while s.recv(4096):
            pass
        session = s.session
    s = socket.create_connection(("127.0.0.1", tls.tls_port), DEADLINE_S)
    with context.wrap_socket(s, server_hostname="localhost", session=session) as again:
        assert again.session_reused


# ---- plain requests -------------------------------------------------------------------------------

YEAR = "max-age=31536000"


@pytest.mark.parametrize("settings, expected", [
    ({}, None),
    ({"PUBLIC_PORT": 80, "TLS_PUBLIC_PORT": 443}, YEAR),
    ({"PUBLIC_PORT": "127.0.0.1:80", "TLS_PUBLIC_PORT": "[::1]:443"}, YEAR),
    ({"PUBLIC_PORT": 8000, "TLS_PUBLIC_PORT": 443}, None),
    ({"PUBLIC_PORT": 80, "TLS_PUBLIC_PORT": 8443}, None),
    ({"PUBLIC_PORT": 80, "TLS_PUBLIC_PORT": 443, "HSTS_S": 0}, None),
    ({"HSTS_S": 60}, "max-age=60"),
])
def test_hsts(certificates, settings, expected):
    """Browsers keep an explicit port: a plain one that is not 80 would be lost to who was told
    (RFC 6797, 8.3)."""
    cert, key = make_certificate(certificates, "hsts")
    tls = TlsClient(free_port(), cert)
    with Nginx(TLS_PORT=tls.tls_port, TLS_CERT=cert, TLS_KEY=key, HOSTS="tiffin.test", **settings) as nginx:
        for path in ("/", "/status", "/nothing", "/vendor/x"):
            for host, said in (("tiffin.test", expected), ("tiffin.test:81", expected), ("localhost", None),
                               ("a.localhost", None), ("192.0.2.1", None), ("[::1]", None), ("evil.test", expected)):
                _, headers, _ = tls.get(path, {"Host": host})
                assert headers.get_all("Strict-Transport-Security") == (said and [said]), (path, host)
            answer = nginx.http.get(path, headers={"Host": "tiffin.test"})
            assert "Strict-Transport-Security" not in answer.headers


def own_address():
    """This machine's, as others see it; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return s.getsockname()[0]


@pytest.mark.skipif(not own_address(), reason="this machine has no address but loopback")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_plain_requests_from_elsewhere_are_redirected(tls, method):
    connection = http.client.HTTPConnection(own_address(), tls.stack.port, timeout=DEADLINE_S)
    with contextlib.closing(connection):
        connection.request(method, "/order?restaurant_id=resto_123&item=Curry",
                           headers={"Host": f"tiffin.test:{tls.stack.port}"})
        answer = connection.getresponse()
        assert answer.status == 308, "a POST stays one"
        assert answer.headers["Location"] == \
            f"https://tiffin.test:{tls.tls_port}/order?restaurant_id=resto_123&item=Curry"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers.get_all("Cache-Control") == ["no-store"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_plain_requests_from_this_machine_are_not(tls):
    assert tls.http.get("/readyz").status == 200


def test_plain_words_to_the_tls_port(tls):
    answer = Client(tls.tls_port).get("/status", headers={"Host": "localhost"})
    assert answer.status == 308 and answer.headers["Location"] == tls.url("/status")


# ---- what a POST says of itself ---------------------------------------------------------------------

def test_headers_of_a_post_over_http_2(tls):
    """An empty key and two, a page's origin: as over HTTP/1.1."""
    def order(*headers):
        args = [word for header in headers for word in ("-H", header)]
        done = subprocess.run(
            tls.curl("-o", os.devnull, "-w", "%{http_code} %{http_version}", "-X", "POST", *args,
                     tls.url("/order?restaurant_id=resto_123&item=Curry")),
            check=True, capture_output=True, text=True)
        status, version = done.stdout.split()
        assert version == "2"
        return int(status)
    key = "Idempotency-Key: " + "k" * 20
    origin = f"Origin: https://localhost:{tls.tls_port}"
    assert order() == 201 and order(origin) == 201 and order(key) == 201
    assert order(key, key) == 422 and order("Idempotency-Key;") == 422
    assert order(origin, origin) == 403 and order("Origin;") == 403
    assert order("Origin: https://localhost") == 403 and order("Origin: null") == 403


# ---- streams and the chat ---------------------------------------------------------------------------

def test_many_streams_on_one_connection(tls, tmp_path):
    """More than the six that browsers open over HTTP/1.1, while the order moves."""
    files = [tmp_path / f"stream-{i}" for i in range(STREAMS)]
    with tls.stack.without("worker"):
        id_ = tls.http.place().json["order_id"]
        args = []
        for file in files:
            args += ["-o", file, tls.url(f"/order/{id_}/live-status")]
        curl = subprocess.Popen(
            tls.curl("-N", "--parallel", "--parallel-max", str(STREAMS), "-w",
                     "%{http_version} %{response_code} %{num_connects}\\n", *args),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        # All of them are open, and have the order as it stands, before it moves.
        eventually(lambda: all(file.exists() and b"\n\n" in file.read_bytes().partition(b"data:")[2]
                               for file in files), "the first event of every stream")
        assert curl.poll() is None
    out, err = curl.communicate(timeout=DEADLINE_S)
    assert curl.returncode == 0, err
    lines = [line.split() for line in out.splitlines()]
    assert [line[:2] for line in lines] == [["2", "200"]] * STREAMS
    assert sum(int(line[2]) for line in lines) == 1, "one connection for all"
    for file in files:
        text = file.read_text()
        found = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
        assert [event["version"] for event in found[:-1]] == list(range(1, len(GOOD_LIFE) + 1))
        assert text.endswith('event: end\ndata: {"status":"delivered"}\n\n')


def test_an_order_by_http_2(tls):
    done = subprocess.run(tls.curl("-d", "restaurant_id=resto_123&item=Curry", "-w", " %{http_version}",
                                   tls.url("/order")), capture_output=True, text=True, check=True)
    body, _, version = done.stdout.rpartition(" ")
    assert version == "2"
    tls.store.wait_settled([json.loads(body)["order_id"]])


def test_chat(tls):
    async def talk():
        async with websockets.connect(
                f"wss://localhost:{tls.tls_port}/ws/support-chat", ssl=tls.context(),
                origin=f"https://localhost:{tls.tls_port}", subprotocols=["tiffin.chat.v1"]) as ws:
            await ws.send(json.dumps({"text": "is this private?", "user": "tls"}))
            async for text in ws:
                if json.loads(text).get("text") == "is this private?":
                    return
    asyncio.run(asyncio.wait_for(talk(), DEADLINE_S))


def test_a_page_of_another_origin_may_not_chat(tls):
    async def talk():
        async with websockets.connect(f"wss://localhost:{tls.tls_port}/ws/support-chat",
                                      ssl=tls.context(), origin="https://elsewhere.test"):
            pass
    with pytest.raises(websockets.InvalidStatusCode, match="403"):
        asyncio.run(asyncio.wait_for(talk(), DEADLINE_S))


def test_what_a_websocket_needs_is_told_over_http_2_too(tls):
    """Upgrade and Connection are no headers of HTTP/2: a client that meets one ends the stream."""
    done = subprocess.run(tls.curl("-i", "-w", " %{http_version}", tls.url("/ws/support-chat")),
                          capture_output=True, text=True, check=True)
    head, _, rest = done.stdout.partition("\n\n")
    body, _, version = rest.rpartition(" ")
    names = {line.partition(":")[0].lower() for line in head.splitlines()}
    assert version == "2" and head.startswith("HTTP/2 426") and json.loads(body)["status"] == 426
    assert not names & {"upgrade", "connection"} and "sec-websocket-version" in names
    status, headers, _ = tls.get("/ws/support-chat")
    assert status == 426 and headers.get_all("Upgrade") == ["websocket"]


# ---- the certificate ----------------------------------------------------------------------------------

def test_renewed_without_a_stop(tls, certificates):
    """Another certificate in the same files, and HUP: nginx goes on with it."""
    def serial():
        with tls.connect() as s:
            return s.getpeercert()["serialNumber"]
    first = serial()
    cert, key = make_certificate(certificates, "second")
    os.replace(cert, tls.cert)
    os.replace(key, tls.key)
    nginx = tls.stack.pid("nginx")
    os.kill(nginx, signal.SIGHUP)

    def is_new():
        with contextlib.suppress(OSError):  # still the old one, and we trust the new one only
            return serial() != first
    eventually(is_new, "the new certificate")
    assert tls.stack.pid("nginx") == nginx

    def is_served():
        # an old process may still take this one
        with contextlib.suppress(OSError, http.client.HTTPException):
            return tls.get("/status")[0] == 200
    eventually(is_served, "a page with the new certificate")


@pytest.mark.parametrize("settings, said", [
    ({"TLS_CERT": "", "TLS_KEY": ""}, "TIFFIN_TLS_CERT is not set"),
    ({"TLS_KEY": "/proc/no.pem"}, "TIFFIN_TLS_KEY=/proc/no.pem is not a file that"),
    ({"TLS_PORT": "https"}, "TIFFIN_TLS_PORT=https is not a whole number from 0 to 65535"),
    ({"TLS_KEY": "other"}, "key values mismatch"),
])
def test_what_is_wrong_is_said(certificates, settings, said):
    cert, key = make_certificate(certificates, "good")
    if settings.get("TLS_KEY") == "other":
        settings = {"TLS_KEY": make_certificate(certificates, "other")[1]}
    stack = Stack(**{"TLS_PORT": free_port(), "TLS_CERT": cert, "TLS_KEY": key, **settings})
    try:
        done = stack.script("up.sh")
        assert done.returncode == 1
        assert said in done.stderr
    finally:
        stack.end()
