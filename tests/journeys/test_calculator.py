"""The calculator's script and the server reckon the same, to the last letter, in every direction."""

from urllib.parse import urlencode

import pytest

pytestmark = pytest.mark.timeout(240)

#: Models, and sizes of requests: usual ones, none, one that costs next to nothing, and large ones.
WISHES = [
    {"offer": "atlas-mini", "requests": "2000", "input": "800", "output": "300", "budget": "100"},
    {"offer": "atlas-large", "requests": "7", "input": "12345", "output": "1", "budget": "0.07"},
    {"offer": "atlas-mini", "requests": "0", "input": "800", "output": "300", "budget": "19.99"},
    {"offer": "atlas-mini", "requests": "1", "input": "1", "output": "0", "budget": "0"},
    {"offer": "atlas-large", "requests": "3", "input": "0", "output": "0", "budget": "5"},
    {
        "offer": "atlas-large",
        "requests": "999999",
        "input": "9999999",
        "output": "9999999",
        "budget": "999999999",
    },
]
SAID = """() => Object.fromEntries([
  ...[...document.querySelectorAll("[data-answer]")].map(
    (it) => [it.dataset.answer, it.textContent]),
  ...[...document.querySelectorAll("[data-bundle]:not([hidden])")].map(
    (it) => [it.querySelector("a, bdi, strong")?.textContent ?? it.id,
             [it.querySelector("[data-bundle-days]").textContent,
              it.querySelector("[data-bundle-cut]").hidden]]),
].map(([name, said]) => [name, typeof said === "string" ? plain(said) : [plain(said[0]), said[1]]]))"""
SAID = SAID.replace(
    "() =>", "() => { const plain = (it) => it.replace(/\\s+/g, ' ').trim(); return"
)
SAID += "}"


def said(page):
    """Return what the calculator answers, and how long each bundle that pays lasts."""
    return page.evaluate(SAID)


@pytest.mark.parametrize("language", ["en", "ar", "fr"])
def test_the_script_says_what_the_server_says(window, language):
    scripted = window(locale=language)
    plain = window(locale=language, java_script_enabled=False)
    scripted.goto("/pricing/")

    for wish in WISHES:
        scripted.locator("#calculator [name=offer]").select_option(wish["offer"])
        for name in ("requests", "input", "output", "budget"):
            scripted.locator(f"#calculator [name={name}]").fill(wish[name])
        plain.goto(f"/pricing/?{urlencode(wish)}")

        found = said(plain)
        assert {"day", "month", "requests", "tokens", "days"} < found.keys()
        assert said(scripted) == found, wish
