"""A way to Redis that can go half-open: every connection through it stays established, but what
Redis says to subscribers does not come through any more. Nobody is told."""
import contextlib
import pathlib
import selectors
import shutil
import socket
import tempfile
import threading


class Link:
    def __init__(self, client, server):
        self.client, self.server = client, server
        self.is_subscription, self.is_mute = False, False

    def close(self):
        self.client.close()
        self.server.close()


class HalfOpen:
    """with HalfOpen(redis_socket) as way: ... TIFFIN_REDIS=way.path ... way.mute()"""

    def __init__(self, real):
        self.real = str(real)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tfh-"))
        self.path = self.folder / "redis.sock"
        self.selector = selectors.DefaultSelector()
        self.links, self.subscriptions, self.stop = [], 0, False
        self.door = socket.socket(socket.AF_UNIX)
        self.door.bind(str(self.path))
        self.door.listen(16)
        self.selector.register(self.door, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop = True
        self.thread.join()
        for link in self.links:
            link.close()
        self.door.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def mute(self):
        """From now on the present subscriptions hear nothing; later ones do."""
        for link in self.links:
            link.is_mute = link.is_subscription

    def _run(self):
        while not self.stop:
            for key, _ in self.selector.select(0.1):
                if key.fileobj is self.door:
                    self._accept()
                else:
                    self._pass_on(*key.data, key.fileobj)

    def _accept(self):
        client, server = self.door.accept()[0], socket.socket(socket.AF_UNIX)
        try:
            server.connect(self.real)
        except OSError:
            client.close()
            return
        link = Link(client, server)
        self.links.append(link)
        self.selector.register(client, selectors.EVENT_READ, (link, server))
        self.selector.register(server, selectors.EVENT_READ, (link, client))

    def _pass_on(self, link, to, came_from):
        if link not in self.links:
            return  # its other end was closed a moment ago
        data = b""
        with contextlib.suppress(OSError):
            data = came_from.recv(65536)
        if came_from is link.client and b"SUBSCRIBE" in data:
            link.is_subscription = True
            self.subscriptions += 1
        try:
            if data and not (link.is_mute and came_from is link.server):
                to.sendall(data)
        except OSError:
            data = b""
        if not data:
            for end in (link.client, link.server):
                self.selector.unregister(end)
            self.links.remove(link)
            link.close()
