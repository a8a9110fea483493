"""Behind another proxy: who the client is, and that events pass one by one."""
import contextlib
import http.client
import os
import pathlib
import shutil
import subprocess
import tempfile
import zlib

import pytest

from shapes import check_problem
from tiffin_http import Client, Stream
from tiffin_nginx import Nginx
from tiffin_ports import free_port
from tiffin_stack import DEADLINE_S, eventually
from tiffin_tls import make_certificate

pytestmark = pytest.mark.once

CLIENT = "203.0.113.9"
NO_PROXY, BY_PROXY = "127.0.0.2", "127.0.0.1"  # whom a request comes from


@pytest.fixture(scope="module")
def nginx():
    with Nginx(TRUSTED_PROXIES="127.0.0.1 198.51.100.0/24  2001:db8::/32") as nginx:
        yield nginx


def seen(nginx, *headers, source=BY_PROXY):
    """The client's address as the log has it."""
    path = f"/seen-{os.urandom(4).hex()}"
    nginx.ask(*headers, path=path, source=source)
    line = eventually(lambda: [line for line in nginx.log().splitlines() if path in line])
    return line[0].split()[1]


@pytest.mark.parametrize("headers, client", [
    ([CLIENT], CLIENT),
    ([f"{CLIENT}:4711"], CLIENT),
    (["2001:db9::1"], "2001:db9::1"),
    (["[2001:db9::1]:443"], "2001:db9::1"),
    ([f"192.0.2.1, {CLIENT}"], CLIENT),  # what the client itself sent stands first
    ([f"127.0.0.1, {CLIENT}"], CLIENT),
    ([f"nonsense, {CLIENT}"], CLIENT),
    (["192.0.2.1", CLIENT], CLIENT),
    ([f"{CLIENT}, 198.51.100.7, 127.0.0.1"], CLIENT),  # by two proxies of ours
    ([f"{CLIENT}, 2001:db8::7"], CLIENT),
    (["nonsense"], BY_PROXY), ([""], BY_PROXY), (["999.1.1.1"], BY_PROXY), ([","], BY_PROXY), ([], BY_PROXY),
])
def test_the_client_is_whom_the_proxy_names(nginx, headers, client):
    assert seen(nginx, *(f"X-Forwarded-For: {value}" for value in headers)) == client


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "True-Client-IP"])
def test_nobody_else_is_believed(nginx, header):
    assert seen(nginx, f"{header}: {CLIENT}", source=NO_PROXY) == NO_PROXY
    if header != "X-Forwarded-For":
        assert seen(nginx, f"{header}: {CLIENT}") == BY_PROXY


def test_each_client_has_its_own_limit():
    """503: let through, to an API that is away."""
    with Nginx(TRUSTED_PROXIES="127.0.0.1", RATE=1, RATE_BURST=0) as nginx:
        def status(client, source=BY_PROXY):
            return nginx.ask(f"X-Forwarded-For: {client}", path="/status", source=source).status
        eventually(lambda: status("192.0.2.1") == 429, "the limit")
        assert status("192.0.2.2") == 503
        assert [status("192.0.2.1", NO_PROXY) for _ in range(20)] == [503] * 20, "loopback is not counted"


def test_metrics_are_not_for_those_behind_a_proxy(nginx):
    def status(*headers):
        return nginx.ask(*headers, path="/metrics").status
    assert status() == 503
    for value in (CLIENT, "nonsense", "127.0.0.1", f"127.0.0.1, {CLIENT}"):
        assert status(f"X-Forwarded-For: {value}") == 403, value


def test_metrics_behind_a_proxy_that_nobody_told_us_about():
    with Nginx() as nginx:
        for header in (f"X-Forwarded-For: {CLIENT}", f"Forwarded: for={CLIENT}", "X-Forwarded-For: 127.0.0.1"):
            check_problem(nginx.ask(header, path="/metrics"), 403)
        assert nginx.ask(path="/metrics").status == 503


def test_metrics_for_whom_a_setting_allows_it():
    with Nginx(TRUSTED_PROXIES="127.0.0.1", METRICS_ALLOW=f"{CLIENT} 2001:db8::/32") as nginx:
        for client, status in ((CLIENT, 503), ("2001:db8::1", 503), ("203.0.113.10", 403)):
            assert nginx.ask(f"X-Forwarded-For: {client}", path="/metrics").status == status


def test_no_redirect_for_a_proxy_that_has_seen_to_tls(tmp_path):
    """It would lead back to the proxy for ever."""
    cert, key = make_certificate(tmp_path, "proxy")
    with Nginx(TRUSTED_PROXIES="127.0.0.1", TLS_PORT=free_port(), TLS_CERT=cert, TLS_KEY=key, HSTS_S=60,
               HOSTS="tiffin.test") as nginx:
        for proto in ("https", "http", ""):
            answer = nginx.ask(f"X-Forwarded-For: {CLIENT}", f"X-Forwarded-Proto: {proto}", "Host: tiffin.test")
            assert answer.status == 204 and "Strict-Transport-Security" not in answer.headers


@pytest.mark.parametrize("proxies", ["proxy.test", "10.0.0.0/8;", "all", "10.0.0.1:80", "127.0.0.1 ::g", "*"])
@pytest.mark.parametrize("name", ["TRUSTED_PROXIES", "METRICS_ALLOW"])
def test_a_bad_setting(name, proxies):
    done = Nginx(**{name: proxies}).render()
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"render.sh: TIFFIN_{name}: {proxies.split()[-1]} is not an address or a network"]


# ---- events, one by one ---------------------------------------------------------------------------

OUTER = """
daemon off;
pid "{folder}/pid";
error_log stderr warn;
events {{ }}
http {{
    access_log off;
    client_body_temp_path "{folder}/body"; proxy_temp_path "{folder}/proxy";
    fastcgi_temp_path "{folder}/1"; uwsgi_temp_path "{folder}/2"; scgi_temp_path "{folder}/3";
    {more}
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://127.0.0.1:{inner}; }}
    }}
}}
"""
COMPRESSING = "gzip on; gzip_proxied any; gzip_min_length 0; gzip_types text/event-stream;"


@contextlib.contextmanager
def outer(inner, more=""):
    """Another nginx before ours, with its own defaults. Yields its port."""
    folder, port = pathlib.Path(tempfile.mkdtemp(prefix="tfo-")), free_port()
    (folder / "nginx.conf").write_text(
        ("user root;" if os.geteuid() == 0 else "") +
        OUTER.format(folder=folder, port=port, inner=inner, more=more))
    process = subprocess.Popen(["nginx", "-p", folder, "-c", folder / "nginx.conf", "-e", "stderr"],
                               stdin=subprocess.DEVNULL,
                               env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"})
    try:
        eventually(Client(port).answers, "the outer nginx")
        yield port
    finally:
        process.terminate()
        process.wait(DEADLINE_S)
        shutil.rmtree(folder)


@pytest.mark.parametrize("more", ["", COMPRESSING], ids=["defaults", "compressing"])
def test_events_pass_another_nginx_one_by_one(stack, http, store, more):
    """The first one is there while the order does not move."""
    with outer(stack.port, more) as port:
        with stack.without("worker"):
            id_ = http.place().json["order_id"]
            stream = Stream(port, f"/order/{id_}/live-status", {})
            assert stream.next_event().json["status"] == "order_placed"
        with stream:
            assert list(stream)[-1].type == "end"
        store.wait_settled([id_])
        with Stream(port, "/live-monitor", {}) as monitor:
            assert monitor.next_event() and monitor.next_event()


def test_events_pass_it_compressed(stack, http, store):
    """Who asks for gzip gets it, from such a proxy, and each event still at once."""
    with outer(stack.port, COMPRESSING) as port, stack.without("worker"):
        id_ = http.place().json["order_id"]
        connection = http_client(port)
        connection.request("GET", f"/order/{id_}/live-status", headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        inflate, text = zlib.decompressobj(31), b""
        while b"order_placed" not in text:
            data = answer.read1(65536)
            assert data, "the stream goes on"
            text += inflate.decompress(data) if answer.headers["Content-Encoding"] == "gzip" else data
        connection.close()
    store.wait_settled([id_])


def http_client(port):
    return http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
