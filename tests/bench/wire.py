"""Redis commands packed beforehand and sent in bulk: what Redis itself can do, without the cost of a
client that reads every answer.

Of the answers only the end is looked for and whether one is an error: what they say is known from
what was asked.
"""
import contextlib
import socket

CHUNK_BYTES = 1 << 16
DEPTH = 100
MARK = b"end-of-the-batch"
# First words of our functions' answers that say that nothing was done.
REFUSALS = (b"error", b"fenced", b"gone", b"late", b"no_item", b"no_restaurant", b"unregistered")


def pack(*args):
    """A command in RESP. -> bytes"""
    parts = [b"*%d\r\n" % len(args)]
    for arg in args:
        data = arg if isinstance(arg, bytes) else str(arg).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(parts)


class Packer:
    """What Functions and redis-py's callers call, and gathers the bytes instead of sending them."""

    def __init__(self):
        self.commands = []

    def execute_command(self, *args):
        self.commands.append(pack(*args))

    def take(self):
        """-> the commands so far, and forgets them"""
        commands, self.commands = self.commands, []
        return commands


class Wire:
    """Some connections as admin. All that they send in one turn of Redis' loop shares its fsync."""

    def __init__(self, stack, connections=8):
        self.sockets = [socket.socket(socket.AF_UNIX) for _ in range(connections)]
        given = stack.redis()
        for connection in self.sockets:
            connection.connect(given["unix_socket_path"])
            connection.sendall(pack("AUTH", "admin", given["password"]) + pack("ECHO", MARK))
            await_mark(connection)

    def run(self, commands):
        """Sends them, DEPTH at a time on each connection, and returns when all are answered. Raises where
        one is refused. Which of them Redis runs first is not known."""
        depth = min(DEPTH, -(-len(commands) // len(self.sockets)) or 1)
        batches = [commands[start:start + depth] for start in range(0, len(commands), depth)]
        while batches:
            turn = list(zip(self.sockets, batches))
            batches = batches[len(turn):]
            for connection, batch in turn:
                connection.sendall(b"".join([*batch, pack("ECHO", MARK)]))
            for connection, _ in turn:
                await_mark(connection)

    def close(self):
        for connection in self.sockets:
            connection.close()


def await_mark(connection):
    answers = bytearray()
    while not answers.endswith(MARK + b"\r\n"):
        more = connection.recv(CHUNK_BYTES)
        if not more:
            raise ConnectionError("Redis hung up")
        answers += more
    refusal = refusal_in(bytes(answers))
    if refusal:
        raise RuntimeError("Redis answered: " + refusal)


def refusal_in(answers):
    """-> the first answer that is an error or a refusal; "" when all is well"""
    if answers.startswith(b"-") or b"\r\n-" in answers or any(
            b"\r\n%s\r\n" % word in answers for word in REFUSALS):
        lines = answers.split(b"\r\n")
        for i, line in enumerate(lines):
            if line.startswith(b"-") and not line[1:].isdigit() or line in REFUSALS:
                return b" ".join(lines[i:i + 3]).decode()
    return ""


@contextlib.contextmanager
def wire(stack):
    made = Wire(stack)
    try:
        yield made
    finally:
        made.close()
