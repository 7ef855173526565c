"""What staff types about the site."""

import re
from collections.abc import Iterator
from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from common import language_fields, languages
from front import face
from front.models import SiteVersion
from marketplace.forms.sections import FilledSection, Section, folds

ACCENT = re.compile(r"#[0-9a-fA-F]{6}\Z")
CONTACT = re.compile(r"(https?://[^\s/]+\S*|[^\s@:/]+@[^\s@:/]+)\Z")
#: Where links of the footer may lead: to a page of this portal, another site, or an e-mail.
ADDRESS = re.compile(r"(https?://[^\s/]+\S*|/(?!/)\S*|mailto:\S+@\S+)\Z")
PICTURES = ("logo", "logo_dark", "favicon")
PLAIN = ("name", "short_name", "accent", "contact", "sender_name", "sender_address")
#: What each text is called, how many lines it is given, and how long it may be.
TEXTS: dict[str, tuple[StrOrPromise, StrOrPromise, int, int]] = {
    "tagline": (_("Sentence under the logo"), "", 2, 200),
    "links": (
        _("Links of the footer"),
        _("One a line: its words, a space, its address (https://…, /… or mailto:…)."),
        4,
        2000,
    ),
    "legal_lines": (_("Legal lines"), _("Such as a registration or a licence number."), 3, 1000),
    "mail_intro": (_("Beginning of e-mails"), "", 2, 500),
    "mail_footer": (_("End of e-mails"), _("Such as a signature and an address."), 3, 1000),
}


class SiteForm(forms.Form):
    """Name, pictures, colour, support and texts; what is left empty is as the settings have it."""

    name = forms.CharField(label=_("Name"), max_length=60, required=False)
    short_name = forms.CharField(
        label=_("Short name"),
        max_length=20,
        required=False,
        help_text=_("Where there is little room, such as under an icon."),
    )
    contact = forms.CharField(
        label=_("Support"),
        max_length=200,
        required=False,
        help_text=_("An e-mail address or a page where customers turn to."),
        validators=[
            RegexValidator(CONTACT, _("Write an e-mail address, or one such as https://…"))
        ],
    )
    accent = forms.CharField(
        label=_("Accent colour"),
        required=False,
        help_text=_(
            "Six digits such as #0b5fff. Where words in it would not read, they are moved."
        ),
        validators=[RegexValidator(ACCENT, _("Write a colour of six digits, such as #0b5fff."))],
        widget=forms.TextInput({"dir": "ltr", "autocomplete": "off"}),
    )
    logo = forms.FileField(
        label=_("Logo"),
        required=False,
        help_text=_("PNG, WebP or SVG; at most 500 kB."),
    )
    logo_dark = forms.FileField(
        label=_("Logo for the dark"),
        required=False,
        help_text=_("Without one, the logo stands on a white plate in the dark."),
    )
    favicon = forms.FileField(
        label=_("Icon of the page"), required=False, help_text=_("Without one, the logo is used.")
    )
    no_logo = forms.BooleanField(label=_("Take the logo away"), required=False)
    no_logo_dark = forms.BooleanField(label=_("Take the logo for the dark away"), required=False)
    no_favicon = forms.BooleanField(label=_("Take the icon away"), required=False)
    sender_name = forms.CharField(
        label=_("Sender's name"),
        max_length=60,
        required=False,
        help_text=_("Empty: the operator's name."),
    )
    sender_address = forms.EmailField(
        label=_("Sender's address"),
        required=False,
        help_text=_("Your mail server must be allowed to send for it."),
    )

    sections = (
        Section(
            "name",
            _("Name"),
            _("What customers read on every page and in every message."),
            ("name", "short_name", "contact"),
        ),
        Section(
            "look",
            _("Look"),
            _("Pictures are looked through: what could run or load something is refused."),
            ("accent", "logo", "no_logo", "logo_dark", "no_logo_dark", "favicon", "no_favicon"),
        ),
        Section(
            "mails",
            _("E-mails"),
            _("Who they come from."),
            ("sender_name", "sender_address"),
        ),
        Section(
            "texts",
            _("Texts"),
            _(
                "What stands in the footer and around e-mails, in each language. Readers of another see the first."
            ),
            (),
        ),
    )

    def __init__(
        self,
        data: Any = None,
        files: Any = None,
        *,
        version: SiteVersion | None = None,
        shown: str = settings.LANGUAGE_CODE,
    ) -> None:
        self.shown = shown
        self.version = version or SiteVersion()
        words = self.version.words.items()
        texts = {f"{name}_{code}": it for name, by in words for code, it in by.items()}
        initial = {name: getattr(self.version, name) for name in PLAIN} | texts
        super().__init__(data, files, initial=initial)
        for name, (label, help_text, rows, most) in TEXTS.items():
            for code in languages.codes():
                self.fields[f"{name}_{code}"] = language_fields.area(
                    code, label, rows=rows, most=most, required=False, help_text=help_text
                )
        for name in PICTURES:
            if getattr(self.version, name) is None:
                del self.fields[f"no_{name}"]
        plain = [name for section in self.sections for name in section.names]
        self.order_fields([*plain, *(f"{it}_{code}" for code in languages.codes() for it in TEXTS)])

    def filled_sections(self) -> Iterator[FilledSection]:
        """Yield the sections with their fields, in order."""
        for section in self.sections:
            fields = [self[name] for name in section.names if name in self.fields]
            texts = section.name == "texts"
            by_language = folds(self, languages.codes(), list(TEXTS), self.shown) if texts else []
            yield FilledSection(section, fields, by_language)

    def clean(self) -> dict[str, Any]:
        """Refuse lines that are no links."""
        cleaned = super().clean() or self.cleaned_data
        for code in languages.codes():
            for link in face.links(cleaned.get(f"links_{code}", "")):
                if not link.label or not ADDRESS.match(link.address):
                    words = _("“%(line)s” is no link: write words, a space, and an address.")
                    line = f"{link.label} {link.address}".strip()
                    self.add_error(f"links_{code}", words % {"line": line})
        return cleaned

    def facts(self) -> dict[str, Any]:
        """Return what the version will say, but for new pictures."""
        plain = {name: self.cleaned_data[name] for name in PLAIN}
        words = {name: language_fields.written(self.cleaned_data, name) for name in TEXTS}
        gone = {it: None for it in PICTURES if self.cleaned_data.get(f"no_{it}")}
        kept = {it: getattr(self.version, it) for it in PICTURES if it not in gone}
        return {**plain, **kept, **gone, "words": {it: by for it, by in words.items() if by}}
