"""Which events an endpoint can be told of. Apps above add theirs when they are loaded."""

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

#: Sent by hand, to one endpoint, to see whether it answers.
TEST = "webhook.test"
KEY_LEAKED = "api_key.leaked"
_types: dict[str, StrOrPromise] = {
    TEST: _("A test, sent by hand"),
    KEY_LEAKED: _("A key was reported as leaked, and is revoked"),
}


def register(name: str, words: StrOrPromise) -> None:
    """Add an event; ``words`` say what it tells."""
    _types[name] = words


def known() -> dict[str, StrOrPromise]:
    """Return the events an endpoint can choose, by name."""
    return {name: words for name, words in sorted(_types.items()) if name != TEST}
