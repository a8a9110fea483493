"""Driving Debian's Chromium: looking, clicking, waiting for what a person would wait for."""
import base64
import json
import pathlib
import shutil
import tempfile
import time

from selenium import webdriver
from selenium.common.exceptions import (ElementClickInterceptedException,
                                        StaleElementReferenceException)
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from tiffin_stack import DEADLINE_S

ROOT = pathlib.Path(__file__).resolve().parents[2]
AXE = ROOT / "html" / "vendor" / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--hide-scrollbars", "--lang=en-GB", "--no-proxy-server")
# Chromium breaks off what it is loading when an interface of the machine comes or goes, as one
# does with every container.
INTERFACE = "net::ERR_NETWORK_CHANGED"

_chromium = shutil.which("chromium")
_driver = shutil.which("chromedriver")
missing = None if _chromium and _driver else "chromium or chromium-driver is not installed"


class Browser:
    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="tiffin-chromium-")
        options = Options()
        options.binary_location = _chromium
        for flag in (*FLAGS, f"--user-data-dir={self.profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service(_driver), options=options)
        self.driver.set_script_timeout(DEADLINE_S)
        self.origins = set()
        self.fresh()

    def fresh(self):
        """A window without a past: no storage, no cache, no other window, no emulation. A Chromium of
        its own for every test would say the same, ten times slower."""
        for origin in self.origins:
            self.cdp("Storage.clearDataForOrigin", origin=origin, storageTypes="all")
        self.origins = set()
        old = self.driver.window_handles
        self.driver.switch_to.new_window("tab")
        new = self.driver.current_window_handle
        for handle in old:
            self.driver.switch_to.window(handle)
            self.driver.close()
        self.driver.switch_to.window(new)
        self.cdp("Network.clearBrowserCache")
        self.console()
        self.said = []  # console lines since then
        # Parts of console lines that the test brings about, or the machine.
        self.expected = [INTERFACE, *([] if AXE.exists() else ["/vendor/"])]
        self.size(1440, 900)

    def quit(self):
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)

    # ---- the window ---------------------------------------------------------------------------

    def cdp(self, command, **parameters):
        return self.driver.execute_cdp_cmd(command, parameters)

    def size(self, width, height, scheme="light", motion="no-preference"):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=1, mobile=width < 600)
        self.look(scheme, motion)

    def look(self, scheme="light", motion="no-preference"):
        self.cdp("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": motion}])

    def open(self, url):
        """Again, when the machine broke off the loading of one of its parts."""
        for _ in range(5):
            self.driver.get(url)
            now = self.console()
            self.said += now
            if not any(INTERFACE in line["message"] for line in now):
                break
        self.origins.add("/".join(url.split("/")[:3]))

    def js(self, script, *args):
        return self.driver.execute_script(script, *args)

    def new_window(self):
        """Opens one and works in it. -> its handle"""
        self.driver.switch_to.new_window("window")
        return self.driver.current_window_handle

    def use(self, handle):
        self.driver.switch_to.window(handle)

    # ---- looking and doing --------------------------------------------------------------------

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.js("const e = document.querySelector(arguments[0]); return e && e.textContent",
                       selector)

    def scroll_to(self, selector):
        self.js("document.querySelector(arguments[0]).scrollIntoView("
                "{block: 'center', behavior: 'instant'})", selector)

    def click(self, selector):
        """When it stands still: what is pressed where it was is not pressed, and pressed again."""
        def press():
            self.scroll_to(selector)
            if not self.driver.execute_async_script("""
                const node = document.querySelector(arguments[0]), done = arguments[1];
                const place = () => JSON.stringify(node.getBoundingClientRect());
                const was = place();
                requestAnimationFrame(() => requestAnimationFrame(() => done(place() === was)))""", selector):
                return False
            self.find(selector).click()
            return True
        self.eventually(press, f"{selector} standing still")

    def type(self, selector, text):
        field = self.find(selector)
        field.send_keys(Keys.CONTROL + "a")
        field.send_keys(text)

    def choose(self, selector, value):
        Select(self.find(selector)).select_by_value(value)

    def eventually(self, condition, what):
        """Counts looks, not seconds: a machine that stood still did not make the page late."""
        for _ in range(DEADLINE_S * 20):
            try:
                answer = condition()
            except (ElementClickInterceptedException, StaleElementReferenceException,
                    AttributeError, TypeError):
                answer = None
            if answer:
                return answer
            time.sleep(0.05)
        raise AssertionError(f"never came: {what}")

    def wait_text(self, selector, part):
        try:
            return self.eventually(lambda: part in self.text(selector) and self.text(selector),
                                   f"{part!r} in {selector}")
        except AssertionError as error:
            raise AssertionError(f"{error}, which has {self.text(selector)!r}") from None

    def wait_enabled(self, selector):
        self.eventually(lambda: self.find(selector).is_enabled(), f"{selector} enabled")

    # ---- judging ------------------------------------------------------------------------------

    def console(self):
        return [line for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]

    def check_console(self):
        """No error, so no violation of the Content-Security-Policy either."""
        bad = [line["message"] for line in self.said + self.console()
               if not any(part in line["message"] for part in self.expected)]
        assert not bad, "\n".join(bad)

    def axe(self, *exclude, only=None):
        """Violations that axe-core calls serious or critical. -> text, empty when there are none"""
        if not self.js("return typeof axe === 'object'"):
            self.js(AXE.read_text())
        result = self.driver.execute_async_script(
            "const done = arguments[2]; axe.run({exclude: arguments[0]}, arguments[1]).then(done, "
            "e => done({error: String(e)}))", [[selector] for selector in exclude],
            {"runOnly": [only]} if only else {})
        assert "error" not in result, result
        return "\n".join(
            f"{v['id']}: {v['help']}: {node['html'][:160]} {node['failureSummary'][:300]}"
            for v in result["violations"] if v["impact"] in ("serious", "critical")
            for node in v["nodes"])

    def screenshot(self, path):
        """Of the whole page."""
        size = self.cdp("Page.getLayoutMetrics")["cssContentSize"]
        shot = self.cdp("Page.captureScreenshot", captureBeyondViewport=True, clip={
            "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1})
        pathlib.Path(path).write_bytes(base64.b64decode(shot["data"]))

    def overflow(self):
        """How many pixels the page is wider than its window. (innerWidth grows with such a page on a
        phone, which zooms out to show it.)"""
        return self.js("const e = document.documentElement; return e.scrollWidth - e.clientWidth")

    def facts(self):
        """What loading the page cost."""
        return json.loads(self.js("""
            const all = performance.getEntriesByType("resource");
            const page = performance.getEntriesByType("navigation")[0];
            const paint = performance.getEntriesByName("first-contentful-paint")[0];
            return JSON.stringify({
              requests: all.length + 1,
              transferred: page.transferSize + all.reduce((n, r) => n + r.transferSize, 0),
              decoded: page.decodedBodySize + all.reduce((n, r) => n + r.decodedBodySize, 0),
              first_paint_ms: paint ? Math.round(paint.startTime) : null,
              foreign: all.map((r) => r.name).filter((u) => !u.startsWith(location.origin)),
              blocking: all.filter((r) => r.renderBlockingStatus === "blocking").map((r) => r.name),
            })"""))


__all__ = ["Browser", "Keys", "missing", "AXE"]
