"""tests/bench/nothing.c behind the nginx of a stack: the same configuration, rendered once more for
another port and other sockets, and its own bounded logger as the stack's nginx has one."""
import contextlib
import pathlib
import shutil
import subprocess
import tempfile

from harness import ROOT, TOOLS
from tiffin_ports import free_port, is_bindable
from tiffin_stack import eventually


def render(stack, folder, port):
    processes = stack.settings["API_PROCESSES"]
    environment = stack.environment(RUN_DIR=folder, PORT=port, API_LISTEN=f"{folder}/api/%d.sock",
                                    NGINX_USER="root")
    subprocess.run([ROOT / "nginx" / "render.sh", folder / "nginx"], env=environment, check=True)
    return [folder / "api" / f"{n}.sock" for n in range(processes)]


@contextlib.contextmanager
def nothing(stack):
    """-> the port where a responder that does nothing answers, with as many processes as the API"""
    folder, port = pathlib.Path(tempfile.mkdtemp(prefix="tfn-")), free_port()
    for name in ("api", "nginx", "log"):
        (folder / name).mkdir()
    sockets = render(stack, folder, port)
    running = [subprocess.Popen([TOOLS / "nothing", *sockets])]
    try:
        eventually(lambda: all(path.exists() for path in sockets), "the responder listens")
        log = subprocess.Popen(["s6-log", "n4", "s1000000", folder / "log"], stdin=subprocess.PIPE)
        running.append(log)
        running.append(subprocess.Popen(["nginx", "-p", f"{folder}/nginx/", "-c",
                                         folder / "nginx" / "nginx.conf", "-e", "stderr"],
                                        stderr=log.stdin))
        log.stdin.close()
        eventually(lambda: not is_bindable(port), "nginx listens")
        yield port
    finally:
        for process in reversed(running):
            process.terminate()
        for process in running:
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)
