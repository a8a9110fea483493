"""docker-compose.yml itself: no engine is needed."""
import re
import subprocess

import pytest

from engine import NoEngine, compose_command, run
from project import ROOT
from tiffin_stack import BIN_DIR

FILE = ROOT / "docker-compose.yml"
# They say where things are on one machine, or how many of them make up starts; in containers the
# images and --scale say so. TLS is nginx/docker-compose.tls.yml's.
ELSEWHERE = {"RUN_DIR", "WORKERS", "BRIDGES", "LIMIT_LOOPBACK", "UP_TIMEOUT_S", "BENCH", "REDIS",
             "REDIS_MAXMEMORY", "SECRETS_DIR", "API_LISTEN", "WS_LISTEN", "TLS_PORT", "TLS_CERT",
             "TLS_KEY", "TLS_PUBLIC_PORT"}


def test_every_setting_reaches_a_container():
    table = subprocess.run([BIN_DIR / "tiffin-api", "--settings"], capture_output=True, text=True,
                           check=True).stdout
    known = set(re.findall(r"^\| `TIFFIN_(\w+)`", table, re.M))
    passed = set(re.findall(r"\$\{TIFFIN_(\w+)", FILE.read_text()))
    assert known - passed - ELSEWHERE == set()
    assert ELSEWHERE <= known


def test_the_file_is_understood():
    try:
        compose = compose_command()
    except NoEngine as why:
        pytest.skip(str(why))
    services = run(*compose, "-f", FILE, "config", "--services").stdout.split()
    assert set(services) >= {"secrets", "redis", "load", "api", "worker", "ws-bridge", "nginx"}


def test_both_builds_of_c_share_their_layers():
    """Up to the common library the two Dockerfiles have the same instructions."""
    def shared(path):
        text = (ROOT / path).read_text()
        return text[text.index("ARG BASE"):text.index("build/release/lib/libtiffin.a")]
    assert shared("fcgi/Dockerfile") == shared("ws-bridge/Dockerfile")
