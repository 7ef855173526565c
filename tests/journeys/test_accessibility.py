"""axe-core on every page: each size, light and dark, from the left and from the right."""

import re

import openai
import pytest
from django.template.loader import render_to_string
from playwright.sync_api import expect

from front import face
from gateway.app import ENDPOINTS
from studio import sample_dataset
from tests.journeys import steps
from tests.journeys.stages import STAGES
from tests.journeys.walk import FROM_THE_RIGHT, VIEWS, Walk, look, match, routes
from tests.support.browser import STANDARDS
from tests.support.receivers import receiving

pytestmark = pytest.mark.timeout(400)

MINISTRY = "ministry-of-works"
TENANT = {route for route in routes() if "<slug:org>" in route}
STAFF = {route for route in routes() if route.startswith("staff/")}
OTHER = set(routes()) - TENANT - STAFF
#: What scripts, forms and style sheets ask for.
NO_PAGES = {"i18n/setlang/", "accounts/2fa/webauthn/login/", "operator-logo", "favicon.ico"}
#: What programs read: the catalogue's feed, what describes the portal, its pictures.
NO_PAGES |= {"sitemap.xml", "social/site.png", "social/models/<slug:slug>.png"}
NO_PAGES |= {"models/changes.atom", "status/feed.atom", "site.webmanifest", "pictures/<str:digest>"}
#: It only leads on to signing up.
NO_PAGES |= {"r/<str:code>/"}
#: What people keep, and no browser shows: files of dossiers.
NO_PAGES |= {"models/<slug:slug>/files/<slug:sha256>/"}
#: What a client calls whose base URL lacks ``/v1``: it is told so.
NO_PAGES |= {endpoint.removeprefix("/v1/") for endpoint in ENDPOINTS} | {"files", "batches"}
#: What these show depends on how one signs in, so everybody looks; and from the second each
#: person's own passkeys are found.
OWN = {"accounts/2fa/", "accounts/2fa/webauthn/"}
#: Pages that Django shows when something is wrong; no healthy portal can be made to show them.
BROKEN = ("400.html", "429.html", "500.html", "503.html")
#: They only lead on to the payment page; see below.
RECOVER = "o/<slug:org>/billing/orders/<uuid:order_id>/recover/"
PAY = "o/<slug:org>/billing/invoices/<slug:number>/pay/"
#: Of these, links lead first to examples that have less on them.
INVOICE = "o/<slug:org>/billing/invoices/<slug:number>/"
REQUEST = "o/<slug:org>/usage/<path:request_id>/"
#: A dataset that can be mended.
PAIRS = '{"prompt": "How do I top up?", "completion": "Dial *100#."}\n' * 10
MEND = "o/<slug:org>/studio/datasets/<uuid:dataset_id>/mend/"
#: Only a job that has not ended leads to it.
CANCEL = "o/<slug:org>/studio/jobs/<uuid:job_id>/cancel/"
#: Only a job that has trained leads to it, and the demo's train nothing.
RETIRE = "o/<slug:org>/studio/jobs/<uuid:job_id>/model/retire/"
#: The catalogue leads to it from models that ask for something, and the demo's do not.
ACCESS = "o/<slug:org>/models/<slug:slug>/access/"
DOSSIER = "staff/models/<uuid:model_id>/dossier/"
BOOK, VERSION = "staff/books/<uuid:book_id>/", "staff/versions/<uuid:version_id>/"
#: Forms of the version's page: opened without one, they lead back to it.
VERSION_FORMS = {f"{VERSION}{act}/" for act in ("adjust", "import", "publish")}
#: Only an invoice over a purchase leads to it.
REFUND = "staff/orders/<uuid:order_id>/refund/"
#: Only who has a contract that is not over can end one.
END = "staff/customers/<slug:slug>/contracts/<uuid:contract_id>/end/"
#: Where the words of a label stand, without what is ticked.
WORDS = """(label) => {
  const range = document.createRange();
  range.selectNodeContents(label);
  range.setStartAfter(label.querySelector("input"));
  return range.getBoundingClientRect().toJSON();
}"""
both_directions = pytest.mark.parametrize(
    ("language", "views"),
    [pytest.param("en", VIEWS, id="ltr"), pytest.param("ar", FROM_THE_RIGHT, id="rtl")],
)


@pytest.fixture
def receiver():
    """A server that is told by webhook; it fails once."""
    with receiving() as server:
        server.answers = [500, 200]
        yield server


@pytest.fixture
def ministry(site, signed_in, receiver):
    """The demo's ministry, with something on each of its pages; return its owner's page."""
    page = signed_in("admin@ministry.example")
    if MINISTRY not in site.filled:
        key = site.demo["organizations"][MINISTRY]["api_key"]
        with openai.OpenAI(base_url=f"{site.origin}/v1", api_key=key) as client:
            hello = [{"role": "user", "content": "Hello"}]
            for model in ("atlas-large", "atlas-mini"):
                client.chat.completions.create(model=model, messages=hello, max_tokens=20)
            steps.add_dataset(client, "pairs.jsonl", PAIRS)
            file = steps.add_dataset(client, "train.jsonl", sample_dataset.content())
            client.fine_tuning.jobs.create(model="atlas-mini", training_file=file, suffix="tried")
        steps.add_webhook(page, MINISTRY, receiver.url)
        steps.buy(page, MINISTRY, "Starter")
        steps.save_card(page, MINISTRY, "4242 4242 4242 4242")
        page.wait_for_url("**/billing/automatic/**")
        steps.set_budget(page, MINISTRY, "Everything", "500")
        steps.invite(page, MINISTRY, "guest@ministry.example", "Auditor")
        site.filled.add(MINISTRY)
    return page


@pytest.fixture
def disputed(ministry):
    """The address of the invoice that the ministry objects to."""
    ministry.goto(f"/o/{MINISTRY}/billing/disputes/")
    ministry.get_by_role("row").nth(1).get_by_role("link").click()
    return ministry.get_by_role("main").get_by_role("link", name="TES-").get_attribute("href")


@pytest.fixture
def sealed(site):
    """The address of a request of the ministry's whose hour is sealed."""
    request_id = site.ask(f"from tests.support.usage import seal_one; seal_one({MINISTRY!r})")
    return f"/o/{MINISTRY}/usage/{request_id}/"


@pytest.fixture
def taught(ministry):
    """The address of the ministry's fine-tuning job."""
    ministry.goto(f"/o/{MINISTRY}/studio/")
    return ministry.get_by_role("rowheader", name="tried").get_by_role("link").get_attribute("href")


@pytest.fixture
def mendable(ministry):
    """The address of the ministry's dataset that can be mended."""
    ministry.goto(f"/o/{MINISTRY}/studio/datasets/")
    return ministry.get_by_role("link", name="pairs.jsonl").first.get_attribute("href")


@both_directions
def test_the_desk(site, desk, signed_in, language, views):
    page = desk()
    if "desk" not in site.filled:
        steps.buy(signed_in("founder@startup.example"), "northwind-ai", "Starter")
        steps.rehearse(page, "Public bodies", "Version 2")
        site.ask("from tests.support.usage import hold_one; hold_one('northwind-ai')")
        site.ask("from tests.support.usage import late_one; late_one('northwind-ai')")
        site.ask("from tests.support.curation import propose_one; propose_one('atlas-mini')")
        site.ask("from tests.support.curation import plan_one; plan_one('northwind-ai')")
        site.ask("from tests.support.front import furnish; furnish()")
        site.ask("from tests.support.abuse import raise_one; raise_one('northwind-ai')")
        site.ask(
            "from tests.support.curation import propose_service; propose_service('call-summariser')"
        )
        site.ask("from tests.support.curation import propose_server; propose_server('atlas-mini')")
        model = site.ask("from tests.support.curation import keep_file; keep_file('atlas-mini')")
        site.dossier = f"/staff/models/{model}/dossier/"
        site.filled.add("desk")
    book, version = steps.open_version(page, "Public bodies", "Version 2")
    refund = steps.refund_of(page, "northwind-ai")
    end = steps.end_of_contract(page, MINISTRY)
    steps.speak(page, site, language)
    walk = Walk(page, f"desk-{language}", views=views)
    walk.addresses |= {
        BOOK: book,
        VERSION: version,
        REFUND: refund,
        END: end,
        DOSSIER: site.dossier,
    }

    left = walk.over(STAFF - set(STAGES) - VERSION_FORMS)

    assert walk.problems == []
    assert (left, walk.elsewhere) == (set(), set())


@both_directions
def test_an_organization(site, ministry, disputed, sealed, taught, mendable, language, views):
    page = steps.speak(ministry, site, language)
    walk = Walk(page, f"organization-{language}", org=MINISTRY, views=views)
    walk.addresses |= {INVOICE: disputed, REQUEST: sealed, CANCEL: f"{taught}cancel/"}
    walk.addresses[MEND] = f"{mendable}mend/"
    walk.addresses[ACCESS] = f"/o/{MINISTRY}/models/atlas-mini/access/"

    left = walk.over(TENANT - {RECOVER, PAY, RETIRE})

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
    site.ask("from tests.support.front import furnish; furnish()")
    wanted, problems = OTHER - set(STAGES) - NO_PAGES, []
    for visitor in (anonymous, newcomer, holder_of_an_app, holder_of_a_passkey):
        page = window()
        visitor(page, language)
        walk = Walk(
            steps.speak(page, site, language), f"{visitor.__name__}-{language}", views=views
        )
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


def test_the_page_on_which_a_bank_asks_its_payer(site, signed_in):
    page = signed_in("founder@startup.example")
    steps.save_card(page, "northwind-ai", "4000 0027 6000 3184")
    steps.answer_bank(page)
    page.wait_for_url("**/billing/automatic/**")
    steps.top_up_below(page, "northwind-ai", "1000")

    page.goto(steps.mailed(page, "founder@startup.example", re.compile(r"https?://\S+/recover/")))

    expect(page.get_by_label("Card number")).to_be_visible()
    assert look(page, "recover") == []


def test_words_stand_beside_their_box_however_long(signed_in):
    page = signed_in("founder@startup.example", viewport={"width": 320, "height": 640})
    page.goto("/o/northwind-ai/webhooks/new/")

    for words in page.locator(".choices label").all():
        box, all_of_it = words.locator("input").bounding_box(), words.bounding_box()
        text = words.evaluate(WORDS)
        assert text["x"] >= box["x"] + box["width"]
        assert text["y"] <= box["y"] + box["height"]
        assert text["x"] + text["width"] <= all_of_it["x"] + all_of_it["width"] + 1


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
    html = render_to_string(template, {"operator": face.known()})

    page.goto("/broken/")

    assert look(page, template) == []
