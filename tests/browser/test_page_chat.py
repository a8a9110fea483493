"""The chat's own messages: what is refused stands on the page, everything else is said."""
import pytest

from tiffin_site import running
from test_page_faults import BROKEN, call, lines


@pytest.fixture(scope="module")
def narrow_site():
    """One whose chat takes short messages only."""
    yield from running(CHAT_MAX_BYTES=256)


def say_at_once(browser, *texts):
    browser.wait_enabled("#chat-send")
    browser.js("""for (const text of arguments[0]) {
        document.querySelector("#chat-text").value = text;
        document.querySelector("#chat-form").requestSubmit();
      }""", texts)


def test_of_several_messages_the_long_one_is_refused(browser, narrow_site):
    browser.open(narrow_site.url + "/")
    call(browser)
    long = "ü" * 150
    browser.expected += BROKEN
    with narrow_site.stack.frozen("redis"):  # so none of them is accepted when the line is closed
        say_at_once(browser, "first", long, "last")
        browser.eventually(lambda: browser.all("#chat-log .refused"), "a refusal")
    browser.eventually(lambda: len(browser.all("#chat-log .mine:not(.pending, .refused)")) == 2, "the others")
    heard = browser.js("return [...document.querySelectorAll('#chat-log .mine:not(.refused) p:last-child')]"
                       ".map((p) => p.textContent)")
    assert heard == ["first", "last"]
    refused = browser.text("#chat-log .refused")
    assert long in refused and "not said: too long" in refused
    # And it is not tried again.
    say_at_once(browser, "afterwards")
    browser.wait_text("#chat-log .mine:not(.pending, .refused):last-of-type", "afterwards")
    assert len(browser.all("#chat-log .refused")) == 1 and not browser.all("#chat-log .pending")


def test_control_characters_are_not_said(browser, site):
    browser.open(site.url + "/")
    call(browser)
    browser.js("document.querySelector('#chat-name').value = 'A\\u0007da'")
    say_at_once(browser, "a\x1b[2Jb\x00c\x07\x85d")
    browser.eventually(lambda: lines(browser) == ["a [2Jb c d"], "what can be seen of it")
