"""What is read out of the load generators' reports, and bytes for Redis."""
import math

import pytest

import http_load
import stream_load
import wire
from parts import chat

WRK = """Running 1s test @ http://127.0.0.1:8000/order
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    12.38ms    3.90ms  33.20ms   78.60%
  Latency Distribution
     50%  950.00us
     75%   13.79ms
     90%   17.40ms
     99%    1.05s{space}
  5317 requests in 1.03s, 1.70MB read
  Socket errors: connect 0, read 3, write 0, timeout 0
  Non-2xx or 3xx responses: 7
Requests/sec:   5182.49
""".format(space=" ")  # after seconds
STREAMS = """streams 1000  ended 990  refused 1  broken off 9
events 7000  lost 2  repeated 0  reordered 0  a stream 7 to 7
latency ms  min 1  p50 3  p90 9  p99 17  p99.9 30  max 41  (6000 measured)
seconds 13.5
"""
CHAT = """clients 1000  open 1000  refused 0  closed 0
deliveries 5200000 (518000/s)  lost 4  clients without all 2
latency ms  p50 10  p99 49
"""


def test_wrk():
    load = http_load.parse(WRK)
    assert (load.rate, load.p50_ms, load.p99_ms) == pytest.approx((5182.49, 0.95, 1050))
    assert load.errors == "Socket errors: connect 0, read 3, write 0, timeout 0; " \
        "Non-2xx or 3xx responses: 7"
    assert http_load.parse("Requests/sec: 0.00").p99_ms == math.inf


def test_streamload():
    found = stream_load.parse(STREAMS)
    assert found == {"ended": 990, "refused": 1, "broken off": 9, "events": 7000, "lost": 2,
                     "repeated": 0, "reordered": 0, "min": 1, "p50": 3, "p90": 9, "p99": 17,
                     "p99.9": 30, "max": 41}


def test_chatload():
    assert chat.parse(CHAT) == (518000, 49)
    assert chat.losses(CHAT) == "4 lost, 2 clients not served in time"
    assert chat.losses(CHAT.replace("lost 4", "lost 0").replace("all 2", "all 0")) == ""


def test_a_command_is_packed_by_bytes():
    assert wire.pack("SET", "é", 12) == b"*3\r\n$3\r\nSET\r\n$2\r\n\xc3\xa9\r\n$2\r\n12\r\n"


@pytest.mark.parametrize("answers, refusal", [
    (b"*2\r\n$6\r\nplaced\r\n$7\r\norder_a\r\n:-1\r\n*1\r\n:-5\r\n", ""),
    (b"-NOAUTH Authentication required.\r\n", "-NOAUTH"),
    (b":1\r\n-OOM command not allowed\r\n:2\r\n", "-OOM"),
    (b"*1\r\n$6\r\nfenced\r\n", "fenced"),
    (b"*1\r\n*2\r\n$5\r\nerror\r\n$4\r\nwhy?\r\n", "error $4 why?")])
def test_a_refusal_is_found(answers, refusal):
    assert wire.refusal_in(answers).startswith(refusal) and bool(refusal) == \
        bool(wire.refusal_in(answers))
