"""Names under which nginx answers, and 421 for all others: else a page of a stranger, whose name was
given our address, would count as one of ours (DNS rebinding)."""
import os
import subprocess

import pytest

from shapes import check_problem
from tiffin_http import Client, Response
from tiffin_nginx import Nginx
from tiffin_ports import free_port
from tiffin_tls import TlsClient, make_certificate

pytestmark = pytest.mark.once

OURS = "shop.test"


@pytest.fixture(scope="module")
def nginx():
    with Nginx(HOSTS=f"{OURS}  Other.test\t*.wild.test shop.test") as nginx:
        yield nginx


@pytest.mark.parametrize("host", [
    "localhost", "LOCALHOST", "localhost.", "localhost:8000", "localhost:", "a.b.localhost",
    "127.0.0.1", "127.0.0.1:99", "127.0.0.1.", "192.0.2.255:80", "[::1]", "[::1]:8000", "[2001:DB8::1]",
    "[::ffff:192.0.2.1]", OURS, OURS.upper() + ":80", OURS + ".", "other.test", "a.wild.test", "a.b.wild.test",
    os.uname().nodename, os.uname().nodename.partition(".")[0] + ".local"])
def test_a_name_that_is_ours(nginx, host):
    assert nginx.ask("Host: " + host).status == 204


FOREIGN = ["evil.test", "EVIL.test:8000", "localhost.evil.test", "127.0.0.1.evil.test", "evil-shop.test",
           "a.shop.test", "wild.test", "evilwild.test", "xlocalhost", "2130706433", "0x7f.1", "127.1",
           "127.0.0.256", "127.0.0.1.1", "0127.0.0.1", "[evil.test]", "localhost:evil", "localhost:80@evil.test",
           "evil.test@localhost", "localhost,evil.test", "ä.test", "_", "127.0.0.1:80:80", "[::1]evil",
           "[::1]:evil", "localhost:80 evil.test"]


@pytest.mark.parametrize("host", FOREIGN)
@pytest.mark.parametrize("path", ["/", "/status", "/order/order_00aaaaaaaaaaaaaaaaaaaa", "/nowhere", "/.nginx"])
def test_a_name_that_is_not(nginx, host, path):
    answer = nginx.ask("Host: " + host, path=path)
    if answer.status == 400:  # to some versions of nginx it is no Host at all
        check_problem(answer, 400)
        return
    problem = check_problem(answer, 421, "Misdirected Request")
    assert "TIFFIN_HOSTS" in problem["detail"]
    if host == "EVIL.test:8000":
        assert problem["detail"].startswith("evil.test is no name")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "PUT"])
def test_by_any_method(nginx, method):
    assert nginx.ask("Host: evil.test", "Content-Length: 0", method=method).status == 421


def test_without_a_host(nginx):
    """HTTP/1.0 knows none; a browser always sends one."""
    assert nginx.http.raw(b"GET /.nginx HTTP/1.0\r\n\r\n").status == 204
    check_problem(nginx.http.raw(b"GET /.nginx HTTP/1.0\r\nHost: evil.test\r\n\r\n"), 421)


def test_the_whole_address_in_the_first_line(nginx):
    """It counts, and not the Host beside it (RFC 9112, 3.2.2)."""
    assert nginx.ask("Host: localhost", path=f"http://{OURS}/.nginx").status == 204
    check_problem(nginx.ask("Host: localhost", path="http://evil.test/.nginx"), 421)


def test_errors_of_a_foreign_name_are_problems_too(nginx):
    check_problem(nginx.ask("Host: evil.test", "Content-Length: x"), 400)
    check_problem(nginx.ask("Host: localhost:evil", "Content-Length: x"), 400)
    check_problem(nginx.ask("Host: evil.test", path="/" + "a" * 9000), 414)


def test_any_name():
    with Nginx(HOSTS="shop.test *") as nginx:
        for host in ("evil.test", "localhost", "shop.test", "2130706433", "ä.test"):
            assert nginx.ask("Host: " + host).status == 204, host
        assert nginx.http.raw(b"GET /.nginx HTTP/1.0\r\n\r\n").status == 204


def test_no_setting():
    with Nginx() as nginx:
        assert nginx.ask("Host: localhost").status == 204
        check_problem(nginx.ask(f"Host: {OURS}"), 421)


@pytest.mark.parametrize("hosts", ["shop.test:80", "a;b", "shop.test; return 200", "http://shop.test", "a b/c",
                                   "*shop.test", "shop.*", "-a.test", "a..b", "shop.test.", "~x", '"a"', "$host",
                                   "ä.test", "a" * 64 + ".test", "[::1]"])
def test_a_bad_setting(hosts):
    done = Nginx(HOSTS=hosts).render()
    assert done.returncode == 1
    assert "TIFFIN_HOSTS: " in done.stderr and len(done.stderr.splitlines()) == 1
    assert hosts.split()[-1] in done.stderr or ";" in hosts


def test_with_tls(tmp_path):
    """The same over TLS and HTTP/2; plain words to that port do not lead to a foreign name."""
    cert, key = make_certificate(tmp_path, "hosts")
    tls = TlsClient(free_port(), cert)
    plain = Client(tls.tls_port)
    with Nginx(HOSTS=OURS, TLS_PORT=tls.tls_port, TLS_CERT=cert, TLS_KEY=key):
        assert tls.get("/.nginx")[0] == 204
        for path in ("/", "/order"):
            status, headers, body = tls.get(path, {"Host": "evil.test"})
            check_problem(Response(status, headers, body), 421)
        for host, expected in (("evil.test", "2 421"), (OURS, "2 204")):
            done = subprocess.run(tls.curl("-o", "/dev/null", "-w", "%{http_version} %{response_code}",
                                           "-H", f"Host: {host}", tls.url("/.nginx")),
                                  capture_output=True, text=True, check=True)
            assert done.stdout == expected
        check_problem(plain.get("/", headers={"Host": "evil.test"}), 421)
        answer = plain.get("/x", headers={"Host": OURS})
        assert (answer.status, answer.headers["Location"]) == (308, f"https://{OURS}:{tls.tls_port}/x")
        assert answer.all("Cache-Control") == ["no-store"]
