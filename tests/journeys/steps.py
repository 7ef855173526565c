"""What people do again and again, in the words of the pages."""

import base64
import hashlib
import hmac
import re
import struct
import time
from urllib.parse import urlsplit

from playwright.sync_api import expect

PASSWORD = "correct horse battery"  # what every person of the journeys types
STEP = 30
#: Seconds before its end in which a code is not begun to be typed.
LET_PASS = 6
#: Seconds within which workers have done what they are asked for every half-minute.
LONGEST = 90


def speak(page, site, language):
    """Let the portal answer this window in a language; return the page."""
    page.context.add_cookies([{"name": "django_language", "value": language, "url": site.origin}])
    return page


def read_mail(page, email, pattern):
    """Return what the pattern finds in the newest message to the address that has it."""
    mailbox = page.context.new_page()
    mailbox.goto(f"/mailbox/?to={email}")
    text = mailbox.get_by_role("article").filter(has_text=pattern).first.inner_text()
    mailbox.close()
    return pattern.search(text)[0]


def code_for(page, email):
    """Return the code that was sent to the address."""
    return read_mail(page, email, re.compile(r"\b[A-Z]{4}-[A-Z]{4}\b"))


def link_for(page, email):
    """Return the invitation's link that was sent to the address."""
    return read_mail(page, email, re.compile(r"https?://\S+/invitations/\S+"))


def confirm_address(page, email):
    """Type the code that was sent to the address."""
    page.get_by_label("Code").fill(code_for(page, email))
    page.get_by_role("button", name="Confirm").click()


def sign_up(page, email):
    """Make an account with a password."""
    page.goto("/accounts/signup/")
    fill_sign_up(page, email)


def fill_sign_up(page, email):
    """Fill the form that asks for an address and a password, and confirm the address."""
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    confirm_address(page, email)


def plug_in_authenticator(page):
    """Give the window a device that makes passkeys and always confirms them."""
    facts = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    device.send("WebAuthn.addVirtualAuthenticator", {"options": facts})


def sign_up_by_passkey(page, email):
    """Make an account with the window's authenticator."""
    page.goto("/accounts/signup/passkey/")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_role("button", name="Continue").click()
    confirm_address(page, email)
    page.get_by_label("Name").fill("Laptop")
    page.get_by_role("button", name="Create passkey").click()
    page.wait_for_url("**/organizations/**")


def open_menu(page, name):
    """Open a menu by what its button says."""
    page.locator("summary").filter(has_text=name).click()


def sign_out(page):
    """Sign out through the menu."""
    open_menu(page, "Your account")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/")


def found(page, name):
    """Found an organization on the page that asks for it; return its part of the address."""
    page.get_by_label("Name").fill(name)
    page.get_by_label("Country").select_option("FR")
    page.get_by_role("button", name="Create organization").click()
    page.wait_for_url("**/onboarding/")
    return page.url.split("/")[-3]


def sign_in(page, email, password=PASSWORD):
    """Sign in with a password."""
    page.goto("/accounts/login/")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_label("Password")).to_have_count(0)


def buy(page, slug, bundle):
    """Buy a bundle and pay with the test card that stands on the payment page already."""
    page.goto(f"/o/{slug}/billing/bundles/")
    page.get_by_role("button", name=re.compile(f"^Pay [0-9].*{bundle}$")).click()
    page.get_by_label("Name on card").fill("Ann")
    page.get_by_role("button", name=re.compile("^Pay ")).click()
    page.wait_for_url("**/billing/orders/**")
    expect(page.get_by_text("Paid; your credit is ready")).to_be_visible()


def make_key(page, slug, name):
    """Make a key, stay on the page that shows it once, and return its text."""
    page.goto(f"/o/{slug}/keys/new/")
    page.get_by_role("textbox", name="Name").fill(name)
    page.get_by_role("button", name="Create key").click()
    return page.locator("#new-key").inner_text()


def invite(page, slug, email, role):
    """Invite an address from the members' page."""
    page.goto(f"/o/{slug}/members/")
    page.get_by_role("link", name="Invite somebody").click()
    page.get_by_role("textbox", name="E-mail address").fill(email)
    page.get_by_role("radio", name=f"{role}:").check()
    page.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_text(f"Invitation sent to {email}")).to_be_visible()


def set_budget(page, slug, name, amount):
    """Set a budget of the whole organization for each month."""
    page.goto(f"/o/{slug}/billing/budgets/new/")
    page.locator("#id_name").fill(name)
    page.locator("#id_amount").fill(amount)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name=name)).to_be_visible()


def add_webhook(page, slug, url):
    """Add an endpoint, test it, and wait until it was told at the second attempt."""
    page.goto(f"/o/{slug}/webhooks/new/")
    page.get_by_label("Address").fill(url)
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="I have stored the secret").click()
    page.get_by_role("button", name="Send a test").click()
    # A page that is still being replaced cannot be loaded again.
    expect(page.get_by_text("A test is on its way")).to_be_visible()
    reload_until(
        page, page.get_by_role("row").filter(has_text="webhook.test").get_by_text("Delivered")
    )


def add_dataset(client, name, content):
    """Upload examples with a key; return the id of the file."""
    return client.files.create(file=(name, content.encode()), purpose="fine-tune").id


def reload_until(page, sign):
    """Load the page again and again until the sign is there."""
    for _ in range(LONGEST):
        page.reload()
        if sign.count():
            return
        page.wait_for_timeout(1_000)
    expect(sign).to_be_visible()


def save_card(page, slug, number):
    """Give a card on the payment provider's page, which saves it."""
    page.goto(f"/o/{slug}/billing/automatic/")
    page.get_by_role("button", name="Save a card or an account").click()
    page.get_by_label("Card number").fill(number)
    page.get_by_role("button", name="Save payment method").click()


def answer_bank(page):
    """Tell the bank that it is the payer who asks."""
    page.get_by_role("heading", name="Confirm it is you").wait_for()
    page.get_by_role("button", name="Approve").click()


def top_up_below(page, slug, amount):
    """Have a bundle bought whenever less than this is left."""
    page.goto(f"/o/{slug}/billing/automatic/")
    page.get_by_label("Buy a bundle when the balance gets low").check()
    page.locator("#id_below").fill(amount)
    page.locator("#id_bundle").select_option(label="Starter")
    page.locator("#id_monthly_cap").fill(amount)
    page.get_by_role("button", name="Save the top-up").click()
    expect(page.get_by_text("Automatic top-up is saved")).to_be_visible()


def mailed(page, email, pattern):
    """Return what the pattern finds in a message to the address that is yet to come."""
    mailbox = page.context.new_page()
    mailbox.goto(f"/mailbox/?to={email}")
    sign = mailbox.get_by_role("article").filter(has_text=pattern)
    reload_until(mailbox, sign)
    text = sign.first.inner_text()
    mailbox.close()
    return pattern.search(text)[0]


def sign_in_by_code(page, email):
    """Sign in with a code from the mailbox."""
    page.goto("/accounts/login/code/")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_role("button", name="Send the code").click()
    confirm_address(page, email)
    expect(page.get_by_label("Code")).to_have_count(0)


def confirm_password(page):
    """Type the password once more, as changes of how one signs in ask for it."""
    page.goto("/accounts/reauthenticate/")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url("**/o/**")


def set_up_app(page):
    """Set up an authenticator app on the page that shows its secret; return the secret."""
    secret = page.locator("#authenticator_secret").inner_text()
    page.get_by_label("Code").fill(totp(secret))
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("button", name="Turn on")).to_have_count(0)
    return secret


def totp(secret):
    """Return the code that an authenticator app shows now (RFC 6238).

    A code about to turn over is let pass, as a person does who sees the app's ring run out:
    typed and sent, it would arrive when the next one is asked for.
    """
    left = STEP - time.time() % STEP
    if left < LET_PASS:
        time.sleep(left)
    counter = struct.pack(">Q", int(time.time()) // STEP)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    start = digest[-1] & 15
    number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**6:06}"


def open_version(page, book, version):
    """Open a version of a price book; return the addresses of both."""
    page.goto("/staff/books/")
    page.get_by_role("rowheader", name=book).get_by_role("link").click()
    page.wait_for_url("**/staff/books/*/")
    found = urlsplit(page.url).path
    page.get_by_role("link", name=version).click()
    page.wait_for_url("**/staff/versions/*/")
    return found, urlsplit(page.url).path


def refund_of(page, slug):
    """Return the address where a customer's purchase is paid back, from their newest invoice."""
    page.goto(f"/staff/customers/{slug}/")
    page.get_by_role("region", name="Invoices").get_by_role("link").first.click()
    page.wait_for_url("**/staff/invoices/*/")
    return page.get_by_role("link", name="Pay back what is left").get_attribute("href")


def end_of_contract(page, slug):
    """Return the address where the end of a customer's contract is proposed."""
    page.goto(f"/staff/customers/{slug}/contracts/")
    return page.get_by_role("link", name="End it").first.get_attribute("href")


def rehearse(page, book, version):
    """Have last month's usage replayed under a version of a price book, and wait for the result."""
    open_version(page, book, version)
    page.get_by_role("link", name="Rehearse it").click()
    page.get_by_role("button", name="Rehearse", exact=True).click()
    expect(page.get_by_role("link", name="CSV")).to_be_visible(timeout=20_000)
