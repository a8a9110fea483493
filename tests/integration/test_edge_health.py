"""nginx' health check in a container, which `compose up --wait` waits for."""
import signal
import subprocess

from tiffin_edge import ROOT, edge, pytestmark  # noqa: F401
from tiffin_stack import eventually


def health(edge):  # noqa: F811
    return subprocess.run([*edge.who, ROOT / "nginx" / "health.sh"], capture_output=True, text=True,
                          env={"TIFFIN_PORT": str(edge.port), "PATH": "/usr/bin:/bin",
                               "TIFFIN_RUN_DIR": str(edge.folder / "run")}, check=False)


def test_well_from_when_the_api_is_ready_until_nginx_is_away(edge):  # noqa: F811
    edge.start()
    early = health(edge)
    assert early.returncode == 1 and "/readyz answers 503" in early.stderr
    edge.serve("tiffin-api", "127.0.0.2")
    edge.names(api=["127.0.0.2"])
    eventually(lambda: health(edge).returncode == 0, "health")
    # A worker from before nginx took the addresses over may still answer a moment longer.
    eventually(lambda: edge.http.get("/readyz").status == 200, "the API, through nginx")
    edge.kill("tiffin-api", "127.0.0.2")
    assert edge.http.get("/readyz").status == 503
    assert health(edge).returncode == 0, "it can do nothing about it"
    edge.stop(signal.SIGTERM)
    assert health(edge).returncode == 1
    edge.names()
    edge.start()
    assert health(edge).returncode == 1, "what was before its start does not count"
