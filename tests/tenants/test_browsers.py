"""What a session's browser is called."""

import pytest

from tenants.templatetags.browsers import browser

LIKE_ALL = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) "


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (LIKE_ALL.format("X11; Linux x86_64") + "Chrome/156.0 Safari/537.36", "Chrome on Linux"),
        (LIKE_ALL.format("Windows NT 10.0") + "Chrome/1 Safari/1 Edg/1", "Edge on Windows"),
        (LIKE_ALL.format("iPhone; like Mac OS X") + "Version/19 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 15; rv:140.0) Firefox/140.0", "Firefox on macOS"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("x" * 500, "x" * 60),
        ("", "Unknown"),
    ],
)
def test_a_browser_has_a_name(user_agent, words):
    assert browser(user_agent) == words


def test_the_list_of_sessions_names_the_browser(db, acme, alice_client):
    agent = LIKE_ALL.format("X11; Linux x86_64") + "Chrome/156.0 Safari/537.36"

    alice_client.get("/organizations/?all", headers={"User-Agent": agent})
    page = alice_client.get("/accounts/sessions/", headers={"User-Agent": agent}).content.decode()

    assert "Chrome on Linux" in page
    assert f'title="{agent}"' in page
