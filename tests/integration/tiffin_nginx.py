"""nginx alone, with our configuration: for what it answers by itself. The API and the chat are away."""
import contextlib
import http.client
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

from tiffin_http import Client, Response
from tiffin_ports import free_port
from tiffin_stack import DEADLINE_S, ENVIRONMENT, ROOT, eventually


class Nginx:
    """Settings are given without TIFFIN_. A context: started and stopped by it."""

    def __init__(self, **settings):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tfn-"))
        self.port = free_port()
        self.http = Client(self.port)
        self.config, self.log_file = self.folder / "nginx", self.folder / "log"
        self.config.mkdir()
        self.settings = {"PORT": self.port, "RUN_DIR": self.folder, "API_LISTEN": "127.0.0.1:9",
                         "API_PEERS": "", **({"NGINX_USER": "root"} if os.geteuid() == 0 else {}), **settings}
        self.process = None

    def render(self):
        env = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        env |= {"TIFFIN_" + name: str(value) for name, value in self.settings.items()}
        return subprocess.run([ROOT / "nginx" / "render.sh", self.config], env=env, text=True,
                              capture_output=True, check=False)

    def __enter__(self):
        done = self.render()
        assert done.returncode == 0, done.stderr
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                ["nginx", "-p", f"{self.config}/", "-c", self.config / "nginx.conf", "-e", "stderr"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"})
        eventually(self.answers, "nginx")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(DEADLINE_S)
        shutil.rmtree(self.folder)

    def answers(self):
        assert self.process.poll() is None, self.log()
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.http.get("/.nginx").status in (204, 429)
        return False

    def log(self):
        return self.log_file.read_text(errors="replace")

    def ask(self, *headers, path="/.nginx", method="GET", source="127.0.0.1", to="127.0.0.1"):
        """HTTP/1.1 with these header lines and no others but Host. -> Response"""
        lines = [f"{method} {path} HTTP/1.1", *headers, "Connection: close"]
        if not any(line.lower().startswith("host:") for line in headers):
            lines.insert(1, "Host: localhost")
        with socket.create_connection((to, self.port), DEADLINE_S, (source, 0)) as s:
            s.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
            answer = http.client.HTTPResponse(s, method=method)
            answer.begin()
            return Response(answer.status, answer.headers, answer.read())
