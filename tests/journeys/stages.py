"""Pages that exist only in the middle of something, and how people get there."""

import re

from tests.journeys import steps


def confirm_address(page, site):
    """Sign up, and stop where the code is asked for."""
    page.goto("/accounts/signup/")
    page.get_by_label("E-mail address").fill("confirm@stages.example")
    page.get_by_label("Password").fill(steps.PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/confirm-email/")


def name_passkey(page, site):
    """Sign up by passkey, and stop where it is made."""
    steps.plug_in_authenticator(page)
    page.goto("/accounts/signup/passkey/")
    page.get_by_label("E-mail address").fill("passkey@stages.example")
    page.get_by_role("button", name="Continue").click()
    steps.confirm_address(page, "passkey@stages.example")
    page.wait_for_url("**/webauthn/signup/")


def confirm_sign_in(page, site):
    """Ask for a code to sign in with."""
    page.goto("/accounts/login/code/")
    page.get_by_label("E-mail address").fill("developer@startup.example")
    page.get_by_role("button", name="Send the code").click()
    page.wait_for_url("**/code/confirm/")


def prove_second_factor(page, site):
    """Sign in as staff, and stop where the second factor is asked for."""
    steps.sign_in(page, site.demo["staff"]["email"], site.demo["password"])
    page.wait_for_url("**/2fa/authenticate/")


def set_up_second_factor(page, site):
    """Come to the desk without a second factor."""
    site.manage("staff", "new@operator.example")
    steps.sign_in_by_code(page, "new@operator.example")
    page.goto("/staff/")


def choose_new_password(page, site):
    """Follow the link that was sent to whoever forgot their password."""
    page.goto("/accounts/password/reset/")
    page.get_by_label("E-mail address").fill("developer@startup.example")
    page.get_by_role("main").get_by_role("button").click()
    link = re.compile(r"https?://\S+/password/reset/key/\S+")
    page.goto(steps.read_mail(page, "developer@startup.example", link))


def accept_invitation(page, site):
    """Follow an invitation."""
    boss = page.context.browser.new_context(base_url=site.origin).new_page()
    steps.sign_in(boss, "admin@ministry.example", site.demo["password"])
    steps.invite(boss, "ministry-of-works", "guest@stages.example", "Viewer")
    boss.context.close()
    page.goto(steps.link_for(page, "guest@stages.example"))


def confirm_status_mail(page, site, address="confirm@readers.example"):
    """Ask for mail about the service, and follow the link."""
    page.goto("/status/mail/")
    page.get_by_label("E-mail address").fill(address)
    page.get_by_role("button", name="Send the link").click()
    page.get_by_text("Open your mail").wait_for()
    page.goto(steps.mailed(page, address, re.compile(r"https?://\S+/status/mail/confirm/\S+")))


def choose_status_mail(page, site, address="choose@readers.example"):
    """Confirm that mail about the service is wanted, and come to what one gets."""
    confirm_status_mail(page, site, address)
    page.get_by_role("button", name="Write to me").click()
    page.get_by_role("button", name="Save").wait_for()


def end_status_mail(page, site):
    """Come to where it ends."""
    choose_status_mail(page, site, "end@readers.example")
    page.get_by_role("link", name="Get no more mail").click()
    page.get_by_role("link", name="Choose what I get").wait_for()


#: By route.
STAGES = {
    "accounts/confirm-email/": confirm_address,
    "accounts/2fa/webauthn/signup/": name_passkey,
    "accounts/login/code/confirm/": confirm_sign_in,
    "accounts/2fa/authenticate/": prove_second_factor,
    "staff/second-factor/": set_up_second_factor,
    "accounts/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": choose_new_password,
    "invitations/<str:token>/": accept_invitation,
    "status/mail/confirm/<str:token>/": confirm_status_mail,
    "status/mail/<str:token>/": choose_status_mail,
    "status/mail/<str:token>/end/": end_status_mail,
}
