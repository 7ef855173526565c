"""``python -m tests.screenshots``: what the main pages look like, to be looked at.

Starts a Tessera of its own as people start it, opens each page as who uses it, in every size,
light and dark, from the left and from the right, and writes pictures. Ends with status 1 when a page does
not answer with 200, is wider than its window, asks another host or complains on the console.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import openai
from playwright.sync_api import sync_playwright

from portal.environment import ROOT
from tests.journeys import steps
from tests.journeys.walk import fits
from tests.support import servers
from tests.support.browser import Site, Witness
from tests.support.instance import Instance

FULL, EMPTY = "ministry-of-works", "northwind-ai"
#: What each page is called, where it is, and who opens it.
PAGES = {
    "landing": ("/", "visitor"),
    "catalogue": ("/models/", "visitor"),
    "model": ("/models/atlas-large/", "visitor"),
    "compare": (
        "/models/compare/?m=atlas-large&m=atlas-mini&m=atlas-reason&m=atlas-embed",
        "visitor",
    ),
    "pricing": ("/pricing/", "visitor"),
    "services": ("/services/", "visitor"),
    "service": ("/services/document-assistant/", "visitor"),
    "status": ("/status/", "visitor"),
    "api": ("/docs/", "visitor"),
    "sign-up": ("/accounts/signup/", "visitor"),
    "dashboard": (f"/o/{FULL}/", "admin"),
    "usage": (f"/o/{FULL}/usage/", "admin"),
    "keys": (f"/o/{FULL}/keys/", "admin"),
    "members": (f"/o/{FULL}/members/", "admin"),
    "balance": (f"/o/{FULL}/billing/", "admin"),
    "invoices": (f"/o/{FULL}/billing/invoices/", "admin"),
    "playground": (f"/o/{FULL}/playground/", "admin"),
    "service-levels": (f"/o/{FULL}/sla/", "admin"),
    "support": (f"/o/{FULL}/support/", "admin"),
    "datasets": (f"/o/{FULL}/studio/datasets/", "admin"),
    "dashboard-empty": (f"/o/{EMPTY}/", "founder"),
    "usage-empty": (f"/o/{EMPTY}/usage/", "founder"),
    "referrals": (f"/o/{EMPTY}/billing/referrals/", "founder"),
    "bundles": (f"/o/{EMPTY}/billing/bundles/", "founder"),
    "staff-overview": ("/staff/", "staff"),
    "staff-customers": ("/staff/customers/", "staff"),
    "staff-customer": (f"/staff/customers/{FULL}/", "staff"),
    "staff-models": ("/staff/models/", "staff"),
    "staff-margins": ("/staff/margins/", "staff"),
    "staff-prices": ("/staff/prices/", "staff"),
    "staff-service-levels": ("/staff/service-levels/", "staff"),
    "staff-books": ("/staff/books/", "staff"),
    "staff-changes": ("/staff/changes/", "staff"),
    "staff-servers": ("/staff/servers/", "staff"),
    "staff-sign-ups": ("/staff/sign-ups/", "staff"),
    "staff-trials": ("/staff/trials/", "staff"),
    "staff-signals": ("/staff/signals/", "staff"),
    "staff-referrals": ("/staff/referrals/", "staff"),
    "staff-exports": ("/staff/exports/", "staff"),
    "staff-audit": ("/staff/audit/", "staff"),
    "staff-legal": ("/staff/legal/", "staff"),
    "staff-announcements": ("/staff/announcements/", "staff"),
    "staff-site": ("/staff/site/", "staff"),
    "staff-incidents": ("/staff/incidents/", "staff"),
}
WIDTHS = {360: 740, 768: 1024, 1440: 900}
SCHEMES = ("light", "dark")
#: Languages by what a browser asks for.
LOCALES = {"en": "en-GB", "ar": "ar", "fr": "fr-FR", "ru": "ru-RU", "kk": "kk-KZ"}
MAILS = {"admin": "admin@ministry.example", "founder": "founder@startup.example"}
CHROMIUM = ["--no-sandbox", "--disable-dev-shm-usage"]


def arguments():
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description=__doc__)
    add = parser.add_argument
    add("--folder", type=Path, default=ROOT / "screenshots")
    add("--pages", nargs="+", choices=PAGES, default=list(PAGES), metavar="PAGE")
    add("--languages", nargs="+", choices=LOCALES, default=["en", "ar"], metavar="LANGUAGE")
    return parser.parse_args()


class Camera:
    """A browser in which everybody who is needed has signed in."""

    def __init__(self, browser, site):
        self.browser = browser
        self.site = site
        self.known = {"visitor": None}

    def window(self, who, language):
        """Open a window for a person, in a language."""
        if who not in self.known:
            # What is typed and pressed is looked for in English.
            page = self._open(None, "en").new_page()
            self._sign_in(page, who)
            self.known[who] = page.context.storage_state()
            page.context.close()
        return self._open(self.known[who], language)

    def _open(self, state, language):
        return self.browser.new_context(
            base_url=self.site.origin,
            storage_state=state,
            locale=LOCALES[language],
            reduced_motion="reduce",
        )

    def _sign_in(self, page, who):
        staff = self.site.demo["staff"]
        steps.sign_in(page, MAILS.get(who, staff["email"]), self.site.demo["password"])
        if who == "staff":
            page.get_by_label("Code").fill(steps.totp(staff["totp_secret"]))
            page.get_by_role("button", name="Sign in", exact=True).click()
            page.wait_for_url(lambda address: "/accounts/" not in address)

    def take(self, name, language, folder):
        """Take a page's pictures; return what is wrong with it."""
        address, who = PAGES[name]
        context = self.window(who, language)
        witness = Witness(context)
        page = context.new_page()
        answer = page.goto(address)
        problems = [] if answer.status == 200 else [f"answers with {answer.status}"]
        for width, height in WIDTHS.items():
            for scheme in SCHEMES:
                page.set_viewport_size({"width": width, "height": height})
                page.emulate_media(color_scheme=scheme)
                if not fits(page):
                    problems.append(f"is wider than {width} pixels")
                path = folder / language / f"{name}-{width}-{scheme}.png"
                page.screenshot(path=path, full_page=True)
        problems += witness.complaints
        context.close()
        return problems


def call(site):
    """Make a few calls, so that the pages have something of today to show."""
    key = site.demo["organizations"][FULL]["api_key"]
    client = openai.OpenAI(api_key=key, base_url=site.demo["base_url"])
    for question in ("What is a tessera?", "Draft a tender for street lights.", "Bonjour"):
        message = {"role": "user", "content": question}
        client.chat.completions.create(model="atlas-mini", messages=[message])


def say(line):
    """Tell how far it is."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main():
    """Take all the pictures; return how many pages have something wrong."""
    asked = arguments()
    bad = 0
    with tempfile.TemporaryDirectory(prefix="tessera-screenshots-") as state:
        servers.lend(Path(state) / "state")
        instance = Instance(Path(state) / "state")
        try:
            instance.wait_until_ready()
            site = Site(instance)
            call(site)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path="/usr/bin/chromium", args=CHROMIUM
                )
                camera = Camera(browser, site)
                for language in asked.languages:
                    for name in asked.pages:
                        problems = camera.take(name, language, asked.folder)
                        bad += bool(problems)
                        say(f"{language} {name}: {'; '.join(problems) or 'taken'}")
        finally:
            if instance.process.poll() is None:
                instance.end()
    say(f"The pictures are in {asked.folder}.")
    return bad


if __name__ == "__main__":
    sys.exit(bool(main()))
