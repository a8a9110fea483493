"""Many streams in one browser: over HTTP/2 all of them live, where HTTP/1.1 has six connections."""
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from tiffin_ports import free_port
from tiffin_site import Site

STREAMS = 8
FOLLOW = """
    const [path, n] = arguments;
    window.heard = Array.from({ length: n }, () => []);
    window.sources = window.heard.map((events) => {
      const source = new EventSource(path);
      source.onmessage = (event) => events.push(JSON.parse(event.data).version);
      source.addEventListener("end", () => { events.push("end"); source.close(); });
      return source;
    });"""


@pytest.fixture
def tls_site():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tf-tls-"))
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-subj", "/CN=localhost", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    port = free_port()
    site = Site(TLS_PORT=port, TLS_CERT=cert, TLS_KEY=key)
    site.url = f"https://localhost:{port}"
    try:
        site.stack.up()
        yield site
    finally:
        site.stack.end()
        shutil.rmtree(folder)


def test_eight_streams_in_one_page(tls_site, browser):
    browser.cdp("Security.enable")
    browser.cdp("Security.setIgnoreCertificateErrors", ignore=True)
    with tls_site.stack.without("worker"):
        id_ = tls_site.http.place().json["order_id"]
        browser.open(tls_site.url + "/docs/")
        browser.js(FOLLOW, f"/order/{id_}/live-status", STREAMS)
        browser.eventually(lambda: browser.js("return heard.every((events) => events.length > 0)"),
                           "an event in every stream")
        # With all of them open there is room for a request.
        version = browser.driver.execute_async_script(
            "const done = arguments[1]; fetch(arguments[0]).then((r) => r.json())"
            ".then((order) => done(order.version), (e) => done(String(e)))", f"/order/{id_}")
        assert version == 1
        assert browser.js("return sources.every((source) => source.readyState === EventSource.OPEN)")
    heard = browser.eventually(
        lambda: browser.js("return heard.every((events) => events.at(-1) === 'end') && heard"), "the end")
    assert heard == [[1, 2, 3, 4, 5, 6, 7, "end"]] * STREAMS
    protocols = browser.js("return performance.getEntriesByType('resource')"
                           ".filter((r) => r.name.includes('/order/')).map((r) => r.nextHopProtocol)")
    assert set(protocols) == {"h2"}
