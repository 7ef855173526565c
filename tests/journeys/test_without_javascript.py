"""Everything can be done in a browser that runs no scripts."""

import re

import pytest
from playwright.sync_api import expect

from tests.journeys import steps
from tests.support.browser import take_picture

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def page(window):
    """A window in which no script runs."""
    return window(java_script_enabled=False)


def test_sign_up_to_key(page):
    steps.sign_up(page, "nora@noscript.example")
    slug = steps.found(page, "Noscript")
    page.goto(f"/o/{slug}/keys/new/")
    page.get_by_label("Name").fill("first")
    page.get_by_role("button", name="Create key").click()

    expect(page.get_by_text(re.compile("^tsr_[a-z]+_[A-Za-z0-9]+$")).first).to_be_visible()
    expect(page.get_by_text("from openai import OpenAI").first).to_be_visible()
    take_picture(page, "noscript-key")
    steps.sign_out(page)
    assert page.goto(f"/o/{slug}/").url.endswith(f"/accounts/login/?next=/o/{slug}/")


def test_the_catalogue_is_filtered(page):
    page.goto("/models/")
    page.get_by_label("Kind").select_option("embedding")
    page.get_by_role("button", name="Show models").click()

    expect(page.get_by_role("article")).to_have_count(1)
    expect(page.get_by_role("heading", name="Atlas Embed")).to_be_visible()
    page.get_by_role("link", name=re.compile("^Clear")).click()
    expect(page.get_by_role("article")).to_have_count(5)
