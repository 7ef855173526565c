"""The operator's name, logo and colour, on every page and readable in both themes."""

import re

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from front import colours as theme

COLOURS = st.tuples(*[st.integers(0, 255)] * 3)
SHADE = re.compile(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)")


def shades(accent):
    return {name: (light, dark) for name, light, dark in SHADE.findall(theme.style_sheet(accent))}


@given(COLOURS)
def test_whatever_the_accent_text_in_it_and_on_it_can_be_read(colour):
    found = shades("#{:02x}{:02x}{:02x}".format(*colour))

    for place, surface in ((0, theme.LIGHT_SURFACE), (1, theme.DARK_SURFACE)):
        accent, fill, hover, on, tint = (
            theme.parse(found[name][place])
            for name in ("accent", "accent-fill", "accent-fill-hover", "accent-on", "accent-tint")
        )
        assert theme.contrast(accent, surface) >= theme.ENOUGH
        assert theme.contrast(accent, tint) >= theme.ENOUGH
        assert theme.contrast(on, fill) >= theme.ENOUGH
        assert theme.contrast(on, hover) >= theme.ENOUGH


@pytest.mark.parametrize(
    ("accent", "on", "in_the_dark"),
    [
        ("#0b5fff", "#ffffff", "#0b5fff"),
        ("#ffd400", "#000000", "#ffd400"),
        ("#e2001a", "#ffffff", "#e2001a"),
    ],
)
def test_buttons_keep_the_operators_very_colour(accent, on, in_the_dark):
    found = shades(accent)

    assert (found["accent-fill"][0], found["accent-on"][0]) == (accent, on)
    assert found["accent-fill"][1] == in_the_dark


@pytest.mark.parametrize(("accent", "place"), [("#ffffff", 0), ("#001030", 1)])
def test_a_colour_that_is_lost_on_the_page_is_moved(accent, place):
    assert shades(accent)["accent-fill"][place] != accent


@pytest.mark.parametrize("text", ["", "red", "#12", "#gggggg", "0b5fff0b5fff", "#-1-1-1"])
def test_what_is_no_colour_becomes_ours(text):
    assert theme.parse(text) == theme.FALLBACK


@pytest.fixture
def named(monkeypatch, tmp_path):
    logo = tmp_path / "logo.svg"
    logo.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    operator = {"name": "Steppe & Telecom", "logo": logo, "accent": "#00aa55"}
    monkeypatch.setattr(settings, "OPERATOR", operator)


@pytest.mark.parametrize("address", ["/", "/models/", "/pricing/", "/accounts/login/", "/status/"])
def test_the_operators_name_and_logo_stand_on_every_page(named, client, db, address):
    page = client.get(address).content.decode()

    assert "Steppe &amp; Telecom" in page
    assert "tessera" not in page.lower()
    assert 'src="/operator-logo"' in page


def test_the_logo_is_served_and_nothing_in_it_can_run(named, client, db):
    response = client.get("/operator-logo")

    assert response.headers["Content-Type"] == "image/svg+xml"
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_the_icon_of_old_is_the_operators(named, client, db):
    assert client.get("/favicon.ico")["Location"] == "/operator-logo"


def test_without_a_logo_there_is_none_to_serve(client, db):
    assert client.get("/operator-logo").status_code == 404


def test_the_accent_comes_as_a_style_sheet_of_its_own(named, client, db):
    response = client.get("/theme.css")

    assert response.headers["Content-Type"] == "text/css"
    assert "--accent-fill: light-dark(#" in response.content.decode()
