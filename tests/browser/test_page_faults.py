"""The pages while something dies under them: they recover by themselves and lose nothing."""
import pytest

from visit import place, wait_delivered

# What Chromium itself writes when a request fails or a line breaks.
BROKEN = ["Failed to load resource", "WebSocket connection to", "net::ERR_"]


@pytest.fixture
def site(own_site):
    return own_site


@pytest.fixture
def page(browser, site):
    browser.expected += BROKEN
    browser.open(site.url + "/")
    browser.wait_enabled("#submit")
    return browser



def check_delivered_once(browser, site, id_, placed):
    wait_delivered(browser)
    order = site.http.order(id_)
    assert order["status"] == "delivered"
    browser.eventually(lambda: len(browser.all("#shop-lines .done")) == len(order["history"]),
                       "every step, drawn")
    assert site.http.status()["orders"]["placed"] == placed


def call(browser):
    browser.scroll_to("#phone-call")
    browser.wait_text("#chat-connection", "On the line")


def say(browser, text):
    browser.wait_enabled("#chat-send")
    browser.type("#chat-text", text)
    browser.click("#chat-send")


def lines(browser):
    return browser.js("return [...document.querySelectorAll('#chat-log .mine:not(.pending) p:last-child')]"
                      ".map((p) => p.textContent)")


@pytest.mark.parametrize("service", ["api", "nginx", "worker"])
def test_a_killed_process(page, site, service):
    placed = site.http.status()["orders"]["placed"]
    with site.stack.frozen("worker"): # or it might be delivered before it is watched
        id_ = place(page, site)
        page.wait_text("#tracker [data-connection]", "Live")
    site.stack.kill(service)
    check_delivered_once(page, site, id_, placed + 1)


def test_an_order_while_the_api_is_away(page, site):
    placed = site.http.status()["orders"]["placed"]
    with site.stack.without("api"):
        page.click("#submit")
        page.wait_text("#form-message", "Sending the same order again")
        page.wait_text("#banner p", "does not answer")
    id_ = page.eventually(lambda: page.js("return sessionStorage.getItem('tiffin-order')"), "the id")
    check_delivered_once(page, site, id_, placed + 1)
    page.eventually(lambda: not page.find("#banner").is_displayed(), "the banner to go")


def test_redis_goes_and_comes_back(page, site):
    placed = site.http.status()["orders"]["placed"]
    id_ = place(page, site)
    page.wait_text("#tracker [data-payment]", "Paid")
    with site.stack.without("redis"):
        page.scroll_to("#monitor")
        page.wait_text("#banner p", "order store is away")
        page.wait_text("#m-health", "away")
    page.wait_text("#m-health", "All is well")
    check_delivered_once(page, site, id_, placed + 1)
    page.eventually(lambda: not page.find("#banner").is_displayed(), "the banner to go")


def test_a_page_opened_while_redis_is_away(browser, site):
    browser.expected += BROKEN
    with site.stack.without("redis"):
        browser.open(site.url + "/")
        browser.wait_text("#banner p", "order store is away")
        assert not browser.find("#submit").is_enabled()
    browser.wait_enabled("#submit")


def test_an_order_page_opened_while_redis_is_away(browser, site):
    browser.expected += BROKEN
    id_ = site.http.place().json["order_id"]
    with site.stack.without("redis"):
        browser.open(f"{site.url}/track/{id_}")
        browser.wait_text("#banner p", "order store is away")
    wait_delivered(browser)


def test_the_chat_survives_its_bridge(page, site):
    call(page)
    page.type("#chat-name", "Ada")
    say(page, "before")
    page.eventually(lambda: lines(page) == ["before"], "the first message")
    with site.stack.without("ws"):
        page.wait_text("#chat-connection", "calling again")
        assert not page.find("#chat-send").is_enabled()
    say(page, "after")
    page.eventually(lambda: lines(page) == ["before", "after"], "both, once and in order")
    page.eventually(lambda: not page.all("#chat-log .pending"), "all of it acknowledged")


def test_the_chat_survives_redis(page, site):
    call(page)
    page.type("#chat-name", "Grace")
    with site.stack.without("redis"):
        page.wait_text("#banner p", "order store is away")
        # The line itself still stands: what is said now waits until it can be heard.
        say(page, "meanwhile")
        page.wait_text("#chat-log", "your message waits")
    page.eventually(lambda: lines(page) == ["meanwhile"], "what was said meanwhile")
    say(page, "afterwards")
    page.eventually(lambda: lines(page) == ["meanwhile", "afterwards"], "both, once and in order")
    page.eventually(lambda: not page.all("#chat-log .pending"), "all of it acknowledged")


def test_offline(page, site):
    page.cdp("Network.enable")
    page.cdp("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=-1,
             uploadThroughput=-1)
    page.wait_text("#banner p", "You are offline")
    page.cdp("Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1,
             uploadThroughput=-1)
    page.wait_text("#banner p", "All is well again")
