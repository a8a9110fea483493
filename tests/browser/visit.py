"""What a visitor does on the pages, for every file of tests."""
UNKNOWN = "order_00" + "a" * 20
PAGES = ["home", "track", "unknown", "nowhere", "docs"]


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


def wait_drawn(browser, order):
    """The shopping exhibit draws by a clock of its own."""
    browser.eventually(lambda: len(browser.all("#shop-lines .done")) == len(order["history"]),
                       "every step, drawn")


def open_page(browser, site, name):
    """Opens it and waits until it has what it begins with."""
    browser.expected.append("404")
    path = {"home": "/", "track": f"/track/{site.delivered()}", "unknown": f"/track/{UNKNOWN}",
            "nowhere": "/nowhere", "docs": "/docs"}[name]
    browser.open(site.url + path)
    if name == "home":
        browser.wait_enabled("#submit")
    elif name == "docs":
        browser.eventually(lambda: browser.all(".opblock"), "the operations")
    elif name != "nowhere":
        browser.eventually(lambda: browser.text("[data-connection]") in ("Delivered", "Not found"),
                           "the order")


def use_everything(browser, site):
    """The home page with something in each of its parts."""
    for button in ("#waiter-start", "#coffee-start"):
        browser.click(button)
    browser.wait_text("#coffee-summary", "instead of")
    place(browser, site)
    browser.scroll_to("#phone-call")
    browser.wait_text("#chat-connection", "On the line")
    browser.type("#chat-text", "Is it spicy?")
    browser.click("#chat-send")
    browser.wait_text("#chat-log", "Is it spicy?")
    wait_delivered(browser)
    browser.scroll_to("#monitor")
    browser.eventually(lambda: len(browser.all("#charts canvas")) == 4, "the charts")
    browser.wait_text("#m-connection", "Live")
