"""--health: what a container engine asks each program."""
import subprocess

import pytest

from tiffin_stack import BIN_DIR, eventually

PROGRAMS = {"api": "tiffin-api", "worker": "tiffin-worker", "ws": "tiffin-ws"}


@pytest.fixture
def health(own_world):
    """Asks a program of the stack. -> (exit code, what it said)"""
    def ask(name, **settings):
        done = subprocess.run([BIN_DIR / PROGRAMS[name], "--health"], capture_output=True, text=True,
                              env=own_world.stack.environment(
                                  REDIS=own_world.stack.folder / "redis.sock",
                                  SECRETS_DIR=own_world.stack.folder / "secrets",
                                  WS_LISTEN=own_world.stack.folder / "ws" / "ws.sock", **settings),
                              stdin=subprocess.DEVNULL, timeout=60)
        return done.returncode, done.stdout + done.stderr
    return ask


@pytest.mark.parametrize("name", PROGRAMS)
def test_all_is_well(health, name):
    eventually(lambda: health(name) == (0, ""), f"a healthy {name} that says nothing")


@pytest.mark.parametrize("name", PROGRAMS)
def test_who_is_stopped_is_not_well(own_world, health, name):
    with own_world.stack.without(name):
        eventually(lambda: health(name)[0] == 1, f"a {name} that is away")
        code, said = health(name)
        assert code == 1 and said.startswith(PROGRAMS[name] + ": ") and said.count("\n") == 1
    eventually(lambda: health(name)[0] == 0, f"{name} is back")


def test_every_process_of_the_pool_is_asked(own_world, health):
    assert own_world.stack.settings["API_PROCESSES"] == 2
    code, said = health("api", API_PROCESSES=3)
    assert (code, "process 2 of" in said) == (1, True)


def test_without_redis_nobody_is_well(own_world, health):
    with own_world.stack.without("redis"):
        for name in PROGRAMS:
            eventually(lambda who=name: health(who)[0] == 1, f"{name} without Redis")
        assert "not ready: Status: 503" in health("api")[1]
        assert "not ready: HTTP/1.1 503" in health("ws")[1]
    for name in PROGRAMS:
        eventually(lambda who=name: health(who)[0] == 0, f"{name} with Redis again")


def test_a_worker_without_heartbeat_is_not_well(own_world, health):
    """It hangs, though its process and its connection are there."""
    with own_world.stack.frozen("worker"):
        eventually(lambda: health("worker")[0] == 1, "a heartbeat that is too old")
        assert "no worker of this host" in health("worker")[1]
    eventually(lambda: health("worker")[0] == 0, "another heartbeat")


def test_a_process_that_hangs_is_not_well(own_world, health):
    with own_world.stack.frozen("ws"):
        code, said = health("ws")
        assert (code, "does not answer" in said) == (1, True)
    eventually(lambda: health("ws")[0] == 0, "an answer")
