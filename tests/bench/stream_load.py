"""streamload: many event streams at a time, and what it says of them."""
import re
import subprocess

from harness import tool
from tiffin_stack import eventually


def open_streams(stack, paths, *options):
    """Opens them and returns when the last one has sent its first byte. -> the running tool"""
    opened = stack.folder / "opened"
    opened.unlink(missing_ok=True)
    running = tool("streamload", "--port", stack.port, "--opened", opened, *options,
                   stdin=subprocess.PIPE)
    running.stdin.write("\n".join(paths) + "\n")
    running.stdin.close()
    eventually(opened.exists, "all streams are open", timeout=120)
    return running


def finish(run, running, what):
    """Waits for its end; what was lost, repeated or broken off is a failure. -> parse()"""
    text = running.stdout.read()
    if running.wait() != 0:
        run.fail(f"{what}: {' '.join(text.split())}")
    return parse(text)


def parse(text):
    """-> {"events": n, "lost": n, ..., "p50": ms, "p99": ms, "min": ms, ...} of its report"""
    found = {name: int(value) for name, value in re.findall(
        r"(events|lost|repeated|reordered|ended|refused|broken off) (\d+)", text)}
    found |= {name: int(value)
              for name, value in re.findall(r"(min|p50|p90|p99|p99\.9|max) (\d+)", text)}
    return found


def live_status(id_):
    return f"/order/{id_}/live-status"
