"""axe-core on every page: each size, light and dark, from the left and from the right."""

import openai
import pytest
from django.template.loader import render_to_string
from playwright.sync_api import expect

from tests.journeys import steps
from tests.journeys.stages import STAGES
from tests.journeys.walk import FROM_THE_RIGHT, VIEWS, Walk, look, match, routes
from tests.support.browser import STANDARDS

pytestmark = pytest.mark.timeout(400)

TENANT = {route for route in routes() if "<slug:org>" in route}
STAFF = {route for route in routes() if route.startswith("staff/")}
OTHER = set(routes()) - TENANT - STAFF
#: What scripts, forms and style sheets ask for.
NO_PAGES = {"i18n/setlang/", "accounts/2fa/webauthn/login/", "operator-logo", "favicon.ico"}
#: What these show depends on how one signs in, so everybody looks; and from the second each
#: person's own passkeys are found.
OWN = {"accounts/2fa/", "accounts/2fa/webauthn/"}
#: Pages that Django shows when something is wrong; no healthy portal can be made to show them.
BROKEN = ("400.html", "429.html", "500.html", "503.html")
#: Pages that the demo has nothing for yet: they need an invoice over usage and what follows from it,
#: a payment that was declined, a sealed hour, or an address outside that takes webhooks.
NO_EXAMPLE = {
    "o/<slug:org>/billing/credit-notes/<slug:number>/",
    "o/<slug:org>/billing/credit-notes/<slug:number>/as/<slug:form>/",
    "o/<slug:org>/billing/credit-notes/<slug:number>/pdf/",
    "o/<slug:org>/billing/disputes/<uuid:dispute_id>/",
    "o/<slug:org>/billing/invoices/<slug:number>/dispute/",
    "o/<slug:org>/billing/invoices/<slug:number>/lines/<int:position>/",
    "o/<slug:org>/billing/orders/<uuid:order_id>/recover/",
    "o/<slug:org>/usage/<path:request_id>/proof.json",
    "o/<slug:org>/webhooks/<uuid:endpoint_id>/",
    "staff/disputes/<uuid:dispute_id>/",
    "staff/holds/<uuid:hold_id>/",
    "staff/invoices/<uuid:invoice_id>/",
}
both_directions = pytest.mark.parametrize(
    ("language", "views"),
    [pytest.param("en", VIEWS, id="ltr"), pytest.param("ar", FROM_THE_RIGHT, id="rtl")],
)


def speak(page, site, language):
    """Let the portal answer this window in a language; return the page."""
    page.context.add_cookies([{"name": "django_language", "value": language, "url": site.origin}])
    return page


@pytest.fixture
def northwind(site, signed_in):
    """The demo's startup, with something on each of its pages; return its owner's page."""
    page = signed_in("founder@startup.example")
    if "northwind-ai" not in site.filled:
        site.filled.add("northwind-ai")
        key = site.demo["organizations"]["northwind-ai"]["api_key"]
        with openai.OpenAI(base_url=f"{site.origin}/v1", api_key=key) as client:
            hello = [{"role": "user", "content": "Hello"}]
            for model in ("atlas-large", "atlas-mini"):
                client.chat.completions.create(model=model, messages=hello, max_tokens=20)
        steps.buy(page, "northwind-ai", "Starter")
        steps.set_budget(page, "northwind-ai", "Everything", "500")
        steps.invite(page, "northwind-ai", "guest@northwind.example", "Auditor")
    return page


@both_directions
def test_the_desk(site, desk, language, views):
    page = desk()
    if "rehearsal" not in site.filled:
        site.filled.add("rehearsal")
        steps.rehearse(page, "Public bodies", "Version 2")
    speak(page, site, language)
    walk = Walk(page, f"desk-{language}", views=views)

    left = walk.over(STAFF - set(STAGES)) - NO_EXAMPLE

    assert walk.problems == []
    assert (left, walk.elsewhere) == (set(), set())


@both_directions
def test_an_organization(site, northwind, language, views):
    page = speak(northwind, site, language)
    walk = Walk(page, f"organization-{language}", org="northwind-ai", views=views)

    left = walk.over(TENANT) - NO_EXAMPLE

    assert walk.problems == []
    assert (left, walk.elsewhere) == (set(), set())


def test_a_new_organization(window):
    page = window()
    steps.sign_up(page, "nova@empty.example")
    walk = Walk(page, "new", org=steps.found(page, "Empty"), views=VIEWS[2:3])

    walk.over(TENANT)

    assert walk.problems == []
    assert walk.elsewhere == set()


def anonymous(page, language):
    """Come without an account."""


def newcomer(page, language):
    """Sign up; what concerns security asks for the password once more."""
    steps.sign_up(page, f"newcomer@{language}.example")
    steps.found(page, f"Newcomer {language}")
    steps.confirm_password(page)


def holder_of_an_app(page, language):
    """Be the newcomer, and set up an authenticator app."""
    steps.sign_in(page, f"newcomer@{language}.example")
    steps.confirm_password(page)
    page.goto("/accounts/2fa/totp/activate/")
    steps.set_up_app(page)


def holder_of_a_passkey(page, language):
    """Sign up by passkey, and use it once more."""
    steps.plug_in_authenticator(page)
    steps.sign_up_by_passkey(page, f"passkey@{language}.example")
    steps.found(page, f"Passkey {language}")
    page.goto("/accounts/2fa/webauthn/reauthenticate/")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/o/**")


@both_directions
def test_everything_else(site, window, language, views):
    wanted, problems = OTHER - set(STAGES) - NO_PAGES, []
    for visitor in (anonymous, newcomer, holder_of_an_app, holder_of_a_passkey):
        page = window()
        visitor(page, language)
        walk = Walk(speak(page, site, language), f"{visitor.__name__}-{language}", views=views)
        wanted = walk.over(wanted | OWN) | walk.elsewhere
        problems += walk.problems

    assert problems == []
    assert wanted == set()


@pytest.mark.parametrize("route", STAGES)
def test_a_page_in_the_middle_of_something(site, window, route):
    page = window()
    STAGES[route](page, site)

    assert match(page.url).route == route
    assert look(page, STAGES[route].__name__) == []


def test_the_payment_page(signed_in):
    page = signed_in("founder@startup.example")
    page.goto("/o/northwind-ai/billing/bundles/")
    page.get_by_role("button", name="Starter").click()
    expect(page.get_by_label("Card number")).to_be_visible()

    assert look(page, "payment") == []


def test_what_only_forms_lead_to(site, signed_in):
    page = signed_in("founder@startup.example")
    steps.make_key(page, "northwind-ai", "looked at")
    problems = look(page, "key-shown-once")
    page.goto("/o/northwind-ai/members/invite/")
    page.get_by_label("E-mail address").fill("nobody")
    page.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_text("Enter a valid email address").first).to_be_visible()
    problems += look(page, "mistake")
    page.goto("/o/northwind-ai/keys/")
    page.get_by_role("button", name="Revoke looked at").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    problems += look(page, "dialog")

    assert problems == []


@pytest.mark.parametrize("path", ["/", "/o/northwind-ai/"])
def test_open_menus(signed_in, path):
    page = signed_in("founder@startup.example")
    page.goto(path)
    page.locator("details").evaluate_all("(all) => all.forEach((one) => { one.open = true; })")

    problems = look(page, f"menus-{len(path)}", tags=STANDARDS)

    # A menu may cover what lies behind it; Escape takes it away.
    assert [problem for problem in problems if "obscured" not in problem] == []


def test_refusals(signed_in):
    page = signed_in("developer@startup.example")
    assert page.goto("/nowhere/").status == 404
    problems = look(page, "404")
    assert page.goto("/o/northwind-ai/audit/").status == 403
    problems += look(page, "403")
    page.goto("/o/northwind-ai/")
    page.context.clear_cookies(name="csrf")
    steps.open_menu(page, "Your account")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("403")).to_be_visible()
    problems += look(page, "403-csrf")

    assert problems == []


@pytest.mark.parametrize("template", BROKEN)
def test_what_is_shown_when_something_is_broken(site, window, template):
    page = window()
    page.route("**/broken/", lambda it: it.fulfill(response=it.fetch(), body=html))
    html = render_to_string(template)

    page.goto("/broken/")

    assert look(page, template) == []
