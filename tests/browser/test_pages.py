"""An order and each exhibit of the home page, as a visitor meets them."""
import pytest

from visit import UNKNOWN, place, wait_delivered, wait_drawn


# ---- ordering -----------------------------------------------------------------------------------

def test_an_order_is_placed_and_seen_delivered(browser, site):
    id_ = place(browser, site)
    browser.wait_text("#shop-wire .wire-body", "Order placed successfully!")
    wait_delivered(browser)
    browser.wait_text("#tracker [data-confirmation]", "It has arrived")
    order = site.http.order(id_)
    assert (order["item"], order["quantity"]) == ("Curry", 2)
    assert browser.text("#tracker [data-title]") == "2 × Curry, The Spicy Spoon, $25.00"
    for drawing in ("[data-steps] li", "[data-tiffin] .tier"):
        assert len(browser.all(f"#tracker {drawing}.done")) == 5, drawing
    assert browser.text("#tracker [data-payment]") == "Paid"
    assert browser.text("#tracker [data-kitchen]") == "Accepted"
    assert not browser.find("#tracker [data-cancel]").is_displayed()
    # The shopping exhibit has the same, as a drawing.
    browser.wait_text("#shop-summary", "Confirmed in")
    wait_drawn(browser, order)
    assert "Idempotency-Key" in browser.js("""
        let copied; navigator.clipboard.writeText = async (text) => { copied = text; };
        document.querySelector('#shop-wire button').click(); return copied""")


def test_a_reload_keeps_the_order(browser, site):
    id_ = place(browser, site)
    browser.wait_text("#tracker [data-payment]", "Paid")
    browser.driver.refresh()
    browser.wait_text("#shop-summary", "placed before")
    wait_delivered(browser)
    wait_drawn(browser, site.http.order(id_))
    # After the end nothing is opened: a reload reads the order, and no stream.
    browser.driver.refresh()
    wait_delivered(browser)
    assert browser.js("return performance.getEntriesByType('resource')"
                      ".filter((r) => r.name.includes('live-status')).length") == 0


def test_an_order_can_be_cancelled(browser, site):
    with site.stack.frozen("worker"): # or the kitchen might be quicker than this test
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
    browser.wait_text("#tracker [data-confirmation]", "no order with this link")


def test_the_form_says_what_the_server_says(browser, site):
    browser.expected += ["422", "429"]
    browser.open(site.url + "/")
    browser.wait_enabled("#submit")
    browser.js("document.querySelector('#item option').value = 'Stone soup';"
               "document.querySelector('#order-form').noValidate = true;"
               "document.querySelector('#order-form').requestSubmit()")
    browser.wait_text("#form-message", "not on the menu")


# What a page asks for, noted before its own scripts run.
NOTING = """
    window.asked = [];
    const ask = window.fetch;
    window.fetch = (url, options = {}) => {
      asked.push({ url, cache: options.cache, key: options.headers?.["Idempotency-Key"] });
      return ask(url, options);
    };
    window.opened = [];
    const Real = window.EventSource;
    window.EventSource = class extends Real {
      constructor(url) {
        super(opened.push(url) <= (window.refused ?? 0) ? "/nowhere" : url);
      }
    };"""


def note(browser, more=""):
    browser.cdp("Page.addScriptToEvaluateOnNewDocument", source=NOTING + more)


def keys(browser):
    return browser.js("return asked.filter((a) => a.url === '/order').map((a) => a.key)")


def test_a_lost_answer_places_one_order(browser, site):
    placed = site.http.status()["orders"]["placed"]
    note(browser, """
        const noted = window.fetch;
        window.fetch = async (url, options) => {
          const answer = await noted(url, options);
          if (url === "/order" && asked.filter((a) => a.url === url).length === 1) throw new TypeError("lost");
          return answer;
        };""")
    place(browser, site)
    wait_delivered(browser)
    first, second = keys(browser)
    assert first == second and len(first) >= 16
    assert site.http.status()["orders"]["placed"] == placed + 1
    browser.click("#submit")
    browser.eventually(lambda: len(keys(browser)) == 3, "another order")
    assert keys(browser)[2] != first
    assert {a["cache"] for a in browser.js("return asked")} == {"no-store"}


def test_too_many_requests(browser, limited_site):
    site = limited_site
    browser.expected.append("429")
    note(browser, """
        window.crowd = () => {
          let isFull = false, isSent = false;
          const one = () => ask("/status").then((answer) => {
            if (answer.status === 429) isFull = true;
            else if (isFull && !isSent) { // the one of this second: in the rest of it nobody is let in
              isSent = true;
              document.querySelector("#order-form").requestSubmit();
            }
            return window.isCrowded && one();
          });
          window.isCrowded = true;
          for (let i = 0; i < 5; i++) one();
        };""")
    browser.open(site.url + "/")
    browser.wait_enabled("#submit")
    browser.js("crowd()")
    browser.wait_text("#form-message", "Too many requests")
    browser.js("window.isCrowded = false")
    browser.wait_text("#tracker [data-confirmation]", "Order placed")
    wait_delivered(browser)
    assert browser.text("#form-message") == ""
    assert len(keys(browser)) > 1 and len(set(keys(browser))) == 1
    answer = browser.eventually(lambda: (a := site.http.get("/status")).status == 200 and a,
                                "a second with room for us")
    assert answer.json["orders"]["placed"] == 1


def test_a_stream_that_was_given_up_is_started_again(browser, site):
    browser.expected += ["404", "EventSource"]
    note(browser, "window.refused = 2;") # answered 404, after which a browser never comes back
    place(browser, site)
    wait_delivered(browser)
    opened = browser.js("return opened.length")
    assert opened >= 3
    # After the end nothing opens it again.
    browser.js("for (const [who, what] of [[document, 'visibilitychange'], [window, 'online'], "
               "[window, 'pageshow']]) who.dispatchEvent(new Event(what))")
    assert browser.js("return opened.length") == opened


HIDE = ("Object.defineProperty(document, 'hidden', {configurable: true, get: () => true});"
        "document.dispatchEvent(new Event('visibilitychange'))")
SHOW = "delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))"


def test_a_hidden_page_holds_no_stream(browser, site):
    with site.stack.frozen("worker"): # or it might be delivered before it is looked at
        place(browser, site)
        browser.wait_text("#tracker [data-connection]", "Live")
        browser.js(HIDE)
        browser.wait_text("#tracker [data-connection]", "Paused")
        browser.eventually(lambda: site.http.status()["live"]["sse"] == 0, "no stream open")
    browser.js(SHOW)
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

    def is_in_the_order_of_the_waits():  # on a busy machine not each time
        browser.wait_enabled("#coffee-start")
        browser.click("#coffee-start")
        browser.wait_text("#coffee-summary", "instead of")
        shares = browser.js("return ['info', 'menu', 'reviews'].map((p) => Number(document.getElementById("
                            "`coffee-${p}`).style.getPropertyValue('--share')))")
        return 0 < shares[0] <= shares[1] <= shares[2] < 1
    browser.eventually(is_in_the_order_of_the_waits, "the longer the wait, the longer its bar")


def test_a_dish_of_the_menu_is_ordered_at_once(browser, site):
    browser.open(site.url + "/")
    browser.eventually(lambda: len(browser.all("#shop-menu button")) == 10, "the menu")
    browser.click("#shop-menu li:nth-child(2) button")
    browser.wait_text("#shop-summary", "Confirmed in")
    browser.wait_text("#shop-wire .wire-body", "order_id")
    wait_delivered(browser)
    assert browser.text("#tracker [data-title]").startswith("1 × Naan")


def test_the_ticker_after_hanging_up(browser, site):
    with site.stack.frozen("worker"): # or it might be delivered before we hang up
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
    browser.eventually(lambda: any("Grace" in li.text and "<b>Ça brûle</b> 🌶" in li.text
                                   for li in browser.all("#chat-log .theirs")), "what Grace says")
    browser.type("#chat-text", "Only a little.")
    browser.click("#chat-send")
    browser.wait_text("#chat-present", "2 people")
    browser.use(second)
    browser.eventually(lambda: any("Only a little." in li.text for li in browser.all("#chat-log .theirs")),
                       "the answer")
    browser.eventually(lambda: not browser.all("#chat-log .pending"), "it was acknowledged")
    browser.type("#update-text", "Riders are late.")
    browser.click("#update-send")
    browser.eventually(lambda: any("Riders are late." in li.text for li in browser.all("#chat-log .update")),
                       "the update")
    browser.wait_text("#update-note", "Accepted (202)")
    browser.driver.close()
    browser.use(first)
    browser.wait_text("#chat-present", "alone")


def test_a_page_hidden_for_a_minute_hangs_up_and_misses_nothing(browser, site):
    browser.cdp("Page.addScriptToEvaluateOnNewDocument", source="""
        const real = window.setTimeout; // a minute, in no time
        window.setTimeout = (f, ms, ...more) => real(f, ms === 60000 ? 0 : ms, ...more);""")
    browser.open(site.url + "/#phone-call")
    browser.wait_text("#chat-connection", "On the line")
    browser.js(HIDE)
    browser.wait_text("#chat-connection", "Paused")
    browser.eventually(lambda: site.http.status()["live"]["ws"] == 0, "no socket open")
    assert site.http.post("/new-update-and-broadcast", data={"message": "Sunny again."}).status == 202
    browser.eventually(lambda: not any(site.http.status()["jobs"].values()), "the update, broadcast")
    browser.js(SHOW)
    browser.wait_text("#chat-log", "Connected again")
    assert [li.text.splitlines()[-1] for li in browser.all("#chat-log .update")].count("Sunny again.") == 1


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
    browser.eventually(lambda: site.http.status()["live"]["sse"] == 0, "no stream open")


TOLD = """
    const Real = window.EventSource;
    window.EventSource = class extends Real {
      set onmessage(f) {
        super.onmessage = ({ data }) => f({ data: JSON.stringify({ ...JSON.parse(data), ...window.told }) });
      }
    };"""
MB = 1024 * 1024


@pytest.mark.parametrize("told, health, memory", [
    ({"memory": {"used_bytes": 450 * MB, "max_bytes": 512 * MB, "refusing_orders": True}, "status": "degraded"},
     "new orders are refused", "450 of 512\u00a0MB"),
    ({"memory": {"used_bytes": 3.14 * MB, "max_bytes": 0, "refusing_orders": False}}, "All is well", "3.1\u00a0MB"),
    ({"memory": None, "status": "degraded"}, "Not all is well", None),
])
def test_the_monitor_tells_how_full_the_store_is(browser, site, told, health, memory):
    browser.cdp("Page.addScriptToEvaluateOnNewDocument", source=TOLD)
    browser.open(site.url + "/")
    browser.js("window.told = arguments[0]", told)
    browser.scroll_to("#monitor")
    browser.wait_text("#m-health", health)
    browser.eventually(lambda: browser.find("#m-memory").is_displayed() == bool(memory), "the row")
    if memory:
        assert browser.text("#m-memory") == memory


FEW = """
    const Real = window.EventSource;
    window.events = 0;
    window.EventSource = class extends Real {
      set onmessage(f) {
        super.onmessage = (event) => { if (window.events < MOST) { window.events++; f(event); } };
      }
    };
    let uPlot_;
    window.plots = [];
    Object.defineProperty(window, "uPlot", {
      get: () => uPlot_,
      set(uPlot) {
        uPlot_ = function (...args) {
          plots.push(new uPlot(...args));
          return plots.at(-1);
        };
      },
    });"""


@pytest.mark.parametrize("events", [0, 1])
def test_the_time_axis_before_the_second_event(browser, site, events):
    """It is five minutes wide from the first: one sample alone says nothing of its width."""
    browser.cdp("Page.addScriptToEvaluateOnNewDocument", source=FEW.replace("MOST", str(events)))
    browser.open(site.url + "/")
    browser.scroll_to("#monitor")
    browser.eventually(lambda: browser.js("return plots.length") == 4 and
                       browser.js("return window.events") == events, "four charts")
    width = "return plots.map(({ scales: { x } }) => Math.round(x.max - x.min))"
    browser.eventually(lambda: browser.js(width) == [300] * 4, f"five minutes, not {browser.js(width)} s")


def test_the_charts_can_be_missing(browser, site):
    browser.expected.append("uPlot")
    browser.cdp("Network.enable")
    browser.cdp("Network.setBlockedURLs", urls=["*uPlot*"])
    browser.open(site.url + "/")
    browser.scroll_to("#monitor")
    browser.eventually(lambda: browser.find("#charts-missing").is_displayed(), "the notice")
    browser.wait_text("#m-connection", "Live")
