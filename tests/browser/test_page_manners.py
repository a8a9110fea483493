"""What is true of every page: readable by everyone, at every size, light, still; and pictures to look at."""
import pytest

from chromium import AXE, Keys
from visit import PAGES, open_page, place, use_everything, wait_delivered

SIZES = {"desktop": (1440, 900), "tablet": (768, 1024), "phone": (390, 844)}


@pytest.mark.parametrize("name", PAGES)
def test_no_serious_violation_for_axe(browser, site, name):
    if not AXE.exists():
        pytest.skip("axe-core is not installed: npm is needed for make test-browser to fetch it")
    browser.size(1280, 900, "light", "reduce")
    open_page(browser, site, name)
    if name == "home":
        use_everything(browser, site)
    for scheme in ("light", "dark"):
        browser.look(scheme, "reduce")
        # Of Swagger UI's own markup the colours are ours, the rest has its own faults.
        report = browser.axe(*(["#swagger"] if name == "docs" else []))
        if name == "docs":
            report += browser.axe(only="color-contrast")
        assert not report, f"{scheme}: {report}"


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_its_window(browser, site, name):
    browser.size(1440, 800)
    open_page(browser, site, name)
    for width in (1440, 768, 390, 360):
        browser.size(width, 800)
        assert browser.overflow() <= 0, width
    if name != "docs":
        browser.js("document.documentElement.style.fontSize = '200%'")
        for width in (1440, 768, 390, 360):
            browser.size(width, 800)
            assert browser.overflow() <= 0, f"{width}, its text at 200 %"


@pytest.mark.parametrize("width, height", [(1440, 900), (768, 1024), (390, 844)])
def test_an_order_can_be_placed_without_scrolling(browser, site, width, height):
    browser.size(width, height)
    open_page(browser, site, "home")
    box = browser.js("return document.querySelector('#submit').getBoundingClientRect().toJSON()")
    assert 0 <= box["top"] < box["bottom"] <= height


@pytest.mark.parametrize("name", ["home", "track", "docs"])
def test_a_page_is_light_and_still(browser, site, name):
    """`-s` prints what was measured."""
    browser.cdp("Page.addScriptToEvaluateOnNewDocument", source="""
        window.shift = 0;
        new PerformanceObserver((list) => { for (const e of list.getEntries())
          if (!e.hadRecentInput) window.shift += e.value; }).observe({type: 'layout-shift', buffered: true})""")
    open_page(browser, site, name)
    facts = browser.facts()
    if name == "home":
        place(browser, site)
        wait_delivered(browser)
    facts["layout_shift"] = round(browser.js("return window.shift"), 4)
    print(f"\n{name}: {facts}")
    assert facts["foreign"] == []
    assert all(url.endswith(".css") for url in facts["blocking"])
    assert facts["layout_shift"] < 0.1
    if name != "docs": # Swagger UI is what it is
        assert facts["transferred"] < 150_000


def test_the_keyboard_is_enough(browser, site):
    open_page(browser, site, "home")
    reached = []
    while len(reached) < 8:
        browser.driver.switch_to.active_element.send_keys(Keys.TAB)
        reached.append(browser.js("return document.activeElement.id || document.activeElement.className"))
        assert browser.js("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert reached[0] == "skip"
    assert [id_ for id_ in reached if id_ in ("restaurant", "item", "quantity")] == [
        "restaurant", "item", "quantity"]
    browser.find("#quantity").send_keys(Keys.ENTER)
    browser.wait_text("#shop-summary", "Confirmed in")


def test_motion_can_be_reduced(browser, site):
    moving = "return getComputedStyle(document.querySelector('#tracker .tier.now')).animationName"
    with site.stack.frozen("worker"):
        place(browser, site)
        browser.eventually(lambda: browser.all("#tracker .tier.now"), "the step")
        assert browser.js(moving) == "pulse"
        browser.look("light", "reduce")
        assert browser.js(moving) == "none"


def test_an_unknown_address(browser, site):
    """A page for people, problem+json for everybody else."""
    open_page(browser, site, "nowhere")
    assert browser.text("h1") == "This tiffin is empty."
    assert browser.find("main a").get_attribute("href") == site.url + "/"
    asked_by_a_script = browser.driver.execute_async_script(
        "fetch('/nowhere').then((r) => arguments[0](`${r.status} ${r.headers.get('Content-Type')}`))")
    assert asked_by_a_script == "404 application/problem+json"
    for accept, kind in ((None, "application/problem+json"), ("*/*", "application/problem+json"),
                         ("application/json", "application/problem+json"),
                         ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8")):
        for path in ("/nowhere", "/404.html", "/vendor/none", "/js/none.js"):
            answer = site.http.get(path, headers={"Accept": accept} if accept else {})
            assert (answer.status, answer.headers["Content-Type"]) == (404, kind), (path, accept)
            assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("name", PAGES)
def test_pictures_of_each_page(browser, site, artefacts, name):
    """To be looked at: artefacts/<page>-<size>-<scheme>.png"""
    def take(part):
        for size, (width, height) in SIZES.items():
            for scheme in ("light", "dark"):
                browser.size(width, height, scheme, "reduce")
                browser.screenshot(artefacts / f"{name}{part}-{size}-{scheme}.png")
        browser.size(1440, 900, "light", "reduce")
    open_page(browser, site, name)
    take("")
    if name == "home":
        use_everything(browser, site)
        take("-used")
