"""Talking TLS: a certificate, a client that trusts it, and a stack that has it."""
import contextlib
import http.client
import socket
import ssl
import subprocess

from tiffin_world import World
from tiffin_ports import free_port
from tiffin_stack import DEADLINE_S


def make_certificate(folder, name):
    """-> paths of certificate and key, as the README makes them."""
    cert, key = folder / f"{name}-cert.pem", folder / f"{name}-key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "30", "-subj", f"/CN={name}", "-addext",
                    "subjectAltName=DNS:localhost,DNS:tiffin.test", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    return cert, key


class TlsClient:
    def __init__(self, tls_port, cert):
        self.tls_port, self.cert = tls_port, cert

    def context(self, *protocols):
        context = ssl.create_default_context(cafile=self.cert)
        if protocols:
            context.set_alpn_protocols(protocols)
        return context

    def connect(self, *protocols, context=None):
        s = socket.create_connection(("127.0.0.1", self.tls_port), DEADLINE_S)
        return (context or self.context(*protocols)).wrap_socket(s, server_hostname="localhost")

    def get(self, path, headers=()):
        """Over HTTP/1.1. -> status, headers, body"""
        connection = http.client.HTTPSConnection("localhost", self.tls_port, timeout=DEADLINE_S,
                                                 context=self.context())
        with contextlib.closing(connection):
            connection.request("GET", path, headers=dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def url(self, path):
        return f"https://localhost:{self.tls_port}{path}"

    def curl(self, *args):
        return ["curl", "-sS", "--http2", "--ipv4", "--cacert", self.cert, *args]


class TlsWorld(World, TlsClient):
    """A stack with a certificate of its own, in files that can be replaced."""

    def __init__(self, folder, **settings):
        cert, key = make_certificate(folder, "first")
        self.key = folder / "key.pem"
        TlsClient.__init__(self, free_port(), cert.rename(folder / "cert.pem"))
        key.rename(self.key)
        World.__init__(self, TLS_PORT=self.tls_port, TLS_CERT=self.cert, TLS_KEY=self.key, **settings)
