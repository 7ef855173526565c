"""Without a pointer: everything is reached by keys, and one always sees where one is."""

import pytest
from playwright.sync_api import expect

from portal.embedded.launch import wait_until
from tests.journeys import steps

pytestmark = pytest.mark.timeout(240)

#: What has the focus when nobody could tell that it has, else nothing.
HIDDEN_FOCUS = """() => {
  const one = document.activeElement;
  const style = getComputedStyle(one);
  const box = one.getBoundingClientRect();
  const isMarked = style.outlineStyle !== "none" || style.boxShadow !== "none";
  const isSeen = box.width > 0 && box.bottom > 0 && box.top < innerHeight;
  return isMarked && isSeen ? "" : one.outerHTML.slice(0, 200);
}"""
IS_FOCUSED = "(it) => it === document.activeElement"
#: More stops than any of our pages has before its content.
FAR = 60


def tab_to(page, locator):
    """Press Tab until the element has the focus; every stop on the way must show itself."""
    for _press in range(FAR):
        page.keyboard.press("Tab")
        assert page.evaluate(HIDDEN_FOCUS) == ""
        if locator.evaluate(IS_FOCUSED):
            return
    raise AssertionError(f"{locator} was not reached")


def test_a_key_is_made_with_keys_alone(site, window):
    page = window()
    page.goto("/accounts/login/")
    tab_to(page, page.get_by_role("textbox", name="E-mail address"))
    page.keyboard.type("developer@startup.example")
    tab_to(page, page.get_by_role("textbox", name="Password"))
    page.keyboard.type(site.demo["password"])
    page.keyboard.press("Enter")
    page.wait_for_url("**/o/northwind-ai/")

    tab_to(page, page.get_by_role("link", name="API keys"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/keys/")
    tab_to(page, page.get_by_role("link", name="New key").first)
    page.keyboard.press("Enter")
    page.wait_for_url("**/keys/new/")
    tab_to(page, page.get_by_role("textbox", name="Name"))
    page.keyboard.type("keyboard")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Your new key")).to_be_visible()


def test_the_first_stop_leads_past_the_navigation(signed_in):
    page = signed_in("founder@startup.example")
    page.goto("/o/northwind-ai/keys/")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_role("main")).to_be_focused()


@pytest.mark.parametrize("name", ["Organization:", "Colours", "Your account"])
def test_a_menu_opens_and_closes_and_gives_the_focus_back(signed_in, name):
    page = signed_in("founder@startup.example")
    page.goto("/o/northwind-ai/")
    opener = page.locator("summary").filter(has_text=name)
    menu = page.locator("details[open] .menu-panel")

    tab_to(page, opener)
    page.keyboard.press("Enter")
    expect(menu).to_be_visible()
    page.keyboard.press("Tab")
    expect(menu.locator(":focus")).to_have_count(1)
    page.keyboard.press("Escape")

    expect(menu).to_have_count(0)
    expect(opener).to_be_focused()


def test_a_menu_that_fills_once_it_is_open_keeps_the_focus(signed_in):
    page, held = signed_in("founder@startup.example"), []
    page.goto("/o/northwind-ai/")

    def hold(route):
        held.append(route)

    page.route("**/*?all", hold)
    opener = page.locator("summary").filter(has_text="Organization:")

    tab_to(page, opener)
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="All your organizations")).to_be_focused()
    assert wait_until(lambda: page.wait_for_timeout(50) or held, seconds=5)
    held.pop().continue_()

    expect(page.get_by_role("searchbox", name="Find an organization")).to_be_focused()


def test_a_dialog_holds_the_focus_and_gives_it_back(signed_in):
    page = signed_in("founder@startup.example")
    steps.make_key(page, "northwind-ai", "unloved")
    page.goto("/o/northwind-ai/keys/")
    opener = page.get_by_role("button", name="Revoke unloved")
    dialog = page.get_by_role("dialog")

    tab_to(page, opener)
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    expect(dialog.locator(":focus")).to_have_count(1)
    page.keyboard.press("Escape")

    expect(dialog).to_have_count(0)
    expect(opener).to_be_focused()
    expect(page.get_by_role("row", name="unloved")).to_contain_text("Active")
