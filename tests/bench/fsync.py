"""What a durable write costs by itself: so many small appends a second, each made durable."""
import os
import time

WRITE = b"x" * 600  # about what one step of an order adds to the log


def latencies_ms(folder, rate, seconds):
    """Appends to a file in this folder at each moment of the rate. -> ms from write to durable, each;
    where the disk is slower than the rate there are fewer"""
    path, found = folder / "fsync", []
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        begin = time.monotonic()
        due = begin
        while due < begin + seconds:
            time.sleep(max(0, due - time.monotonic()))
            began = time.monotonic()
            os.write(file, WRITE)
            os.fdatasync(file)
            found.append(1000 * (time.monotonic() - began))
            due = max(due + 1 / rate, time.monotonic() - 1 / rate)
    finally:
        os.close(file)
        path.unlink()
    return found
