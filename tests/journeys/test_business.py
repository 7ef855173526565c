"""A product manager steers the business and a buyer chooses from it, in English and in Arabic."""

import re
from datetime import timedelta
from functools import partial

import openai
import pytest
from django.utils import timezone, translation
from django.utils.translation import gettext
from playwright.sync_api import expect

from portal.embedded.launch import wait_until
from tests.journeys import steps
from tests.support.browser import take_picture

pytestmark = pytest.mark.timeout(300)

BUYER, SLUG = "founder@startup.example", "northwind-ai"
#: Days ahead at which one of the staff may raise a price alone: customers hear of it in time.
IN_TIME = 40
#: How long a change at the desk may take to reach the gateway, in seconds.
SOON = 5
in_both_languages = pytest.mark.parametrize("language", ["en", "ar"])


def in_words(language, text):
    """Return what the pages of a language say for a text of the code."""
    with translation.override(language):
        return gettext(text)


@pytest.fixture
def say(language):
    """Return what this language's pages say."""
    return partial(in_words, language)


@pytest.fixture
def staff(site, desk, language):
    """The desk of one of the staff, in the language."""
    return steps.speak(desk(), site, language)


@pytest.fixture
def colleague(site, desk, language):
    """The desk of another."""
    return steps.speak(desk("colleague"), site, language)


@pytest.fixture
def buyer(site, signed_in, language):
    """The window of a startup's founder."""
    return steps.speak(signed_in(BUYER), site, language)


def fill(page, **fields):
    """Fill a form by the names of its fields."""
    for name, text in fields.items():
        page.locator(f"#id_{name}").fill(text)


def press(page, name):
    """Press the button of the page's content that has this name, and wait for what it leads to."""
    with page.expect_navigation():
        page.get_by_role("main").get_by_role("button", name=name, exact=True).first.click()


def add_model(page, say, name):
    """Add a draft with its dossier, its terms and who is let in; return its page's address."""
    page.goto("/staff/models/new/")
    fill(page, name=f"Boreal {name}", publisher_name="Boreal Labs", offer_name=name, licence="MIT")
    fill(
        page,
        summary="Small, and quick.",
        card="## Use\n\nShort answers.",
        upstream_model="atlas-mini",
    )
    fill(page, context_window="8192", max_output="1024", price_input="1", price_output="2")
    page.locator("#id_upstream").select_option(label="Demo engine")
    press(page, say("Add as a draft"))
    model = page.url
    page.goto(f"{model}dossier/")
    fill(page, evaluations="MMLU | ar | 61.2 % | 2026-03-31 | our own run", energy="0.4")
    fill(page, energy_source="our meters", red_team="Two people tried for two days.")
    press(page, say("Save"))
    page.goto(f"{model}access/")
    fill(page, text="Use it for good.")
    page.locator("#id_needs_approval").check()
    press(page, say("Save"))
    return model


def publish(staff, colleague, say, model):
    """Propose that the model is sold, and let the colleague read all of it and agree."""
    staff.goto(model)
    press(staff, say("Send it to review"))
    colleague.goto(staff.url)
    change = colleague.get_by_role("main")
    for told in ("Use it for good.", "MMLU", "our meters", "Demo engine"):
        expect(change).to_contain_text(told)
    press(colleague, say("Approve"))


def is_refused(client, name):
    """Tell whether the customer may not call the model yet."""
    try:
        call(client, name)
    except openai.PermissionDeniedError:
        return True
    return False


def call(client, name):
    """Call the model once."""
    hello = [{"role": "user", "content": "Hello"}]
    return client.chat.completions.create(model=name, messages=hello, max_tokens=20)


def find(page, name, model):
    """Search the catalogue, compare what is found with its neighbours, and open its page."""
    page.goto("/models/?q=boreal&sort=answers")
    page.get_by_role("link", name=f"Boreal {name}", exact=True).click()
    page.wait_for_url(f"**/models/{model}/**")
    page.locator('a[href^="/models/compare/"]').click()
    page.wait_for_url("**/models/compare/**")
    expect(page.get_by_role("columnheader").filter(has_text=f"Boreal {name}")).to_be_visible()
    page.goto(f"/models/{model}/")


def calculate(page):
    """Ask what a day costs: 1000 requests of 1000 and 500 tokens, at 1 and 2 a million, are 2."""
    for name, number in {"requests": "1000", "input": "1000", "output": "500"}.items():
        page.locator(f"#calculator [name={name}]").fill(number)
    expect(page.locator("[data-answer=day]")).to_contain_text(re.compile(r"2[.,]00\sEUR"))


def ask_for_access(buyer, colleague, say, name):
    """Ask for what the model asks for, and be let in."""
    buyer.goto(f"/o/{SLUG}/models/{name}/access/")
    buyer.locator("textarea").fill("We answer our customers' calls.")
    press(buyer, say("Ask for access"))
    with buyer.expect_navigation():
        buyer.locator('form[action$="/terms/"] button').click()
    expect(buyer.get_by_role("main")).to_contain_text(say("Waiting"))
    colleague.goto("/staff/access/")
    asked = colleague.get_by_role("region").filter(has_text=f"Boreal {name}")
    with colleague.expect_navigation():
        asked.locator("button[value=approved]").click()


def try_out(page, say, name):
    """Ask the model something in the playground, which leads to the call's receipt."""
    page.goto(f"/o/{SLUG}/playground/?model={name}")
    page.get_by_label(say("Your message")).fill("What is a tessera?")
    page.keyboard.press("Enter")
    page.get_by_role("link", name=say("See the request")).click()
    page.wait_for_url("**/usage/**")
    expect(page.get_by_role("main")).to_contain_text(name)


@in_both_languages
def test_a_new_model_is_found_compared_calculated_asked_for_tried_and_called(
    site, staff, colleague, buyer, say, language
):
    name = f"boreal-{language}"
    model = add_model(staff, say, name)
    publish(staff, colleague, say, model)
    take_picture(colleague, f"business-approved-{language}")

    find(buyer, name, name)
    calculate(buyer)
    take_picture(buyer, f"business-model-{language}")
    key = site.demo["organizations"][SLUG]["api_key"]
    with openai.OpenAI(base_url=f"{site.origin}/v1", api_key=key, max_retries=0) as client:
        assert is_refused(client, name)
        ask_for_access(buyer, colleague, say, name)
        assert wait_until(lambda: not is_refused(client, name), seconds=SOON)
        assert call(client, name).usage.completion_tokens > 0
    try_out(buyer, say, name)


def draft_a_rise(page, say):
    """Draft a version of the standard list in which all costs a tenth more; return its address."""
    page.goto("/staff/books/")
    page.get_by_role("rowheader", name="Standard prices").get_by_role("link").click()
    page.wait_for_url("**/staff/books/*/")
    page.locator('form[action$="/draft/"] [name=note]').fill("Power costs more")
    press(page, say("Draft a version"))
    version = page.url
    fill(page, percent="10")
    press(page, say("Change them"))
    return version


def margins(page, say):
    """Return the total margin before and after, in cents, as the rehearsal's page shows it."""
    found = []
    for label in (say("Margin before"), say("Margin after")):
        stat = page.locator(".stat").filter(has_text=label).locator(".stat-value").inner_text()
        found.append(int(re.sub(r"\D", "", stat)))
    return found


@in_both_languages
def test_a_price_rise_is_rehearsed_scheduled_with_notice_and_told(site, staff, signed_in, say):
    version = draft_a_rise(staff, say)
    staff.goto(f"{version}rehearsals/")
    last_month = staff.locator("#id_first_month option").nth(1).get_attribute("value")
    for name in ("first_month", "last_month"):
        staff.locator(f"#id_{name}").select_option(last_month)
    press(staff, say("Rehearse"))
    expect(staff.get_by_role("link", name="CSV")).to_be_visible(timeout=20_000)
    before, after = margins(staff, say)
    assert before < after

    staff.goto(version)
    begins = timezone.now() + timedelta(days=IN_TIME)
    staff.locator("[name=effective_from]").fill(f"{begins:%Y-%m-%dT%H:%M}")
    press(staff, say("Publish the version"))
    expect(staff.get_by_role("main")).to_contain_text(say("Scheduled"))
    payer = steps.speak(signed_in("owner@robotics.example"), site, "en")
    payer.goto("/models/atlas-mini/")
    expect(payer.get_by_role("main")).to_contain_text("Atlas Mini, Output 0.66 EUR")
    payer.goto("/o/harbour-robotics/")
    expect(payer.get_by_role("main")).to_contain_text("Output: 0.60 EUR → 0.66 EUR")

    with staff.expect_navigation():
        staff.locator('form[action$="/withdraw/"] button').click()
    payer.reload()
    expect(payer.get_by_role("main")).not_to_contain_text("0.66 EUR")


@in_both_languages
def test_the_portal_wears_the_operators_name_and_colour(staff, window, say, language):
    """Nobody touches the code; the draft is seen by staff alone until it is published."""
    visitor = window(locale=language)
    own = {"en": "Sovereign models, by the token.", "ar": "نماذج سيادية بالرمز."}[language]

    def wear(**facts):
        staff.goto("/staff/site/")
        texts = staff.locator("details").filter(has=staff.locator(f"#id_tagline_{language}"))
        if texts.get_attribute("open") is None:
            texts.locator("summary").click()
        fill(staff, **facts)
        press(staff, say("Keep as the draft"))
        visitor.goto("/")
        was = visitor.title()
        press(staff, say("Publish the draft"))
        visitor.reload()
        return was

    was = wear(name="Steppe AI", accent="#0a6b4f", **{f"tagline_{language}": own})
    assert "Tessera" in was
    expect(visitor).to_have_title(re.compile("Steppe AI"))
    expect(visitor.get_by_role("contentinfo")).to_contain_text(own)
    take_picture(visitor, f"business-own-name-{language}")

    wear(name="", accent="", **{f"tagline_{language}": ""})
    expect(visitor).to_have_title(re.compile("Tessera"))
