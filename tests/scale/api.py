"""tiffin-api without nginx: a process of its own on a set of Redis, asked by FastCGI.

    with Api(redis_set, REDIS_ACKS=1) as api:
        status, body = api.post("/order", restaurant_id="resto_123", item="Curry")
"""
import json
import socket
import struct
import subprocess
import urllib.parse

from functions_server import BIN_DIR
from tiffin_stack import DEADLINE_S, eventually

BEGIN, PARAMS, STDIN = 1, 4, 5  # types of records (FastCGI 1.0, 8)
BEGIN_RESPONDER = struct.pack(">HB5x", 1, 0)


def record(kind, content=b""):
    return struct.pack(">BBHHBx", 1, kind, 1, len(content), 0) + content


def pair(name, value):
    return struct.pack(">BI", len(name), len(value) | 1 << 31) + name.encode() + value.encode()


class Api:
    def __init__(self, redis_set, **settings):
        self.redis_set, self.settings = redis_set, settings
        self.socket = str(redis_set.folder / "api.sock")

    def __enter__(self):
        settings = {"API_LISTEN": self.socket, "API_PROCESSES": 1, **self.settings}
        with open(self.redis_set.folder / "api.log", "ab") as log:
            self.process = subprocess.Popen(
                [BIN_DIR / "tiffin-api"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.redis_set.environment(**settings))
        eventually(self.is_ready, "the API")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        assert self.process.wait(DEADLINE_S) == 0

    def is_ready(self):
        try:
            return self.ask("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def post(self, path, key=None, **query):
        """-> status, JSON"""
        return self.ask("POST", path, key, **query)

    def ask(self, method, path, key=None, **query):
        params = {"REQUEST_METHOD": method, "DOCUMENT_URI": path, "SCRIPT_NAME": path,
                  "REQUEST_URI": path, "QUERY_STRING": urllib.parse.urlencode(query),
                  "CONTENT_LENGTH": "", "SERVER_PROTOCOL": "HTTP/1.1", "REQUEST_ID": "scale"}
        if key:
            params["HTTP_IDEMPOTENCY_KEY"] = key
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(DEADLINE_S)
            s.connect(self.socket)
            s.sendall(record(BEGIN, BEGIN_RESPONDER)
                      + record(PARAMS, b"".join(pair(*item) for item in params.items()))
                      + record(PARAMS) + record(STDIN))
            return parse(b"".join(contents(s)))


def contents(s):
    """What the records of STDOUT hold, until END_REQUEST."""
    data = s.makefile("rb")
    while True:
        head = data.read(8)
        if len(head) < 8:
            raise ConnectionError("the API hung up")
        _, kind, _, n, padding = struct.unpack(">BBHHBx", head)
        content = data.read(n + padding)[:n]
        if kind == 6:
            yield content
        if kind == 3:
            return


def parse(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    status = [line for line in head.split(b"\r\n") if line.lower().startswith(b"status:")]
    return int(status[0].split()[1]) if status else 200, json.loads(body)
