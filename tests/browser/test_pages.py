"""Each page and each exhibit, as a visitor meets them."""
import pytest

from chromium import AXE

SIZES = {"desktop": (1440, 900), "tablet": (768, 1024), "phone": (390, 844)}
UNKNOWN = "order_00" + "a" * 20


def place(browser, site, dish="Curry", quantity="2"):
    """Opens the home page and orders. -> the order's id"""
    if not browser.driver.current_url.startswith(site.url + "/#"):
        browser.open(site.url + "/")
    browser.wait_enabled("#submit")
    browser.choose("#item", dish)
    browser.type("#quantity", quantity)
    browser.click("#submit")
    return browser.eventually(
        lambda: browser.js("return sessionStorage.getItem('tiffin-order')"), "the order's id")


def wait_delivered(browser):
    browser.wait_text("#tracker [data-status]", "Delivered")
    browser.wait_text("#tracker [data-connection]", "Delivered")


# ---- ordering -----------------------------------------------------------------------------------

def test_an_order_is_placed_and_seen_delivered(browser, site):
    id_ = place(browser, site)
    browser.wait_text("#tracker [data-confirmation]", "Order placed successfully!")
    wait_delivered(browser)
    order = site.http.order(id_)
    assert (order["item"], order["quantity"]) == ("Curry", 2)
    assert browser.text("#tracker [data-title]") == "2 × Curry, The Spicy Spoon, $25.00"
    assert [li.get_attribute("class") for li in browser.all("#tracker [data-steps] li")] == ["done"] * 5
    assert len(browser.all("#tracker [data-history] li")) == len(order["history"])
    assert browser.text("#tracker [data-payment]") == "Paid"
    assert browser.text("#tracker [data-kitchen]") == "Accepted"
    # The shopping exhibit has the same, as a drawing.
    browser.wait_text("#shop-summary", "Confirmed in")
    assert len(browser.all("#shop-lines .done")) == len(order["history"])
    assert "Idempotency-Key" in browser.js("""
        let copied; navigator.clipboard.writeText = async (text) => { copied = text; };
        document.querySelector('#shop-wire button').click(); return copied""")


def test_a_reload_keeps_the_order(browser, site):
    id_ = place(browser, site)
    browser.wait_text("#tracker [data-payment]", "Paid")
    browser.driver.refresh()
    browser.wait_text("#tracker [data-confirmation]", "placed before")
    wait_delivered(browser)
    assert len(browser.all("#tracker [data-history] li")) == len(site.http.order(id_)["history"])
    # After the end nothing is opened: a reload reads the order, and no stream.
    browser.driver.refresh()
    wait_delivered(browser)
    assert browser.js("return performance.getEntriesByType('resource')"
                      ".filter((r) => r.name.includes('live-status')).length") == 0


def test_an_order_can_be_cancelled(browser, site):
    id_ = place(browser, site)
    browser.eventually(lambda: browser.find("#tracker [data-cancel]").is_displayed(), "the button")
    browser.click("#tracker [data-cancel]")
    browser.wait_text("#tracker [data-status]", "Cancelled")
    browser.wait_text("#tracker [data-connection]", "Cancelled")
    order = site.http.order(id_)
    assert order["status"] == "cancelled"
    assert order["payment_status"] in ("refunded", "not_charged")
    assert not browser.find("#tracker [data-cancel]").is_displayed()


def test_the_page_of_one_order(browser, site):
    id_ = site.http.place(item="Naan").json["order_id"]
    browser.open(f"{site.url}/track/{id_}")
    wait_delivered(browser)
    assert browser.text("#tracker [data-title]") == "1 × Naan, The Spicy Spoon, $3.50"
    assert len(browser.all("#tracker [data-history] li")) == len(site.http.order(id_)["history"])
    assert id_ not in site.stack.all_logs()


def test_an_unknown_order_is_said_to_be_unknown(browser, site):
    browser.expected.append("404")
    browser.open(f"{site.url}/track/{UNKNOWN}")
    browser.wait_text("#tracker [data-connection]", "Not found")
    browser.wait_text("#tracker [data-confirmation]", "not known")


def test_the_form_says_what_the_server_says(browser, site):
    browser.expected += ["422", "429"]
    browser.open(site.url + "/")
    browser.wait_enabled("#submit")
    browser.js("document.querySelector('#item option').value = 'Stone soup';"
               "document.querySelector('#order-form').noValidate = true;"
               "document.querySelector('#order-form').requestSubmit()")
    browser.wait_text("#form-message", "not on the menu")


def test_too_many_requests(browser, site):
    browser.open(site.url + "/")
    browser.wait_enabled("#submit")
    browser.js("""const real = fetch; let n = 0;
        window.fetch = (url, options) => url === "/order" && n++ < 1
          ? Promise.resolve(new Response("{}", {status: 429, headers: {"Retry-After": "1"}}))
          : real(url, options)""")
    browser.click("#submit")
    browser.wait_text("#form-message", "Too many requests")
    browser.wait_text("#tracker [data-confirmation]", "Order placed")
    assert browser.text("#form-message") == ""


def test_a_hidden_page_holds_no_stream(browser, site):
    place(browser, site)
    browser.wait_text("#tracker [data-connection]", "Live")
    browser.js("Object.defineProperty(document, 'hidden', {configurable: true, get: () => true});"
               "document.dispatchEvent(new Event('visibilitychange'))")
    browser.wait_text("#tracker [data-connection]", "Paused")
    browser.eventually(lambda: site.http.status()["live"]["sse"] == 0, "no stream open")
    browser.js("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    wait_delivered(browser)


# ---- the exhibits -------------------------------------------------------------------------------

@pytest.mark.parametrize("n", [1, 10, 200])
def test_the_waiter(browser, site, n):
    browser.open(site.url + "/")
    browser.js("document.querySelector(`input[name=tables][value='${arguments[0]}']`).click()", n)
    browser.click("#waiter-start")
    browser.eventually(lambda: len(browser.all("#waiter-room .served")) == n, f"{n} tables served")
    browser.wait_enabled("#waiter-start")
    summary = browser.text("#waiter-summary")
    assert "One table" in summary if n == 1 else f"{n} tables in" in summary
    assert f"n={n}" in browser.text("#waiter-wire .wire-requests")


def test_coffee_and_a_sandwich(browser, site):
    browser.open(site.url + "/")
    browser.wait_enabled("#submit")
    browser.click("#coffee-start")
    browser.wait_text("#coffee-summary", "instead of")
    assert "The Spicy Spoon" in browser.text("#plate-info")
    assert len(browser.all("#plate-menu li")) == 10
    assert "Amazing food!" in browser.text("#plate-reviews")
    assert "total_ms" in browser.text("#coffee-wire .wire-body")
    shares = browser.js("return ['info', 'menu', 'reviews'].map((p) => Number(document.getElementById("
                        "`coffee-${p}`).style.getPropertyValue('--share')))")
    assert 0 < shares[0] < shares[1] < shares[2] < 1


def test_a_dish_of_the_menu_is_ordered_at_once(browser, site):
    browser.open(site.url + "/")
    browser.eventually(lambda: len(browser.all("#shop-menu button")) == 10, "the menu")
    browser.click("#shop-menu li:nth-child(2) button")
    browser.wait_text("#shop-summary", "Confirmed in")
    browser.wait_text("#shop-wire .wire-body", "order_id")
    assert browser.text("#tracker [data-title]").startswith("1 × Naan")
    wait_delivered(browser)


def test_the_ticker_after_hanging_up(browser, site):
    id_ = place(browser, site)
    browser.wait_text("#tracker [data-connection]", "Live")
    browser.wait_enabled("#ticker-cut")
    browser.click("#ticker-cut")
    browser.wait_text("#ticker-wire .wire-body", "you hung up")
    browser.wait_text("#ticker-wire .wire-body", "event: end")
    lines = browser.text("#ticker-wire .wire-body").splitlines()
    versions = [int(line[4:]) for line in lines if line.startswith("id: ")]
    assert versions == list(range(1, len(site.http.order(id_)["history"]) + 1))


def test_two_windows_chat(browser, site):
    first = browser.driver.current_window_handle
    browser.open(site.url + "/#phone-call")
    browser.wait_text("#chat-connection", "On the line")
    browser.type("#chat-name", "Ada")
    second = browser.new_window()
    browser.open(site.url + "/#phone-call")
    browser.wait_text("#chat-connection", "On the line")
    browser.type("#chat-name", "Grace")
    browser.type("#chat-text", "Is it spicy? <b>Ça brûle</b> 🌶")
    browser.click("#chat-send")
    browser.wait_text("#chat-log .mine", "Is it spicy?")
    browser.use(first)
    browser.wait_text("#chat-log .theirs", "Grace")
    assert "<b>Ça brûle</b> 🌶" in browser.text("#chat-log .theirs")
    browser.type("#chat-text", "Only a little.")
    browser.click("#chat-send")
    browser.wait_text("#chat-present", "2 people")
    browser.use(second)
    browser.eventually(lambda: any("Only a little." in li.text for li in browser.all("#chat-log .theirs")),
                       "the answer")
    assert not browser.all("#chat-log .pending")
    browser.type("#update-text", "Riders are late.")
    browser.click("#update-send")
    browser.eventually(lambda: any("Riders are late." in li.text for li in browser.all("#chat-log .update")),
                       "the update")
    browser.wait_text("#update-note", "Accepted (202)")
    browser.driver.close()
    browser.use(first)
    browser.wait_text("#chat-present", "alone")


def test_the_monitor(browser, site):
    browser.open(site.url + "/")
    browser.scroll_to("#monitor")
    browser.wait_text("#m-connection", "Live")
    browser.wait_text("#m-health", "All is well")
    placed = site.http.status()["orders"]["placed"]
    browser.eventually(lambda: browser.text("#m-placed") == str(placed), "orders placed")
    browser.eventually(lambda: len(browser.all("#charts canvas")) == 4, "four charts")
    site.http.place()
    browser.eventually(lambda: browser.text("#m-placed") == str(placed + 1), "one more")
    browser.js("scrollTo({top: 0, behavior: 'instant'})")
    browser.wait_text("#m-connection", "Paused")


def test_the_charts_can_be_missing(browser, site):
    browser.expected.append("uPlot")
    browser.cdp("Network.enable")
    browser.cdp("Network.setBlockedURLs", urls=["*uPlot*"])
    browser.open(site.url + "/")
    browser.scroll_to("#monitor")
    browser.eventually(lambda: browser.find("#charts-missing").is_displayed(), "the notice")
    browser.wait_text("#m-connection", "Live")


# ---- /docs --------------------------------------------------------------------------------------

def test_docs_try_it_out(browser, site):
    browser.open(site.url + "/docs")
    browser.eventually(lambda: browser.all("#operations-Orders-placeOrder"), "the operations")
    operations = browser.all(".opblock")
    assert len(operations) >= 17
    for operation, answer in (("Orders-placeOrder", "order_id"), ("System-getStatus", "uptime_s"),
                              ("Restaurants-getMenu", "price_cents"),
                              ("Exhibits-waiter", "one_at_a_time_ms")):
        block = f"#operations-{operation}"
        browser.click(f"{block} .opblock-summary-control")
        browser.eventually(lambda: browser.all(f"{block} .execute"), "the button")
        browser.click(f"{block} .execute")
        browser.wait_text(f"{block} .live-responses-table .response", answer)
        browser.click(f"{block} .opblock-summary-control")


# ---- manners ------------------------------------------------------------------------------------

def pages(site):
    id_ = site.http.place().json["order_id"]
    return {"home": "/", "track": f"/track/{id_}", "unknown": f"/track/{UNKNOWN}", "docs": "/docs"}


def settle(browser, name):
    """Until the page has what it begins with."""
    if name == "home":
        browser.wait_enabled("#submit")
    elif name == "docs":
        browser.eventually(lambda: browser.all(".opblock"), "the operations")
    else:
        browser.eventually(lambda: browser.text("[data-connection]") in ("Delivered", "Not found"),
                           "the order")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_violation_for_axe(browser, site, scheme):
    if not AXE.exists():
        pytest.skip("axe-core is not installed: npm is needed for make test-browser to fetch it")
    browser.expected.append("404")
    found = {}
    for name, path in pages(site).items():
        browser.size(1280, 900, scheme, "reduce")
        browser.open(site.url + path)
        settle(browser, name)
        if name == "home":
            place(browser, site)
            wait_delivered(browser)
            browser.scroll_to("#phone-call")
            browser.wait_text("#chat-connection", "On the line")
        # Swagger UI's own markup has its own faults; ours is what surrounds it.
        report = browser.axe(*(["#swagger"] if name == "docs" else []))
        if report:
            found[name] = report
    assert not found, "\n".join(f"{name}: {text}" for name, text in found.items())


@pytest.mark.parametrize("width", [360, 390, 768, 1440])
def test_nothing_is_wider_than_its_window(browser, site, width):
    browser.expected.append("404")
    for name, path in pages(site).items():
        if name == "docs":
            continue
        browser.size(width, 800)
        browser.open(site.url + path)
        settle(browser, name)
        assert browser.overflow() <= 0, name
        browser.js("document.documentElement.style.fontSize = '200%'")
        assert browser.overflow() <= 0, f"{name}, its text at 200 %"


def test_the_home_page_is_light_and_still(browser, site):
    browser.open("about:blank")
    browser.cdp("Page.addScriptToEvaluateOnNewDocument", source="""
        window.shift = 0;
        new PerformanceObserver((list) => { for (const e of list.getEntries())
          if (!e.hadRecentInput) window.shift += e.value; }).observe({type: 'layout-shift', buffered: true})""")
    browser.open(site.url + "/")
    browser.wait_enabled("#submit")
    facts = browser.facts()
    print(facts)
    assert facts["transferred"] < 150_000 and facts["decoded"] < 150_000
    assert facts["foreign"] == []
    assert [url.rsplit("/", 1)[1] for url in facts["blocking"]] == ["style.css"]
    place(browser, site)
    wait_delivered(browser)
    assert browser.js("return window.shift") < 0.1


def test_the_keyboard_is_enough(browser, site):
    from selenium.webdriver.common.keys import Keys
    browser.open(site.url + "/")
    browser.wait_enabled("#submit")
    body = browser.find("body")
    body.send_keys(Keys.TAB)
    assert browser.js("return document.activeElement.className") == "skip"
    browser.find("#quantity").send_keys(Keys.ENTER)
    browser.wait_text("#tracker [data-confirmation]", "Order placed")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_pictures_of_each_page(browser, site, artefacts, size, scheme):
    browser.expected.append("404")
    browser.size(*SIZES[size], scheme)
    for name, path in pages(site).items():
        browser.open(site.url + path)
        settle(browser, name)
        if name == "home":
            browser.screenshot(artefacts / f"home-first-{size}-{scheme}.png")
            place(browser, site)
            for button in ("#waiter-start", "#coffee-start"):
                browser.click(button)
            browser.wait_text("#coffee-summary", "instead of")
            browser.scroll_to("#phone-call")
            browser.wait_text("#chat-connection", "On the line")
            browser.type("#chat-text", "Is it spicy?")
            browser.click("#chat-send")
            browser.scroll_to("#monitor")
            wait_delivered(browser)
            browser.eventually(lambda: len(browser.all("#charts canvas")) == 4, "the charts")
            browser.wait_text("#m-connection", "Live")
        browser.screenshot(artefacts / f"{name}-{size}-{scheme}.png")
