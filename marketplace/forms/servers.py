"""What staff types about servers and the regions they stand in."""

import re
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _
from django_countries import countries
from django_stubs_ext import StrOrPromise

from marketplace.forms.fields import ServerAddress
from marketplace.models import Upstream
from marketplace.services.upstreams import PATIENCE
from tenants.models import Region

#: A credential is sent in a header: no spaces, no line breaks.
HEADER_SAFE = re.compile(r"[\x21-\x7e]*")
#: A server of which nobody has said how long it is waited for.
USUAL = Upstream()
LONGEST = 3600


@dataclass(frozen=True, slots=True)
class Preset:
    """What suits a kind of server; see the table in docs/operator.md."""

    label: StrOrPromise
    connect_seconds: int = USUAL.connect_seconds
    first_byte_seconds: int = USUAL.first_byte_seconds
    idle_seconds: int = USUAL.idle_seconds


PRESETS = {
    "generic": Preset(_("Any OpenAI-compatible server")),
    "vllm": Preset("vLLM"),
    "sglang": Preset("SGLang"),
    # The first request after a start may wait for kernels that are still being built.
    "nim": Preset("NVIDIA NIM", first_byte_seconds=300),
    # One request after the other, each through the whole of Python.
    "transformers": Preset("transformers serve", first_byte_seconds=600, idle_seconds=300),
}


class Seconds(forms.IntegerField):
    """A whole number of seconds; left empty, the usual one."""

    def __init__(self, usual: int, **options: Any) -> None:
        self.usual = usual
        super().__init__(required=False, initial=usual, min_value=1, max_value=LONGEST, **options)

    def clean(self, value: Any) -> int:
        """Return the seconds."""
        seconds: int | None = super().clean(value)
        return seconds or self.usual


class ServerForm(forms.Form):
    """How a server is reached."""

    name = forms.CharField(label=_("Name"), max_length=100)
    base_url = ServerAddress(
        label=_("Address"),
        max_length=300,
        help_text=_("Of an OpenAI-compatible server (vLLM, NIM, Ollama …), with its /v1."),
        widget=forms.TextInput(attrs={"inputmode": "url", "dir": "ltr", "autocomplete": "off"}),
    )
    credential = forms.CharField(
        label=_("Credential"),
        max_length=500,
        required=False,
        strip=True,
        help_text=_("Sent as a bearer token. Kept encrypted, and never shown again."),
        widget=forms.PasswordInput(
            attrs={"autocomplete": "new-password", "dir": "ltr"}, render_value=False
        ),
    )

    connect_seconds = Seconds(
        USUAL.connect_seconds,
        label=_("Seconds to connect"),
        help_text=_("Then another server of the offer is asked."),
    )
    first_byte_seconds = Seconds(
        USUAL.first_byte_seconds,
        label=_("Seconds to the first byte"),
        help_text=_("Long prompts need time. Then another server of the offer is asked."),
    )
    idle_seconds = Seconds(
        USUAL.idle_seconds,
        label=_("Seconds of silence"),
        help_text=_("Between two parts of an answer. Then the answer has broken off."),
    )

    def clean_name(self) -> str:
        """Refuse a name that has nothing to read in it."""
        name: str = self.cleaned_data["name"]
        if not slugify(name, allow_unicode=True):
            raise forms.ValidationError(_("Write the name in letters."))
        return name

    def clean_credential(self) -> str:
        """Refuse what no header could carry."""
        credential: str = self.cleaned_data["credential"]
        if not HEADER_SAFE.fullmatch(credential):
            raise forms.ValidationError(_("A credential has no spaces and only plain characters."))
        return credential


class NewServerForm(ServerForm):
    """A server in a region."""

    region = forms.ModelChoiceField(
        label=_("Region"),
        queryset=Region.objects.all(),
        help_text=_("Where it computes. It never changes: offers are sold as computed there."),
    )

    preset = forms.ChoiceField(
        label=_("What answers there"),
        choices=[(code, it.label) for code, it in PRESETS.items()],
        required=False,
        help_text=_("Fills the seconds that you leave empty with what suits it."),
    )

    field_order = ("name", "region", "preset", "base_url", "credential")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in PATIENCE:
            field = self.fields[name]
            assert isinstance(field, Seconds)  # noqa: S101 - declared as one
            # Empty until it is sent: then the preset, and not the usual, takes its place.
            field.initial, field.usual = None, 0

    def clean(self) -> dict[str, Any]:
        """Fill what was left empty."""
        cleaned = super().clean() or self.cleaned_data
        preset = PRESETS[cleaned.pop("preset", "") or "generic"]
        for name in PATIENCE:
            if name not in self.errors:
                cleaned[name] = cleaned.get(name) or getattr(preset, name)
        return cleaned


class EditServerForm(ServerForm):
    """A server that is there; its region stays."""

    forget_credential = forms.BooleanField(label=_("Remove the stored credential"), required=False)
    is_enabled = forms.BooleanField(
        label=_("Switched on"),
        required=False,
        help_text=_("A server that is switched off gets no requests within five seconds."),
    )
    is_draining = forms.BooleanField(
        label=_("Draining"),
        required=False,
        help_text=_(
            "Before you take it away: it is asked only when no other server can answer, and what"
            " it is answering ends in peace."
        ),
    )

    field_order = ("name", "base_url", "credential", "forget_credential")

    def clean(self) -> dict[str, Any]:
        """Refuse to store and to remove at once."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("credential") and cleaned.get("forget_credential"):
            self.add_error("forget_credential", _("Write a new credential or remove it, not both."))
        return cleaned


class RegionForm(forms.Form):
    """A place where the operator computes."""

    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("Such as Paris."))
    code = forms.SlugField(
        label=_("Code"),
        max_length=40,
        help_text=_("Such as eu-paris: small letters, digits and hyphens. It never changes."),
    )
    country = forms.ChoiceField(label=_("Country"), choices=lambda: [("", "—"), *countries])
    jurisdiction = forms.CharField(
        label=_("Jurisdiction"),
        max_length=10,
        help_text=_("Whose law holds: EU, or a country's two letters, such as KZ."),
    )

    def clean_code(self) -> str:
        """Write codes alike."""
        code: str = self.cleaned_data["code"]
        return code.lower()

    def clean_jurisdiction(self) -> str:
        """Accept the codes that customers allow by: EU or a country's."""
        code: str = self.cleaned_data["jurisdiction"].upper()
        if code != "EU" and code not in dict(countries):
            raise forms.ValidationError(_("Write EU or the two letters of a country."))
        return code
