"""What was asked for once happens once: over lost answers, reloads, hasty hands, any mix of buttons."""
import json

import pytest
from selenium.webdriver.common.action_chains import ActionChains

from chromium import Keys
from visit import wait_delivered

# Notes every POST. While `lose` is set the server gets them, and the page gets nothing; `instead` is
# what the page gets, and the server nothing. The waits between two tries are short.
LOSING = """
    window.posted = [];
    window.lose = false;
    const ask = window.fetch;
    window.fetch = async (url, options = {}) => {
      if (options.method !== "POST") return ask(url, options);
      posted.push({ url, key: options.headers["Idempotency-Key"], json: JSON.parse(options.body) });
      if (window.instead) return new Response(...window.instead);
      const answer = await ask(url, options);
      if (window.lose) throw new TypeError("lost");
      return answer;
    };
    const wait = window.setTimeout;
    window.setTimeout = (f, ms, ...more) => wait(f, ms / 20, ...more);"""
PROMISE = "never placed twice"


@pytest.fixture
def page(browser, site):
    browser.cdp("Page.addScriptToEvaluateOnNewDocument", source=LOSING)
    load(browser, site)
    return browser


def load(browser, site):
    browser.open(site.url + "/")
    browser.eventually(lambda: browser.all("#shop-menu button"), "the menu")
    browser.wait_enabled("#submit")


def placed(site):
    return site.http.status()["orders"]["placed"]


def posted(browser, path="/order"):
    return browser.js("return posted.filter((p) => p.url === arguments[0])", path)


def press_form(browser):
    browser.choose("#item", "Curry")
    browser.type("#quantity", "1")
    browser.click("#submit")


def press_chip(browser, n=1):
    browser.click(f"#shop-menu li:nth-child({n}) button")


def lose(browser, press):
    """Orders, and gets no answer at all."""
    browser.js("window.lose = true")
    press(browser)
    browser.wait_text("#form-message", PROMISE)
    browser.js("window.lose = false")


def wait_placed(browser):
    return browser.eventually(lambda: browser.js("return sessionStorage.getItem('tiffin-order')"),
                              "the order's id")


# ---- lost answers --------------------------------------------------------------------------------

@pytest.mark.parametrize("first, second", [(press_chip, press_chip), (press_chip, press_form),
                                           (press_form, press_chip), (press_form, press_form)])
@pytest.mark.parametrize("is_reloaded", [False, True])
def test_the_same_again_after_a_lost_answer(page, site, first, second, is_reloaded):
    before = placed(site)
    with site.stack.frozen("worker"):  # or the order might have arrived before we look
        lose(page, first)
        tries = posted(page)
        assert len(tries) == 5 and placed(site) == before + 1
        if is_reloaded:
            page.driver.refresh()
            page.eventually(lambda: page.all("#shop-menu button"), "the menu")
            page.wait_text("#form-message", "No answer has come to your order of 1 × Curry, The Spicy Spoon")
        second(page)
        id_ = wait_placed(page)
        assert {p["key"] for p in posted(page)} == {p["key"] for p in tries}
        assert placed(site) == before + 1
        # The page says so, and shows the request that was sent.
        page.wait_text("#tracker [data-confirmation]", "already: it was placed then, and not again")
    copied = page.js("""let copied; navigator.clipboard.writeText = async (text) => { copied = text; };
                        document.querySelector('#shop-wire button').click(); return copied""")
    assert f"Idempotency-Key: {tries[0]['key']}" in copied
    wait_delivered(page)
    assert len(page.all("#tracker [data-steps] li.done")) == 5
    # Now it is answered: the same again is another order.
    second(page)
    page.eventually(lambda: wait_placed(page) != id_, "another order")
    assert posted(page)[-1]["key"] != tries[0]["key"] and placed(site) == before + 2


def test_another_choice_has_another_key(page, site):
    before = placed(site)
    lose(page, lambda b: press_chip(b, 2))
    press_form(page)
    wait_placed(page)
    naan, curry = posted(page)[0], posted(page)[-1]
    assert (naan["json"]["item"], curry["json"]["item"]) == ("Naan", "Curry")
    assert naan["key"] != curry["key"]
    press_chip(page, 2)
    page.wait_text("#tracker [data-title]", "Naan")
    assert posted(page)[-1]["key"] == naan["key"]
    assert placed(site) == before + 2


def test_what_the_menu_of_exhibit_three_says(page):
    """The form is out of sight from there."""
    lose(page, press_chip)
    assert PROMISE in page.text("#shop-summary")


def test_an_update_is_read_out_once(page, site):
    def update():
        page.wait_enabled("#update-send")
        page.type("#update-text", "Only\tonce.")
        page.click("#update-send")
    page.js("window.lose = true")
    update()
    page.wait_text("#update-note", "never read out twice")
    page.js("window.lose = false")
    update()
    page.wait_text("#update-note", "already, and is read out once")
    update()
    page.wait_text("#update-note", "Accepted (202)")
    *same, other = [p["key"] for p in posted(page, "/new-update-and-broadcast")]
    assert len(set(same)) == 1 and other not in same


# ---- answers --------------------------------------------------------------------------------------

def answer_instead(browser, status, body, **headers):
    browser.js("window.instead = arguments[0]",
               [body if isinstance(body, str) else json.dumps(body), {"status": status, "headers": headers}])


@pytest.mark.parametrize("status, body, is_final", [
    (422, {"title": "Unprocessable Content", "error": "This Idempotency-Key was used for another request"}, True),
    (404, {"title": "Not Found", "error": "Restaurant not found"}, True),
    (429, {"title": "Too Many Requests", "error": "Too Many Requests", "detail": "Please wait."}, False),
    (408, {"error": "Request Timeout"}, False),
    (425, {"error": "Too Early"}, False),
    (503, {"error": "Service temporarily unavailable"}, False),
    # What a proxy says tells nothing of what the server did.
    (403, "<h1>Sign in to the network</h1>", False),
    (200, "<h1>Sign in to the network</h1>", False),
])
def test_a_key_goes_with_the_last_answer(page, status, body, is_final):
    answer_instead(page, status, body)
    press_chip(page)
    page.eventually(lambda: page.text("#form-message") and page.text("#submit") == "Place the order", "an end")
    assert (PROMISE in page.text("#form-message")) == (not is_final)
    page.js("window.instead = null")
    press_chip(page)
    wait_placed(page)
    keys = [p["key"] for p in posted(page)]
    assert (keys[-1] == keys[0]) == (not is_final)


def test_a_refusal_is_explained(page):
    answer_instead(page, 503, {"title": "Service Unavailable", "error": "Service temporarily unavailable",
                               "detail": "The order store is nearly full. Nothing was stored."})
    press_form(page)
    page.wait_text("#form-message", "Service temporarily unavailable. The order store is nearly full. "
                                    f"Nothing was stored. Order the same again: it is {PROMISE}.")


# ---- hasty hands ----------------------------------------------------------------------------------

def double_click(browser, selector):
    browser.scroll_to(selector)
    ActionChains(browser.driver).double_click(browser.find(selector)).perform()


def enter_and_click(browser):
    browser.scroll_to("#quantity")
    browser.find("#quantity").send_keys(Keys.ENTER)
    browser.js("document.querySelector('#submit').click()")


def enter_held_down(browser):
    browser.scroll_to("#quantity")
    browser.find("#quantity").send_keys(Keys.ENTER * 20)


@pytest.mark.parametrize("press", [
    lambda b: double_click(b, "#submit"),
    lambda b: double_click(b, "#shop-menu button"),
    enter_and_click,
    enter_held_down,
    lambda b: b.js("for (let i = 0; i < 3; i++) document.querySelector('#order-form').requestSubmit()"),
    # The second half of the press comes when the first is answered.
    lambda b: b.driver.execute_async_script("""
        const done = arguments[0], submit = document.querySelector("#submit");
        new MutationObserver((_, self) => {
          if (!sessionStorage.getItem("tiffin-order") || submit.disabled) return;
          self.disconnect();
          submit.click();
          done();
        }).observe(submit, { attributes: true });
        submit.click();"""),
], ids=["double", "double-chip", "enter-click", "enter-held", "in-flight", "quick-server"])
def test_one_press_is_one_order(page, site, press):
    before = placed(site)
    press(page)
    wait_placed(page)
    wait_delivered(page)
    assert placed(site) == before + 1
    assert len(posted(page)) == 1


# ---- storage --------------------------------------------------------------------------------------

def test_without_any_storage(browser, site):
    browser.cdp("Page.addScriptToEvaluateOnNewDocument", source=LOSING + """
        for (const name of ["sessionStorage", "localStorage"]) Object.defineProperty(window, name, {
          get() { throw new DOMException("Access is denied for this document.", "SecurityError"); } });""")
    load(browser, site)
    before = placed(site)
    lose(browser, press_chip)
    browser.wait_text("#form-message", "while this page stays open")
    press_form(browser)
    browser.wait_text("#tracker [data-confirmation]", "not again")
    assert placed(site) == before + 1
    browser.choose("#restaurant", browser.js("return document.querySelector('#restaurant').options[1].value"))
    browser.scroll_to("#phone-call")
    browser.wait_text("#chat-connection", "On the line")
    browser.type("#chat-name", "Ada" + Keys.TAB)


KEY = "0123456789abcdef0123456789abcdef"
CURRY = {"restaurant_id": "resto_123", "item": "Curry", "quantity": 1}


@pytest.mark.parametrize("keys", [
    "", "{", "null", "7", "[[null]]", "[null, 7, {}, []]", '{"length": 3}',
    json.dumps([{"path": "/order", "json": None, "key": KEY, "at": 1e15}]),
    json.dumps([{"path": "/order", "json": CURRY, "key": "no key", "at": 0}]),
    json.dumps([{"path": "/order", "json": CURRY, "key": KEY, "at": "now"}]),
])
def test_garbage_in_the_storage(page, site, keys):
    page.js("sessionStorage.setItem('tiffin-keys', arguments[0]);"
            "localStorage.setItem('tiffin-restaurant', arguments[0]);"
            """localStorage.setItem('tiffin-chat', '{"name": {"a": 1}, "color": 5}')""", keys)
    load(page, site)
    assert page.js("return document.querySelector('#chat-name').value").startswith("Guest")
    press_form(page)
    wait_placed(page)
    assert len(posted(page)) == 1 and posted(page)[0]["key"] != KEY


def test_a_key_that_the_server_forgets(page, site):
    """A day later nobody can tell what became of the order: whether to place another is for a person."""
    page.js("sessionStorage.setItem('tiffin-keys', JSON.stringify([{ path: '/order', json: arguments[0], "
            "key: arguments[1], at: Date.now() - 24 * 3600 * 1000 }]))", CURRY, KEY)
    load(page, site)
    press_form(page)
    page.wait_text("#form-message", "sent a day ago")
    assert posted(page) == []
    press_form(page)
    wait_placed(page)
    assert [p["key"] != KEY for p in posted(page)] == [True]
