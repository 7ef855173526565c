"""Who is signed in already."""

import pytest

from tests.journeys import steps


@pytest.fixture
def signed_in(site, window):
    """Open a window for a person of the demo; each signs in once per run."""

    def begin(email, **options):
        page = window(storage_state=site.sessions.get(email), **options)
        if email not in site.sessions:
            steps.sign_in(page, email, site.demo["password"])
            site.sessions[email] = page.context.storage_state()
        return page

    return begin


@pytest.fixture
def desk(site, signed_in):
    """Open the operator's desk for the demo's member of staff, or for the colleague."""

    def begin(who="staff", **options):
        staff = site.demo[who]
        page = signed_in(staff["email"], **options)
        page.goto("/staff/")
        while page.get_by_label("Code").count():
            # A code is good once: another test may have used the one of this half-minute.
            page.get_by_label("Code").fill(steps.totp(staff["totp_secret"]))
            with page.expect_navigation():
                page.get_by_role("button", name="Sign in", exact=True).click()
            if page.get_by_label("Code").count():
                page.wait_for_timeout(8_000)
            site.sessions[staff["email"]] = page.context.storage_state()
            page.goto("/staff/")
        return page

    return begin
