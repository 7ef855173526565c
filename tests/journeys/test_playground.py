"""Somebody talks with models in the browser, and finds on the bill what the page said."""

import re

import pytest
from playwright.sync_api import expect

from tests.journeys import steps
from tests.journeys.walk import look
from tests.support.browser import take_picture

pytestmark = pytest.mark.timeout(240)

PAGE = "/o/northwind-ai/playground/"
TOOL = (
    """[{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]"""
)


@pytest.fixture
def page(site, signed_in):
    """The playground of a startup that has bought tokens."""
    page = signed_in("founder@startup.example")
    if "playground" not in site.filled:
        steps.buy(page, "northwind-ai", "Starter")
        site.filled.add("playground")
    page.goto(f"{PAGE}?model=atlas-mini")
    return page


def ask(page, text):
    """Type a question and send it as most people do."""
    page.get_by_label("Your message").fill(text)
    page.keyboard.press("Enter")


def test_a_question_is_answered_and_paid(page):
    ask(page, "What is a tessera?")

    link = page.get_by_role("link", name="See the request")
    expect(link).to_be_visible()
    meter = page.locator(".turn-meter")
    counted = re.search(r"(\d+) in, (\d+) out", meter.inner_text())
    expect(page.get_by_label("Your message")).to_be_focused()
    assert look(page, "playground-answered") == []
    link.click()
    expect(page.get_by_role("main")).to_contain_text(counted[1])
    expect(page.get_by_role("main")).to_contain_text(counted[2])


def test_two_models_answer_side_by_side_and_the_talk_is_kept(page):
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("combobox", name="Second model").select_option("atlas-large")
    ask(page, "Compare yourselves")
    expect(page.get_by_role("link", name="See the request")).to_have_count(2)
    assert look(page, "playground-compared") == []
    take_picture(page, "playground")

    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_role("link", name="Compare yourselves")).to_be_visible()
    page.reload()

    expect(page.locator(".turn-user").get_by_text("Compare yourselves")).to_have_count(2)
    page.get_by_role("button", name="Delete “Compare yourselves”").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("“Compare yourselves” is deleted.")).to_be_visible()


def test_what_is_wrong_in_the_settings_is_said_beside_it(page):
    page.get_by_label("Temperature").fill("3")
    ask(page, "Hello")

    expect(page.get_by_text("This is no number from 0 to 2.")).to_be_visible()
    expect(page.get_by_label("Temperature")).to_be_focused()
    expect(page.locator(".turn")).to_have_count(0)
    page.get_by_label("Temperature").fill("0.5")
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Tools").fill("no list")
    ask(page, "Hello")
    expect(page.get_by_text("This is no JSON list of tools.")).to_be_visible()
    assert look(page, "playground-mistake") == []


def test_the_settings_as_code(page):
    page.get_by_label("What the model is told first").fill("Be short")
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Tools").fill(TOOL)

    page.get_by_role("button", name="View code").click()
    page.get_by_role("dialog").get_by_role("tab", name="Python").click()

    code = page.get_by_role("dialog").get_by_role("region", name="Python")
    expect(code).to_contain_text('"content": "Be short"')
    expect(code).to_contain_text('"name": "weather"')
    assert look(page, "playground-code") == []


def test_a_text_that_another_window_replaced_is_asked_for_again(page, signed_in):
    ask(page, "First")
    expect(page.get_by_role("link", name="See the request")).to_have_count(1)
    other = signed_in("founder@startup.example")
    other.goto(PAGE)
    ask(other, "Meanwhile")
    expect(other.get_by_role("link", name="See the request")).to_have_count(1)
    # So long a gateway may remember the text that was replaced.
    page.wait_for_timeout(5_000)

    ask(page, "Second")

    expect(page.get_by_role("link", name="See the request")).to_have_count(2)


def test_a_refusal_says_why_and_gives_the_question_back(page):
    refused = {"error": {"message": "Your balance is used up.", "code": "insufficient_funds"}}
    page.route("**/v1/chat/completions", lambda it: it.fulfill(status=402, json=refused))

    ask(page, "Anybody there?")

    expect(page.get_by_role("alert")).to_have_text("Your balance is used up.")
    expect(page.get_by_label("Your message")).to_have_value("Anybody there?")
    page.unroute("**/v1/chat/completions")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="See the request")).to_be_visible()


def test_an_answer_that_does_not_come_is_stopped(page):
    # Held for as long as the test lasts.
    page.route("**/v1/chat/completions", lambda _held: None)
    page.get_by_label("Your message").fill("Tell me a long story")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("button", name="Stop").click()

    expect(page.get_by_text("Stopped. What came before is paid.")).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    expect(page.get_by_label("Your message")).to_have_value("Tell me a long story")


def test_a_long_answer_is_stopped_on_its_way(page):
    page.get_by_label("Your message").fill("Tell me a long story")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("You asked")).to_be_visible()
    page.get_by_role("button", name="Stop").click()

    expect(page.get_by_text("Stopped. What came before is paid.")).to_be_visible()
    expect(page.get_by_text("a simulator.")).to_be_hidden()


def test_without_scripts_the_same_call_stands_there_as_code(signed_in):
    page = signed_in("founder@startup.example", java_script_enabled=False)
    page.goto(PAGE)

    expect(page.get_by_text("Talking in the browser needs JavaScript")).to_be_visible()
    expect(page.get_by_text("client.chat.completions.create").first).to_be_visible()
    expect(page.get_by_label("Your message")).to_be_hidden()
