"""docker-compose.yml itself: no engine is needed."""
import re
import subprocess

import pytest

from engine import NoEngine, compose_command, run
from project import ROOT
from tiffin_stack import BIN_DIR

FILE = ROOT / "docker-compose.yml"
# They say where things are on one machine, or how many of them make up starts; in containers the
# images and --scale say so. TLS is nginx/docker-compose.tls.yml's. The public port is TIFFIN_PORT there.
ELSEWHERE = {"RUN_DIR", "WORKERS", "BRIDGES", "LIMIT_LOOPBACK", "UP_TIMEOUT_S", "BENCH", "REDIS",
             "REDIS_MAXMEMORY", "SECRETS_DIR", "API_LISTEN", "WS_LISTEN", "TLS_PORT", "TLS_CERT",
             "TLS_KEY", "TLS_PUBLIC_PORT", "PUBLIC_PORT", "HSTS_S"}


# What compose itself makes use of: fcgi/stack/README.md.
OF_COMPOSE = {"REDIS_MEMORY", "STOP_GRACE", "TAG", "BASE_IMAGE", "VERSION", "REVISION"}
# The port that is published; nginx itself listens on 8000 in its container.
PUBLISHED = {"PORT"}
# Whose settings each service has, by its sources; what fcgi/base reads is the same for all.
SOURCES = {"api": "fcgi/api/*.c", "worker": "fcgi/worker/*.c", "ws-bridge": "ws-bridge/*.c",
           "load": "redis/*.c", "ctl": "fcgi/ctl/*.c", "nginx": "nginx/*.sh"}


def known():
    table = subprocess.run([BIN_DIR / "tiffin-api", "--settings"], capture_output=True, text=True,
                           check=True).stdout
    return set(re.findall(r"^\| `TIFFIN_(\w+)`", table, re.M))


def test_every_setting_reaches_a_container():
    passed = set(re.findall(r"\$\{TIFFIN_(\w+)", FILE.read_text()))
    assert known() - passed - ELSEWHERE == set()
    assert ELSEWHERE <= known()
    assert passed - known() == OF_COMPOSE  # a name that nobody knows is a slip of the pen


def test_a_default_is_that_of_the_table():
    """But of the pool: a container has its own share of the machine, and two processes are enough."""
    table = subprocess.run([BIN_DIR / "tiffin-api", "--settings"], capture_output=True, text=True,
                           check=True).stdout
    defaults = dict(re.findall(r"^\| `TIFFIN_(\w+)` \| `([^`]*)`", table, re.M))
    stated = re.findall(r"\$\{TIFFIN_(\w+):-([^}]+)\}", FILE.read_text())
    assert {(name, value) for name, value in stated if name in known() and value != defaults[name]} == {
        ("API_PROCESSES", "2")}


def used(pattern):
    """The settings that these sources make use of."""
    text = "".join(path.read_text() for path in sorted(ROOT.glob(pattern)))
    names = dict(re.findall(r'\b(?:INT|STR)\("(\w+)", (\w+),',
                            (ROOT / "fcgi/base/conf.c").read_text()))
    return {name for name, field in names.items()
            if re.search(rf"\bconf\.{field}\b|\bTIFFIN_{name}\b", text)}


def environment(service):
    """What docker-compose.yml passes to it, a block of settings that it refers to included."""
    text = FILE.read_text()
    block = re.search(rf"^  {service}:\n((?:    .*\n|\n)+)", text, re.M).group(1)
    if "<<: *settings" in block:
        block += re.search(r"^x-settings:.*\n((?:  .*\n)+)", text, re.M).group(1)
    return set(re.findall(r"^ +TIFFIN_(\w+):", block, re.M))


@pytest.mark.parametrize("service", SOURCES)
def test_a_service_has_the_settings_that_it_uses(service):
    assert used(SOURCES[service]) & known() - ELSEWHERE - PUBLISHED - environment(service) == set()


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
