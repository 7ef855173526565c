"""An organization is shared: invited, let in, held back, moved about, let go; and all of it told."""

import re

import pytest
from playwright.sync_api import expect

from tests.journeys import steps
from tests.support.browser import take_picture

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def owner(window):
    """Found an organization and return its owner's page and its part of the address."""

    def begin(name):
        page = window()
        steps.sign_up(page, f"owner@{name.lower()}.example")
        return page, steps.found(page, name)

    return begin


def join(page, email):
    """Follow the link in the mailbox, sign up on the way and accept; return the link."""
    link = steps.link_for(page, email)
    page.goto(link)
    page.get_by_role("link", name="Create an account").click()
    page.get_by_role("link", name="Use a password instead").click()
    steps.fill_sign_up(page, email)
    page.get_by_role("button", name="Accept invitation").click()
    page.wait_for_url("**/o/*/")
    return link


def answer(page, button):
    """Say yes in the dialog that asks."""
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name=button).click()
    expect(dialog).to_be_hidden()


def audit_rows(page, slug):
    """Return the audit log's cells, newest row first, each as one line."""
    page.goto(f"/o/{slug}/audit/")
    rows = page.get_by_role("row").filter(has=page.get_by_role("cell")).all()
    return [
        [" ".join(cell.split()) for cell in row.locator("td").all_inner_texts()] for row in rows
    ]


def test_a_viewer_joins_by_link_sees_what_viewers_may_and_leaves(owner, window):
    boss, slug = owner("Sharing")
    steps.invite(boss, slug, "vera@sharing.example", "Viewer")

    guest = window()
    link = join(guest, "vera@sharing.example")

    navigation = guest.get_by_role("navigation", name="Sharing")
    expect(navigation.get_by_role("link", name="Usage")).to_be_visible()
    expect(navigation.get_by_role("link", name="API keys")).to_have_count(0)
    for hidden in ("keys", "audit", "members", "billing"):
        assert guest.request.get(f"/o/{slug}/{hidden}/").status == 403
    assert guest.goto(f"/o/{slug}/keys/").status == 403
    take_picture(guest, "sharing-refused")
    assert guest.goto(link).status == 410
    take_picture(guest, "sharing-used-link")

    guest.goto("/organizations/?all")
    guest.get_by_role("button", name="Leave Sharing").click()
    take_picture(guest, "sharing-leave")
    answer(guest, "Leave")
    expect(guest.get_by_text("You have left Sharing.")).to_be_visible()
    assert guest.goto(f"/o/{slug}/").status == 404


def test_a_member_is_changed_and_removed_and_the_audit_log_tells_it(owner, window):
    boss, slug = owner("Audited")
    steps.invite(boss, slug, "dora@audited.example", "Developer")
    guest = window()
    join(guest, "dora@audited.example")

    boss.goto(f"/o/{slug}/members/")
    boss.get_by_label("Role of dora@audited.example").select_option(label="Admin")
    boss.get_by_role("button", name="Change dora@audited.example").click()
    expect(boss.get_by_text("Role changed.")).to_be_visible()
    boss.get_by_role("button", name="Remove dora@audited.example").click()
    answer(boss, "Remove")
    expect(boss.get_by_text("dora@audited.example was removed.")).to_be_visible()

    assert guest.goto(f"/o/{slug}/").status == 404
    told = audit_rows(boss, slug)[:4]
    take_picture(boss, "sharing-audit")
    assert [(row[1].split()[0], row[2].split()[-1]) for row in told] == [
        ("owner@audited.example", "member.removed"),
        ("owner@audited.example", "member.role_changed"),
        ("dora@audited.example", "member.joined"),
        ("owner@audited.example", "member.invited"),
    ]
    assert "developer" in told[1][-1]
    assert told[1][-1].endswith("admin")


def test_a_person_of_two_organizations_switches_and_leaves_one(owner):
    boss, slug = owner("Switching")
    steps.invite(boss, slug, "owner@elsewhere.example", "Billing")
    guest, own = owner("Elsewhere")
    guest.goto(steps.link_for(guest, "owner@elsewhere.example"))
    guest.get_by_role("button", name="Accept invitation").click()
    expect(guest).to_have_url(re.compile(f"/o/{slug}/$"))

    steps.open_menu(guest, "Organization:")
    guest.get_by_role("link", name="Elsewhere").click()
    expect(guest).to_have_url(re.compile(f"/o/{own}/$"))
    guest.goto(f"/o/{slug}/members/")
    guest.get_by_role("button", name="Leave").click()
    answer(guest, "Leave")

    expect(guest.get_by_text("You have left Switching.")).to_be_visible()
    assert guest.goto(f"/o/{slug}/").status == 404
