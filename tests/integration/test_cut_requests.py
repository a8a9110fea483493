"""A request that reaches the API cut off, because who sent it was killed, is not carried out with
what has come of it: it could order something else, or lose its Idempotency-Key. Spoken to as nginx
speaks to it, over FastCGI."""
import socket
import urllib.parse

import pytest

from tiffin_http import ORDER
from tiffin_stack import DEADLINE_S

BEGIN_REQUEST, PARAMS, STDIN = 1, 4, 5
BODY = urllib.parse.urlencode({**ORDER, "quantity": 15}).encode()


def record(kind, content):
    return bytes([1, kind, 0, 1, len(content) >> 8, len(content) & 255, 0, 0]) + content


def pairs(**params):
    return b"".join(bytes([len(name), len(value)]) + name.encode() + value.encode()
                    for name, value in params.items())


BEGUN = record(BEGIN_REQUEST, bytes([0, 1, 1, 0, 0, 0, 0, 0]))  # a responder, kept open
POST = pairs(REQUEST_METHOD="POST", DOCUMENT_URI="/order",
             CONTENT_TYPE="application/x-www-form-urlencoded", CONTENT_LENGTH=str(len(BODY)))
QUERY = pairs(REQUEST_METHOD="POST", DOCUMENT_URI="/order",
              QUERY_STRING=urllib.parse.urlencode(ORDER))
WHOLE = BEGUN + record(PARAMS, POST) + record(PARAMS, b"") + record(STDIN, BODY) + record(STDIN, b"")
CUT = {
    "in a record of the body": WHOLE[:-9],  # quantity 1 instead of 15
    "after a record of the body":
        BEGUN + record(PARAMS, POST) + record(PARAMS, b"") + record(STDIN, BODY[:-1]),
    "before the end of the body": WHOLE[:-8],
    "in the parameters":
        BEGUN + record(PARAMS, QUERY + pairs(HTTP_IDEMPOTENCY_KEY="k" * 32))[:-20],
    "after a record of the parameters": BEGUN + record(PARAMS, QUERY),
    "before the body": BEGUN + record(PARAMS, QUERY) + record(PARAMS, b""),
}


@pytest.fixture
def api(stack):
    """A connection to a process of the API."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(DEADLINE_S)
        connection.connect(str(stack.folder / "api" / "0.sock"))
        yield connection


@pytest.mark.parametrize("where", CUT)
def test_cut_off(api, store, http, where):
    before = store.count("placed")
    api.sendall(CUT[where])
    api.shutdown(socket.SHUT_WR)
    assert api.recv(65536) == b""
    assert http.place().status == 201
    assert store.count("placed") == before + 1


def test_whole(api, store):
    before = store.count("placed")
    api.sendall(WHOLE)
    assert b"Status: 201" in api.recv(65536)
    assert store.count("placed") == before + 1
