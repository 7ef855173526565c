"""The payment page in Chromium: paid by keyboard and pointer, readable by everyone."""

import pytest
from playwright.sync_api import expect

from tests.billing.loopback.driver import line
from tests.support.browser import accessibility_problems

SIZES = {"desktop": (1280, 800), "phone": (375, 740), "narrow": (320, 640)}


@pytest.fixture
def browser(chromium):
    """One browser window; what the page complains about fails the test."""
    context = chromium.new_context()
    page = context.new_page()
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert [text for text in complaints if "status of 4" not in text] == []


@pytest.fixture
def open_session(loopback, shop):
    """Open a session that leads back to the shop."""

    def begin(**changes):
        addresses = {"success_url": f"{shop.origin}/paid?s={{CHECKOUT_SESSION_ID}}"}
        return loopback.session(**addresses, cancel_url=f"{shop.origin}/back", **changes)

    return begin


def test_a_payer_pays_with_the_prefilled_card(open_session, loopback, browser, shop):
    session = open_session()
    browser.goto(session.url)

    expect(browser.get_by_label("Card number")).to_have_value("4242 4242 4242 4242")
    expect(browser.get_by_label("Expiry")).to_have_value("12/34")
    browser.get_by_label("Email").fill("ann@acme.example")
    browser.get_by_label("Name on card").fill("Ann")
    browser.get_by_role("button", name="Pay €50.00").click()

    browser.wait_for_url(f"{shop.origin}/paid?s={session.id}")
    found = loopback.client.v1.checkout.sessions.retrieve(session.id)
    assert found.payment_status == "paid"


def test_the_keyboard_alone_is_enough(open_session, browser, shop):
    session = open_session()
    browser.goto(session.url)

    browser.keyboard.press("Tab")
    expect(browser.get_by_role("link", name="Back to Tessera")).to_be_focused()
    browser.keyboard.press("Tab")
    browser.keyboard.type("ann@acme.example")
    browser.keyboard.press("Enter")

    browser.wait_for_url(f"{shop.origin}/paid**")


def test_a_double_click_pays_once(open_session, loopback, browser, shop):
    session = open_session(customer_email="ann@acme.example")
    browser.goto(session.url)

    browser.get_by_role("button", name="Pay €50.00").dblclick()

    browser.wait_for_url(f"{shop.origin}/paid**")
    assert len(loopback.client.v1.charges.list().data) == 1


def test_a_payer_may_change_their_mind(open_session, browser, shop):
    browser.goto(open_session().url)

    browser.get_by_role("link", name="Back to Tessera").click()

    browser.wait_for_url(f"{shop.origin}/back")


def test_a_declined_card_then_3d_secure_then_paid(open_session, browser, shop):
    browser.goto(open_session(customer_email="ann@acme.example").url)

    browser.get_by_label("Card number").fill("4000 0000 0000 0002")
    browser.get_by_role("button", name="Pay €50.00").click()
    expect(browser.get_by_role("alert")).to_contain_text("Your card was declined.")
    browser.get_by_label("Card number").fill("4000 0000 0000 3220")
    browser.get_by_role("button", name="Pay €50.00").click()
    browser.get_by_role("button", name="Approve").click()

    browser.wait_for_url(f"{shop.origin}/paid**")


def test_a_bank_debit_shows_its_own_fields(open_session, browser, shop):
    browser.goto(open_session(customer_email="ann@acme.example").url)
    expect(browser.get_by_label("IBAN")).to_be_hidden()

    browser.get_by_label("SEPA Direct Debit").check()

    expect(browser.get_by_label("Card number")).to_be_hidden()
    expect(browser.get_by_label("IBAN")).to_be_visible()
    browser.get_by_role("button", name="Pay €50.00").click()
    browser.wait_for_url(f"{shop.origin}/paid**")


def test_a_mistake_takes_the_payer_to_its_field(open_session, browser):
    browser.goto(open_session().url)
    browser.get_by_label("CVC").fill("")

    browser.get_by_role("button", name="Pay €50.00").click()

    expect(browser).to_have_title("Error: Tessera – simulated payment")  # noqa: RUF001
    expect(browser.get_by_label("Email")).to_be_focused()
    expect(browser.get_by_label("CVC")).to_have_accessible_description(
        "The security code has 3 or 4 digits."
    )


@pytest.mark.parametrize(
    ("size", "scheme"),
    [("desktop", "light"), ("desktop", "dark"), ("phone", "dark"), ("narrow", "light")],
)
def test_every_page_is_accessible_and_fits(open_session, loopback, browser, size, scheme):
    browser.set_viewport_size(dict(zip(("width", "height"), SIZES[size], strict=True)))
    browser.emulate_media(color_scheme=scheme)
    problems, widths = [], []

    def look():
        problems.extend(accessibility_problems(browser))
        widths.append(browser.evaluate("document.documentElement.scrollWidth - innerWidth"))

    session = open_session(line_items=[line(4900, 2), line(1, 1)])
    browser.goto(session.url)
    browser.get_by_text("Test numbers and what they do").click()
    look()
    browser.get_by_label("Card number").fill("4000 0000 0000 3220")
    browser.get_by_role("button", name="Pay").click()
    expect(browser.get_by_role("alert")).to_be_visible()
    look()
    browser.get_by_label("Email").fill("ann@acme.example")
    browser.get_by_role("button", name="Pay").click()
    expect(browser.get_by_role("button", name="Deny")).to_be_visible()
    look()
    loopback.client.v1.checkout.sessions.expire(session.id)
    browser.goto(session.url)
    look()

    assert problems == []
    assert widths == [0, 0, 0, 0]
