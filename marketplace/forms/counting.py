"""What staff says of how a model's prompts are counted, before the engine counts them."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.forms.sections import Section
from marketplace.media import FIXED, PATCHES, TILES
from marketplace.models import AIModel

#: More than any model can read of one picture, or of one second of sound: a slip of the finger.
LARGEST = 1_000_000
NAMES = (
    "template_tokens_per_message",
    "template_tokens_base",
    "image_rule",
    "image_base",
    "image_each",
    "image_side",
    "image_most",
    "audio_per_second",
)
#: What each rule cannot do without.
NEEDED = {
    FIXED: ("image_base",),
    TILES: ("image_each", "image_side"),
    PATCHES: ("image_each", "image_side"),
}
SECTION = Section(
    "counting",
    _("Counting"),
    _(
        "How many tokens a prompt can be at most: so much is reserved before the engine is asked."
        " Too much costs nobody anything, too little would let engines count more than was paid for."
    ),
    NAMES,
)
LABELS = {
    "template_tokens_per_message": _("Tokens of the template, each message"),
    "template_tokens_base": _("Tokens of the template, once"),
}
HELP = {
    "template_tokens_per_message": _("What the model's chat template adds to each message."),
    "template_tokens_base": _("What it adds to the whole."),
    "image_rule": _(
        "As the model's makers publish it. Images come as data, so their size is known."
    ),
    "image_base": _(
        "With a fixed count all of them; by tile or patch what is added to the pieces."
    ),
    "image_most": _("Never more than this; also for an image whose size cannot be read."),
    "audio_per_second": _("Unknown, a prompt with sound reserves the whole context window."),
}


def complete(form: forms.ModelForm[AIModel], cleaned: dict[str, Any]) -> None:
    """Keep what was left empty as it is, and refuse a rule that lacks its numbers."""
    for name in NAMES:
        if name not in form.errors and cleaned.get(name) in (None, ""):
            cleaned[name] = getattr(form.instance, name)
        if isinstance(cleaned.get(name), int) and cleaned[name] > LARGEST:
            form.add_error(name, _("That is more than any model counts."))
    for name in NEEDED.get(cleaned.get("image_rule", ""), ()):
        if name not in form.errors and not cleaned.get(name):
            form.add_error(name, _("This rule needs it."))
    if cleaned.get("image_most") == 0:
        form.add_error("image_most", _("An image is at least one token."))
