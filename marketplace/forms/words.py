"""The words that models are described with, as forms offer and pages show them."""

from django.utils.translation import gettext_lazy as _

FEATURES = (
    ("tools", _("Tools")),
    ("json", _("JSON mode")),
    ("streaming", _("Streaming")),
    ("vision", _("Vision")),
    ("reasoning", _("Reasoning")),
)
MODALITIES = (("text", _("Text")), ("image", _("Image")), ("audio", _("Audio")))
LANGUAGES = (
    ("en", _("English")),
    ("fr", _("French")),
    ("ar", _("Arabic")),
    ("kk", _("Kazakh")),
    ("ru", _("Russian")),
    ("de", _("German")),
    ("es", _("Spanish")),
    ("it", _("Italian")),
    ("pt", _("Portuguese")),
    ("tr", _("Turkish")),
    ("zh", _("Chinese")),
    ("ja", _("Japanese")),
    ("hi", _("Hindi")),
)
