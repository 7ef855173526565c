"""From a bad file to a good one, to a job that is watched to its end."""

import pytest
from playwright.sync_api import expect

from studio import sample_dataset
from tests.journeys import steps
from tests.support.browser import take_picture

pytestmark = pytest.mark.timeout(240)

BAD = sample_dataset.content().replace('"role": "user"', '"role": "human"', 1)


def upload(page, content):
    """Choose a file on the page for uploading, and send it."""
    file = {"name": "support.jsonl", "mimeType": "application/jsonl", "buffer": content.encode()}
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Upload").click()


def see(page, sign):
    """Wait until the page, which asks for news itself, shows the sign."""
    expect(sign).to_be_visible(timeout=steps.LONGEST * 1_000)


#: With scripts a page keeps itself up to date; without, it is loaded again.
FOLLOW = {True: see, False: steps.reload_until}


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
def test_a_bad_file_leads_to_a_job_that_succeeds(signed_in, scripts):
    page = signed_in("founder@startup.example", java_script_enabled=scripts)
    page.goto("/o/northwind-ai/studio/datasets/new/")
    upload(page, BAD)
    page.wait_for_url("**/datasets/*-*/")
    steps.reload_until(page, page.get_by_role("heading", name="A role is not known"))
    take_picture(page, f"studio-bad-{scripts}")

    page.get_by_role("link", name="Upload the mended file").click()
    upload(page, sample_dataset.content())
    page.wait_for_url("**/datasets/*-*/")
    steps.reload_until(page, page.get_by_role("link", name="Teach a model with it"))
    page.get_by_role("link", name="Teach a model with it").click()
    page.get_by_label("Name", exact=True).fill("journey")
    page.get_by_role("button", name="See what it costs").click()
    expect(page.get_by_text("A dry run", exact=True)).to_be_visible()
    page.get_by_role("button", name="Begin the job").click()

    expect(page.get_by_text("The job is begun.")).to_be_visible()
    FOLLOW[scripts](page, page.get_by_text("The job has succeeded."))
    take_picture(page, f"studio-job-{scripts}")
