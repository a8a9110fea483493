"""A Redis that misbehaves on request: a proxy on a unix socket that understands both directions, so
that it can lose the answer to a chosen call.

    with Proxy(real_socket) as proxy:
        fault = proxy.on("step", 2, LOSE)    the answer to the second `step` from now on is lost
        ... TIFFIN_REDIS=proxy.socket ...
        fault.wait()                         until it has happened

A call has the name of its function, else of its command. What can happen to it:

    REFUSE   the connection breaks before Redis sees the call
    LOSE     Redis executes it; the connection breaks before the answer is through
    SILENCE  Redis executes it; that answer and all that follow on this connection are swallowed
    HOLD     the call waits in the proxy, and all behind it, until release(); its sender may go
    SAY      Redis never sees the call; its answer is what say= has, which looks like Redis' own

A real TCP connection cannot lose one answer and deliver the next, so neither does this one."""
import asyncio
import collections
import contextlib
import os
import pathlib
import shutil
import tempfile
import threading

from tiffin_stack import DEADLINE_S

REFUSE, LOSE, SILENCE, HOLD, SAY = "refuse", "lose", "silence", "hold", "say"
FOREVER = 10 ** 9


class Fault:
    """To the k-th call of this name (and the `times` - 1 after it) counted from now on."""

    def __init__(self, name, k, action, times, say=b""):
        self.name, self.k, self.action, self.times, self.say = name, k, action, times, say
        self.passed, self.struck, self.released = 0, 0, False
        self.answers = []  # what Redis said to the calls it took, heard or not
        self.happened = threading.Event()

    def takes(self, name):
        if name != self.name:
            return False
        self.passed += 1
        return self.k <= self.passed < self.k + self.times

    def strike(self):
        self.struck += 1
        self.happened.set()

    def wait(self, timeout=DEADLINE_S):
        assert self.happened.wait(timeout), f"no {self.name} number {self.k} came: {self.passed}"

    def heal(self):
        self.times = 0

    def release(self):
        """Lets a held call go to Redis, now."""
        self.released = True


class Proxy:
    def __init__(self, real_socket):
        self.real = str(real_socket)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tfc-"))
        self.socket = str(self.folder / "redis.sock")
        self.faults, self.calls = [], collections.Counter()
        self.is_shut, self.open = False, set()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        ready = threading.Event()
        self.loop.call_soon(ready.set)
        self.server = self.loop.run_until_complete(
            asyncio.start_unix_server(self._serve, self.socket))
        os.chmod(self.socket, 0o666)  # the folder is private
        self.thread.start()
        ready.wait()
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                self.loop.run_until_complete(task)
        self.server.close()
        self.loop.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def on(self, name, k=1, action=LOSE, times=1, say=b""):
        fault = Fault(name, k, action, times, say)
        self.faults.append(fault)
        return fault

    def shut(self):
        """All connections break, and nobody gets through until reopen()."""
        self.is_shut = True
        self.break_all()

    def break_all(self):
        """All connections break; new ones get through."""
        def close_all():
            for writer in self.open:
                writer.transport.abort()
        self.loop.call_soon_threadsafe(close_all)

    def reopen(self):
        self.is_shut = False

    def calm(self):
        """No faults any more, and every held call is let go."""
        for fault in self.faults:
            fault.release()
        self.faults = []

    async def _serve(self, reader, writer):
        if self.is_shut:
            writer.close()
            return
        try:
            up_reader, up_writer = await asyncio.open_unix_connection(self.real)
        except OSError:
            writer.close()
            return
        link = Link(self, reader, writer, up_reader, up_writer)
        self.open.add(writer)
        tasks = [asyncio.ensure_future(link.calls_in()), asyncio.ensure_future(link.answers_out())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            self.open.discard(writer)
            writer.close()
            up_writer.close()


class Link:
    """One connection, both ways. Its answers come in the order of its calls."""

    def __init__(self, proxy, reader, writer, up_reader, up_writer):
        self.proxy = proxy
        self.reader, self.writer = reader, writer
        self.up_reader, self.up_writer = up_reader, up_writer
        self.pending = collections.deque()  # the fault of each call, or None
        self.is_silent = False

    async def calls_in(self):
        """Until the sender goes; what was held for it is executed even so."""
        await self._forward()
        while any(self.pending):
            await asyncio.sleep(0.01)

    async def _forward(self):
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                data, words = await read_call(self.reader)
                name = (words[1] if words[0].upper().startswith(b"FCALL") else words[0]).decode()
                self.proxy.calls[name] += 1
                # Each fault counts every call, so no short cut.
                faults = [fault for fault in list(self.proxy.faults) if fault.takes(name)]
                fault = faults[0] if faults else None
                if fault and fault.action == REFUSE:
                    fault.strike()
                    return
                if fault and fault.action == HOLD:
                    fault.strike()
                    while not fault.released:
                        await asyncio.sleep(0.01)
                self.pending.append(fault)
                if fault and fault.action == SAY:  # Redis answers something else in its place
                    data = b"*1\r\n$4\r\nPING\r\n"
                self.up_writer.write(data)
                await self.up_writer.drain()

    async def answers_out(self):
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                data = await read_reply(self.up_reader)
                fault = self.pending.popleft() if self.pending else None
                if fault:
                    fault.answers.append(data)
                if fault and fault.action == LOSE:
                    fault.strike()
                    return
                if fault and fault.action == SAY:
                    fault.strike()
                    data = fault.say
                if fault and fault.action == SILENCE:
                    fault.strike()
                    self.is_silent = True
                if not self.is_silent and not self.writer.is_closing():
                    self.writer.write(data)
                    await self.writer.drain()


async def read_call(reader):
    """-> (its bytes, its words)"""
    head = await reader.readline()
    if not head.endswith(b"\n"):
        raise asyncio.IncompleteReadError(head, None)
    data, words = [head], []
    for _ in range(int(head[1:])):
        size = await reader.readline()
        word = await reader.readexactly(int(size[1:]) + 2)
        data += [size, word]
        words.append(word[:-2])
    return b"".join(data), words


async def read_reply(reader):
    """The bytes of one whole reply (RESP2)."""
    line = await reader.readline()
    if not line.endswith(b"\n"):
        raise asyncio.IncompleteReadError(line, None)
    kind, data = line[:1], [line]
    if kind == b"$" and int(line[1:]) >= 0:
        data.append(await reader.readexactly(int(line[1:]) + 2))
    elif kind == b"*":
        for _ in range(int(line[1:])):
            data.append(await read_reply(reader))
    return b"".join(data)
