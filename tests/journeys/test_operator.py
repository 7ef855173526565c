"""The operator sells: a model is added, published, priced and retired, and customers are seen."""

import re

import openai
import pytest
from django.utils import timezone
from playwright.sync_api import expect

from portal.embedded.launch import wait_until
from tests.journeys import steps
from tests.support.browser import take_picture

pytestmark = pytest.mark.timeout(240)

#: How long a change at the desk may take to reach the gateway.
SOON = 5


@pytest.fixture
def customer(site):
    """OpenAI's own client with the key of the demo's startup."""
    key = site.demo["organizations"]["northwind-ai"]["api_key"]
    with openai.OpenAI(base_url=f"{site.origin}/v1", api_key=key, max_retries=0) as client:
        yield client


def add_model(page, name):
    """Fill the whole form of a new model, and add it as a draft."""
    page.get_by_role("link", name="Add a model").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("Boreal Nano")
    page.get_by_label("Publisher").fill("Boreal Labs")
    page.get_by_label("Name in the API").fill(name)
    page.get_by_role("textbox", name="Summary", exact=True).fill("Small, and quick on its feet.")
    page.get_by_role("textbox", name="Model card").fill("## Use\n\nShort answers.")
    page.get_by_label("Context window").fill("8192")
    page.get_by_label("Longest answer").fill("1024")
    page.get_by_role("textbox", name="Licence", exact=True).fill("MIT")
    page.get_by_label("Server", exact=False).first.select_option(label="Demo engine")
    page.get_by_label("Model name at the server").fill("atlas-mini")
    page.get_by_role("textbox", name="Input, per million tokens", exact=True).fill("1")
    page.get_by_role("textbox", name="Output, per million tokens", exact=True).fill("2")
    page.get_by_role("button", name="Add as a draft").click()
    expect(page.get_by_role("heading", name="Boreal Nano", level=1)).to_be_visible()


def change_output_price(page, name, price, begins):
    """Set another price of output from a time on."""
    page.goto("/staff/prices/")
    page.get_by_role("link", name=name).click()
    page.get_by_role("textbox", name="Output, per million tokens", exact=True).fill(price)
    page.locator("#id_effective_from").fill(f"{begins:%Y-%m-%dT%H:%M}")
    page.get_by_role("button", name="Review the change").click()
    page.get_by_role("button", name="Set these prices").click()


def retire(page, name):
    """Retire the model whose page is open, with a reason; its name is typed to be sure."""
    page.get_by_label("Reason").fill("Its licence was withdrawn")
    page.get_by_label(f"Type {name} to confirm").fill(name)
    page.get_by_role("button", name="Propose to retire it").click()
    expect(page.get_by_text("It is proposed.")).to_be_visible()


def send_to_review(page):
    """Attach an evaluation to the draft whose page is open, and ask a colleague to publish it."""
    page.get_by_role("link", name="Dossier").click()
    page.get_by_label("Evaluations").last.fill("MMLU | en | 61.2 % | 2026-03-31 | our own run")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The dossier is saved.")).to_be_visible()
    page.get_by_role("button", name="Send it to review").click()
    expect(page.get_by_text("It is proposed.")).to_be_visible()


def approve(page):
    """Let a colleague approve what waits first, whatever notice it gives."""
    page.goto("/staff/changes/")
    waiting = page.get_by_role("region", name="Changes that wait")
    waiting.get_by_role("link", name="Boreal Nano", exact=True).click()
    consent = page.get_by_label("Customers get less notice")
    if consent.count():
        consent.check()
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("It is done: customers see it within five seconds.")).to_be_visible()


def customer_row(page, name):
    """Return a customer's numbers by column, with all that is no digit left out."""
    heads = page.get_by_role("columnheader").all_inner_texts()
    row = page.get_by_role("row", name=re.compile(f"^{name}"))
    cells = row.locator("th, td").all_inner_texts()
    numbers = [re.sub(r"[^0-9]", "", cell) for cell in cells]
    return {head: int(number or 0) for head, number in zip(heads, numbers, strict=True)}


def is_listed(client, name):
    """Tell whether customers' programs see the model."""
    return name in [model.id for model in client.models.list()]


def say_hello(client, name):
    """Call the model once."""
    hello = [{"role": "user", "content": "Hello"}]
    return client.chat.completions.create(model=name, messages=hello, max_tokens=20)


def is_unknown(client, name):
    """Tell whether calling the model is refused because there is none."""
    try:
        say_hello(client, name)
    except openai.NotFoundError as refusal:
        return refusal.code == "model_not_found"
    return False


def test_a_model_is_added_published_repriced_and_retired(desk, customer, window):
    page, colleague, public = desk(), desk("colleague"), window()
    add_model(page, "boreal-nano")
    model = page.url
    assert not is_listed(customer, "boreal-nano")

    send_to_review(page)
    assert not is_listed(customer, "boreal-nano")
    approve(colleague)
    assert wait_until(lambda: is_listed(customer, "boreal-nano"), seconds=SOON)
    assert say_hello(customer, "boreal-nano").usage.completion_tokens > 0
    public.goto("/models/")
    expect(public.get_by_role("article").filter(has_text="Boreal Nano")).to_contain_text("2.00")
    public.get_by_role("link", name="Boreal Nano", exact=True).click()
    expect(public.get_by_role("definition").filter(has_text="MIT")).to_be_visible()
    take_picture(public, "operator-public-card")

    in_time = timezone.now() + timezone.timedelta(days=31)
    change_output_price(page, "boreal-nano", "3.50", in_time)
    expect(page.get_by_role("row", name=re.compile("Output Comes 3.50"))).to_be_visible()
    take_picture(page, "operator-price-history")
    public.goto("/models/")
    expect(public.get_by_role("article").filter(has_text="Boreal Nano")).to_contain_text("2.00")

    page.goto(model)
    retire(page, "boreal-nano")
    approve(colleague)
    assert wait_until(lambda: is_unknown(customer, "boreal-nano"), seconds=SOON)
    assert not is_listed(customer, "boreal-nano")
    public.goto("/models/")
    expect(public.get_by_role("heading", name="Models", level=1)).to_be_visible()
    expect(public.get_by_text("Boreal Nano")).to_have_count(0)


def test_customers_are_seen_with_balance_and_usage(desk, customer):
    page = desk()
    page.goto("/staff/customers/")
    before = customer_row(page, "Northwind AI")
    say_hello(customer, "atlas-large")

    def has_one_more():
        page.reload()
        now = customer_row(page, "Northwind AI")
        return now["Requests"] == before["Requests"] + 1 and now["Tokens"] > before["Tokens"]

    assert wait_until(has_one_more, seconds=SOON)
    take_picture(page, "operator-customers")
    assert customer_row(page, "Northwind AI")["Balance"] > 0


def test_staff_without_a_second_factor_are_led_to_set_one_up(site, window):
    email = "nell@operator.example"
    site.manage("staff", email)
    page = window()
    steps.sign_in_by_code(page, email)

    page.goto("/staff/customers/")
    expect(page.get_by_role("heading", name="The operator's desk needs a second")).to_be_visible()
    page.get_by_role("link", name="Set up an app").click()
    secret = steps.set_up_app(page)
    page.goto("/staff/customers/")
    page.get_by_role("link", name="Use the second factor").click()
    page.get_by_label("Code").fill(steps.totp(secret))
    page.get_by_role("button", name="Confirm").click()

    expect(page.get_by_role("heading", name="Customers")).to_be_visible()


def test_a_customer_finds_no_desk(signed_in):
    page = signed_in("founder@startup.example")

    assert page.goto("/staff/").status == 404
    assert page.goto("/staff/customers/").status == 404
