"""A startup goes live: from the first visit to the invoice, and the bill is right to the last digit."""

import re
import subprocess
import sys
from decimal import Decimal

import openai
import pytest
from playwright.sync_api import expect

from portal.embedded.launch import wait_until
from tests.journeys import steps
from tests.support.browser import take_picture

pytestmark = pytest.mark.timeout(240)

HELLO = [{"role": "user", "content": "What is a tessera?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
#: The longest a request may take to stand on the usage page.
SOON = 5_000


def shown(page, language):
    """Return a snippet as it is printed on the page."""
    page.get_by_role("tab", name=language).click()
    return page.get_by_role("region", name=language).inner_text()


def run(command):
    """Run a program and return what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def exact(locator):
    """Return the amounts that stand there, to the last digit."""
    values = locator.locator("data.money").evaluate_all("(all) => all.map((one) => one.value)")
    return [Decimal(value) for value in values]


def balance(page, slug):
    """Return what a new request can draw on."""
    page.goto(f"/o/{slug}/billing/")
    return exact(page.locator(".stat").filter(has_text="Live balance"))[0]


def call_in_every_way(client):
    """Use what people use of the official client."""
    assert "atlas-large" in [model.id for model in client.models.list()]
    chat = client.chat.completions
    plain = chat.create(model="atlas-large", messages=HELLO, max_tokens=30)
    assert plain.usage.completion_tokens > 0
    bare = list(chat.create(model="atlas-large", messages=HELLO, max_tokens=30, stream=True))
    assert all(chunk.usage is None for chunk in bare)
    options = {"include_usage": True}
    *_words, last = chat.create(
        model="atlas-large", messages=HELLO, max_tokens=30, stream=True, stream_options=options
    )
    assert last.usage.prompt_tokens == plain.usage.prompt_tokens
    tools = chat.create(
        model="atlas-large", messages=HELLO, tools=[WEATHER], tool_choice="required", max_tokens=30
    )
    assert tools.choices[0].message.tool_calls[0].function.name == "weather"
    vectors = client.embeddings.create(model="atlas-embed", input=["a tile", "a stone"])
    assert len(vectors.data) == 2


def test_from_sign_up_to_the_first_call(window):
    page = window()
    steps.sign_up(page, "ada@aurora.example")
    slug = steps.found(page, "Aurora")
    checklist = page.context.new_page()
    checklist.goto(f"/o/{slug}/onboarding/")
    checklist.evaluate("window.isStillThere = true")
    take_picture(checklist, "startup-first-steps")

    steps.buy(page, slug, "10 million standard tokens")
    expect(checklist.get_by_role("listitem").filter(has_text="Buy")).to_contain_text("(done)")
    key = steps.make_key(page, slug, "first")
    curl, python, javascript = (shown(page, name) for name in ("curl", "Python", "JavaScript"))
    take_picture(page, "startup-key")
    assert all(key in code for code in (curl, python, javascript))
    assert "new OpenAI" in javascript
    page.goto(f"/o/{slug}/keys/")
    expect(page.get_by_text(key)).to_have_count(0)

    assert '"object":"chat.completion"' in run(["bash", "-c", curl]).replace(" ", "")
    assert run([sys.executable, "-c", python]).strip()

    expect(checklist.get_by_text("You are live")).to_be_visible()
    assert checklist.evaluate("window.isStillThere")
    take_picture(checklist, "startup-live")


def test_the_bill_is_right_to_the_last_digit(site, window, tmp_path):
    page = window()
    steps.sign_up(page, "bea@borealis.example")
    slug = steps.found(page, "Borealis")
    steps.buy(page, slug, "Starter")
    assert balance(page, slug) == 20
    key = steps.make_key(page, slug, "server")
    usage = page.context.new_page()
    usage.goto(f"/o/{slug}/usage/")

    with openai.OpenAI(base_url=f"{site.origin}/v1", api_key=key, max_retries=0) as client:
        call_in_every_way(client)

    rows = usage.get_by_role("region", name="Requests, newest first").locator("tbody tr")
    expect(rows).to_have_count(5, timeout=SOON)
    take_picture(usage, "startup-usage")
    expect(rows.first).to_contain_text("atlas-embed")
    expect(rows.nth(2)).to_contain_text(re.compile(r"\d+\s(ms|s)"))
    costs = exact(rows)
    assert len(costs) == 5
    assert min(costs) > 0
    assert wait_until(lambda: balance(page, slug) == 20 - sum(costs), seconds=10)
    take_picture(page, "startup-balance")

    page.goto(f"/o/{slug}/billing/invoices/")
    take_picture(page, "startup-invoices")
    with page.expect_download() as download:
        page.get_by_role("link", name="PDF").first.click()
    download.value.save_as(tmp_path / "invoice.pdf")
    text = run(["pdftotext", "-layout", tmp_path / "invoice.pdf", "-"])
    assert "Borealis" in text
    assert "atlas-large" in text
