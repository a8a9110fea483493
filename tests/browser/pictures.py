#!/usr/bin/python3
"""Takes the README's pictures from the running pages: make pictures."""
import base64
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from chromium import Browser  # noqa: E402
from tiffin_site import Site  # noqa: E402
from visit import place  # noqa: E402

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "html" / "pictures"
SCHEMES = {"light": "", "dark": "-dark"}


def save(browser, selector, name, above):
    """What the element fills, and a margin around it, in both schemes."""
    browser.scroll_to(selector)
    box = browser.js("const b = document.querySelector(arguments[0]).getBoundingClientRect();"
                     "return [b.x + scrollX, b.y + scrollY, b.width, b.height]", selector)
    clip = {"x": box[0] - 20, "y": box[1] - above, "width": box[2] + 40,
            "height": box[3] + 2 * above, "scale": 1}
    for scheme, suffix in SCHEMES.items():
        browser.look(scheme, "reduce")
        shot = browser.cdp("Page.captureScreenshot", format="webp", quality=88,
                           captureBeyondViewport=True, clip=clip)
        (FOLDER / f"{name}{suffix}.webp").write_bytes(base64.b64decode(shot["data"]))


def main():
    site = Site(DB_MS=500, STAGE_MIN_MS=1000, STAGE_MAX_MS=1000)
    browser = None
    try:
        site.stack.up()
        browser = Browser()
        browser.size(1200, 800, "light", "reduce")
        place(browser, site)
        browser.wait_text("#tracker [data-status]", "Out for delivery")
        with site.stack.frozen("worker"): # it stays on the road for its picture
            save(browser, ".hero", "order", 0)
        browser.click("#waiter-start")
        browser.wait_text("#waiter-summary", "200 tables")
        save(browser, "#waiter", "waiter", 20)
    finally:
        if browser:
            browser.quit()
        site.stack.end()


if __name__ == "__main__":
    sys.exit(main())
