"""wrk: requests over many connections, each sent as soon as the one before is answered."""
import dataclasses
import math
import pathlib
import re
import subprocess

POST = pathlib.Path(__file__).with_name("post.lua")
ORDER = "/order?restaurant_id=resto_123&item=Curry"
UNIT_MS = {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}


@dataclasses.dataclass
class Load:
    rate: float   # answers a second
    p50_ms: float
    p99_ms: float
    errors: str   # answers that are not 2xx, broken connections; "" = none

    def __str__(self):
        return f"{self.rate:,.0f}/s, p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms {self.errors}"


def wrk(port, path, connections=64, seconds=5, script=None):
    options = ["-s", str(script)] if script else []
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s",
                           "--latency", *options, f"http://127.0.0.1:{port}{path}"],
                          capture_output=True, text=True, check=True)
    return parse(done.stdout)


def post_orders(port, connections=64, seconds=5):
    return wrk(port, ORDER, connections, seconds, POST)


def parse(text):
    """-> Load of what wrk printed"""
    rate = float(re.search(r"Requests/sec: *([\d.]+)", text).group(1))
    errors = "; ".join(" ".join(found.split())
                       for found in re.findall(r"Non-2xx.*|Socket errors.*", text))
    return Load(rate, latency_ms(text, 50), latency_ms(text, 99), errors)


def latency_ms(text, percent):
    found = re.search(rf"^ +{percent}% +([\d.]+)(us|ms|s|m) *$", text, re.MULTILINE)
    return float(found[1]) * UNIT_MS[found[2]] if found else math.inf  # no answer came
