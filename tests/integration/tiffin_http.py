"""Talking to a stack as clients do: requests, raw bytes, event streams."""
import collections
import http.client
import json
import socket
import time
import urllib.parse

from tiffin_stack import DEADLINE_S

ORDER = {"restaurant_id": "resto_123", "item": "Curry"}


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body.decode("utf-8", "strict"))

    def all(self, name):
        """Every value of a header: most must come once."""
        return self.headers.get_all(name) or []

    def __repr__(self):
        return f"<{self.status} {dict(self.headers)} {self.body[:500]!r}>"


class Client:
    """One stack's nginx. Every request has a connection of its own."""

    def __init__(self, port):
        self.port = port

    def request(self, method, path, body=None, headers=None, *, query=None, form=None, data=None):
        headers = dict(headers or {})
        if query:
            path += "?" + urllib.parse.urlencode(query)
        if form is not None:
            body = urllib.parse.urlencode(form)
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        if data is not None:
            body = json.dumps(data)
            headers.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return Response(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, **more):
        return self.request("POST", path, **more)

    def raw(self, data):
        """Sends bytes as they are; the first answer to them."""
        with socket.create_connection(("127.0.0.1", self.port), DEADLINE_S) as s:
            s.sendall(data)
            answer = http.client.HTTPResponse(s)
            answer.begin()
            return Response(answer.status, answer.headers, answer.read())

    def answers(self):
        """Is the port served, and the API behind it?"""
        try:
            return self.get("/readyz").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def place(self, key=None, **parameters):
        headers = {"Idempotency-Key": key} if key else {}
        return self.post("/order", data={**ORDER, **parameters}, headers=headers)

    def order(self, id_):
        answer = self.get("/order/" + id_)
        assert answer.status == 200, answer
        return answer.json

    def status(self):
        return self.get("/status").json

    def stream(self, path, **headers):
        return Stream(self.port, path, {name.replace("_", "-"): str(value)
                                        for name, value in headers.items()})

    def live(self, id_, last=None):
        """An order's live status, from the version the reader has."""
        return self.stream(f"/order/{id_}/live-status",
                           **({} if last is None else {"Last_Event_ID": last}))

    def follow(self, id_, on_event=None):
        """As a browser's EventSource: comes back with the last id until `end` or 204, gives up on
        anything but 200 and 204. -> the events, all connections together."""
        events, last, deadline = [], None, time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            try:
                stream = self.live(id_, last)
            except OSError:
                time.sleep(0.01)
                continue
            with stream:
                if stream.status == 204:
                    return events
                assert stream.status == 200, (stream.status, stream.headers)
                assert stream.headers["Content-Type"].startswith("text/event-stream")
                for event in stream:
                    events.append(event)
                    if event.id:
                        last = event.id
                    if on_event:
                        on_event(event)
                    if event.type in ("end", "error"):
                        return events
            time.sleep(0.02)  # the reconnection time, shortened
        raise AssertionError(f"no end: {events}")


class Event(collections.namedtuple("Event", "type data id")):
    """id: what the reader's last event id is after this event, '' when it never had one."""

    @property
    def json(self):
        return json.loads(self.data)


class Stream:
    """A reader of server-sent events (WHATWG HTML, 9.2.6). Iterating gives its events until the
    server ends it; next_event() waits for one."""

    def __init__(self, port, path, headers):
        self.events, self.comments, self.retry = [], 0, None
        self.is_over = False       # no more bytes will come
        self.was_complete = False  # ... because the server said so
        self._queue = collections.deque()
        self._text, self._fields, self._last_id, self._is_first = b"", None, "", True
        self._reset()
        self._socket = socket.create_connection(("127.0.0.1", port), DEADLINE_S)
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Accept: text/event-stream",
                 *(f"{name}: {value}" for name, value in headers.items())]
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self._answer = http.client.HTTPResponse(self._socket)
        try:
            self._answer.begin()
        except Exception as error:
            self._socket.close()
            raise OSError("hung up before it answered") from error
        self.status, self.headers = self._answer.status, self._answer.headers

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._answer.close()
        self._socket.close()

    def _reset(self):
        self._type, self._data = "", []

    def _dispatch(self):
        if self._data:
            event = Event(self._type or "message", "\n".join(self._data), self._last_id)
            self.events.append(event)
            self._queue.append(event)
        self._reset()

    def _line(self, line):
        if not line:
            self._dispatch()
            return
        if line.startswith(":"):
            self.comments += 1
            return
        name, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if name == "event":
            self._type = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._last_id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry = int(value)

    def _feed(self, data):
        self._text += data
        if self._is_first and self._text:
            self._is_first = False
            self._text = self._text.removeprefix(b"\xef\xbb\xbf")
        # The server writes LF; a CR would be a second, equally valid way.
        assert b"\r" not in self._text
        *lines, self._text = self._text.split(b"\n")
        for line in lines:
            self._line(line.decode("utf-8", "strict"))

    def _read(self, timeout):
        self._socket.settimeout(timeout)
        try:
            data = self._answer.read1(65536)
        except socket.timeout:
            raise AssertionError(f"no event came; so far {self.events}") from None
        except (OSError, http.client.HTTPException):
            self.is_over = True
            return
        if data:
            self._feed(data)
        else:
            self.is_over = self.was_complete = True

    def next_event(self, timeout=DEADLINE_S):
        """The next event, or None when the stream is over."""
        while not self._queue and not self.is_over:
            self._read(timeout)
        return self._queue.popleft() if self._queue else None

    def __iter__(self):
        return iter(self.next_event, None)

    def wait_for(self, **fields):
        """Reads on until an event has these fields."""
        for event in self:
            if all(event.json.get(name) == value for name, value in fields.items()):
                return event
        raise AssertionError(f"{fields} never came: {self.events}")

    def wait_retry(self):
        """Until the stream has said its first word: it is open on the server's side too."""
        while self.retry is None and not self.is_over:
            self._read(DEADLINE_S)
        return self.retry


def versions(events):
    return [event.json["version"] for event in events if event.type == "message"]
