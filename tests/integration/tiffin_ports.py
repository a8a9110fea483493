"""Ports for servers of the tests. One that was given stays claimed until the process that asked for
it ends, so that neither this test run nor another on this machine is given it as well."""
import pathlib
import random
import socket

FIRST = 10000
_claims = {}  # port: the socket whose name is the claim


def is_bindable(port):
    """On all addresses, of IPv4 and of IPv6."""
    for family, host in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        with socket.socket(family) as s:
            try:
                s.bind((host, port))
            except OSError:
                return False
    return True


def _claim(port):
    """An abstract name (unix(7)): one process alone can have it, and it leaves no file behind."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0tiffin-test-port-{port}")
    except OSError:
        claim.close()
        return False
    _claims[port] = claim
    return True


def _release(ports):
    for port in ports:
        _claims.pop(port).close()


def free_ports(n):
    """-> the first of n free ports in a row. They lie below the ports that outgoing connections get
    (ip(7)): no client of ours can sit on one."""
    end = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        first, claimed = random.randrange(FIRST, max(end, FIRST + 100) - n), []
        for port in range(first, first + n):
            if not _claim(port):
                break
            claimed.append(port)
            if not is_bindable(port):
                break
        else:
            return first
        _release(claimed)


def free_port():
    return free_ports(1)
