"""Where the API and the bridge listen when several containers share one name.

Name lookups are answered by files of the test, in a mount namespace of its own. Loopback's whole
network is this machine's; 198.51.100.1 (RFC 5737, for documentation) is nobody's."""
import contextlib
import os
import signal
import socket
import subprocess

import pytest

from tiffin_edge import PRIVATE, UNSHARE, may_unshare
from tiffin_ports import free_ports
from tiffin_stack import BIN_DIR, DEADLINE_S, eventually

pytestmark = pytest.mark.skipif(not may_unshare, reason="unshare -m is not allowed here")
LISTEN = {"tiffin-api": "API_LISTEN", "tiffin-ws": "WS_LISTEN"}
PROCESSES = 2


def is_open(address, port):
    with socket.socket() as s:
        return s.connect_ex((address, port)) == 0


class Named:
    """A program whose listening address is a name with these addresses."""

    def __init__(self, stack, folder, program, addresses):
        self.program, self.port = program, free_ports(PROCESSES)
        hosts, nsswitch = folder / "hosts", folder / "nsswitch"
        hosts.write_text("".join(f"{address} shared\n" for address in addresses))
        nsswitch.write_text("hosts: files\n")
        self.before = [*UNSHARE, "sh", "-c", PRIVATE, "sh", hosts, nsswitch]
        self.env = stack.environment(REDIS=stack.folder / "redis.sock", API_PROCESSES=PROCESSES,
                                     SECRETS_DIR=stack.folder / "secrets",
                                     **{LISTEN[program]: f"shared:{self.port}"})

    def run(self, *words):
        return subprocess.run([*self.before, BIN_DIR / self.program, *words], env=self.env, cwd="/",
                              capture_output=True, text=True, timeout=DEADLINE_S)

    @contextlib.contextmanager
    def running(self):
        process = subprocess.Popen([*self.before, BIN_DIR / self.program], env=self.env, cwd="/",
                                   stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(DEADLINE_S)

    def is_well(self):
        return self.run("--health").returncode == 0


@pytest.mark.parametrize("program", LISTEN)
def test_of_a_names_addresses_it_listens_on_its_own_alone(stack, tmp_path, program):
    """Also its health check asks there, whichever address comes first."""
    named = Named(stack, tmp_path, program, ["198.51.100.1", "127.0.0.7", "198.51.100.2"])
    with named.running() as process:
        eventually(lambda: process.poll() is not None or named.is_well(), f"a healthy {program}")
        assert process.poll() is None
        assert is_open("127.0.0.7", named.port)
        assert not is_open("127.0.0.1", named.port)


@pytest.mark.parametrize("program", LISTEN)
def test_a_name_of_other_machines_ends_the_start(stack, tmp_path, program):
    done = Named(stack, tmp_path, program, ["198.51.100.1", "198.51.100.2"]).run()
    assert done.returncode == 1
    assert LISTEN[program] in done.stderr + done.stdout
    assert "Cannot assign requested address" in done.stderr + done.stdout
