"""/docs, where each operation can be tried out."""
import re

from visit import open_page, place

ANSWERS = {"Orders-placeOrder": "order_id", "System-getStatus": "uptime_s",
           "Restaurants-getMenu": "price_cents", "Exhibits-waiter": "one_at_a_time_ms",
           "Orders-getOrder": "history", "Orders-followOrder": "payment_status",
           "System-liveMonitor": "this page hung up after 5 s"}


def test_docs_try_it_out(browser, site):
    """Every operation, as it stands and under our Content-Security-Policy, answers as it says that it does.
    On a phone, where what is open and answered has the least room."""
    browser.expected += ["404", "409", "426"]
    browser.size(360, 900)
    open_page(browser, site, "docs")
    operations = browser.js("return [...document.querySelectorAll('.opblock')].map((o) => o.id)")
    assert len(operations) >= 17
    for id_ in operations:
        name = id_.removeprefix("operations-")
        block = f"[id='{id_}']"
        browser.click(f"{block} .opblock-summary-control")
        browser.eventually(lambda: browser.all(f"{block} .execute"), f"{name}: the button")
        if name == "Orders-cancelOrder":
            assert site.http.follow(placed)[-1].type == "end"
        browser.click(f"{block} .execute")
        status = browser.eventually(
            lambda: browser.text(f"{block} .live-responses-table .response .response-col_status"),
            f"{name}: an answer")
        assert "Undocumented" not in status, (name, status)
        # Too late to cancel; and a page cannot ask for a WebSocket so.
        wanted = {"Orders-cancelOrder": "409", "Chat-supportChat": "426"}.get(name, "2")
        assert status.startswith(wanted), (name, status)
        if name in ANSWERS:
            browser.wait_text(f"{block} .live-responses-table .response", ANSWERS[name])
        if name == "Orders-placeOrder":
            placed = re.search(r"order_[0-9a-z]{22,}", browser.text(f"{block} .live-responses-table"))[0]
            # One that every visitor sends would give each the order of the first.
            assert "Idempotency-Key" not in browser.text(f"{block} .curl-command")
        elif name.startswith("Orders-"):
            assert placed in browser.text(f"{block} .request-url")
        assert browser.overflow() <= 0, name
        browser.click(f"{block} .opblock-summary-control")
    assert {f"operations-{name}" for name in ANSWERS} <= set(operations)


def test_docs_begin_with_the_order_of_this_tab(browser, site):
    id_ = place(browser, site)
    browser.open(site.url + "/docs#/Orders/getOrder")
    field = "[id='operations-Orders-getOrder'] tr[data-param-name='order_id'] input"
    browser.eventually(lambda: browser.find(field).get_attribute("value") == id_, "its id")
