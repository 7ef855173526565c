"""Which browser a session was opened in, in words."""

from django import template
from django.utils.translation import gettext

register = template.Library()

#: What a browser calls itself; most of them also name those further down, so the order matters.
BROWSERS = {
    "Edg": "Edge",
    "OPR": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "CriOS": "Chrome",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
SYSTEMS = {
    "Windows": "Windows",
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Mac OS X": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


@register.filter
def browser(user_agent: str) -> str:
    """Name browser and system: ``Firefox on Windows``; programs keep what they say of themselves."""
    name = next((words for code, words in BROWSERS.items() if f"{code}/" in user_agent), "")
    system = next((words for code, words in SYSTEMS.items() if code in user_agent), "")
    if name and system:
        return gettext("%(browser)s on %(system)s") % {"browser": name, "system": system}
    return name or user_agent[:60] or gettext("Unknown")
