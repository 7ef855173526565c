"""What staff types about servers and the regions they stand in."""

import re
from collections.abc import Iterator
from typing import Any

from django import forms
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _
from django_countries import countries
from django_stubs_ext import StrOrPromise

from marketplace import presets
from marketplace.forms.fields import ServerAddress
from marketplace.models import ServerPreset, Upstream
from tenants.models import Region

#: A credential is sent in a header: no spaces, no line breaks.
HEADER_SAFE = re.compile(r"[\x21-\x7e]*")
#: A path that a request's first line can carry, with what may be asked there.
PATH = re.compile(r"/[\x21-\x22\x24-\x7e]*")
LONGEST = 3600


class Seconds(forms.IntegerField):
    """A whole number of seconds; left empty, those of the preset."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, min_value=1, max_value=LONGEST, **options)


class YesOrNo(forms.TypedChoiceField):
    """Yes, no, or as the preset says."""

    def __init__(self, **options: Any) -> None:
        choices = [("", _("As the preset says")), ("True", _("Yes")), ("False", _("No"))]
        super().__init__(
            required=False,
            choices=choices,
            coerce=lambda it: it == "True",
            empty_value=None,
            **options,
        )


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

    preset = forms.ChoiceField(
        label=_("What answers there"),
        choices=ServerPreset.choices,
        required=False,
        help_text=_(
            "Its preset fills what you leave empty below. Another preset changes what the old one"
            " had set; what somebody edited stays."
        ),
    )
    health_path = forms.CharField(
        label=presets.SETTINGS["health_path"],
        max_length=100,
        required=False,
        help_text=_(
            "Beside its /v1, such as /health. Asked before its list of models; empty where no"
            " preset has one: the list alone."
        ),
        widget=forms.TextInput(attrs={"dir": "ltr", "autocomplete": "off"}),
    )
    metrics_path = forms.CharField(
        label=presets.SETTINGS["metrics_path"],
        max_length=100,
        required=False,
        help_text=_(
            "Beside its /v1, such as /metrics, in the format of Prometheus: requests at work and waiting,"
            " use of the KV cache. Empty where no preset has one: nothing is told."
        ),
        widget=forms.TextInput(attrs={"dir": "ltr", "autocomplete": "off"}),
    )
    gpu_metrics_url = ServerAddress(
        label=_("Metrics of its GPUs"),
        max_length=300,
        required=False,
        help_text=_(
            "Where an exporter on the same machine tells the use of its GPUs, such as"
            " http://vllm:9400/metrics of a DCGM exporter. The credential is not sent there."
        ),
        widget=forms.TextInput(attrs={"inputmode": "url", "dir": "ltr", "autocomplete": "off"}),
    )
    tells_usage = YesOrNo(
        label=presets.SETTINGS["tells_usage"],
        help_text=_(
            "Then streams are asked with stream_options.include_usage. Without, the gateway counts,"
            " and receipts say so."
        ),
    )
    stops_on_hang_up = YesOrNo(
        label=presets.SETTINGS["stops_on_hang_up"],
        help_text=_("Then the probe checks that work ends with the connection."),
    )
    connect_seconds = Seconds(
        label=presets.SETTINGS["connect_seconds"],
        help_text=_("Then another server of the offer is asked."),
    )
    first_byte_seconds = Seconds(
        label=presets.SETTINGS["first_byte_seconds"],
        help_text=_("Long prompts need time. Then another server of the offer is asked."),
    )
    idle_seconds = Seconds(
        label=presets.SETTINGS["idle_seconds"],
        help_text=_("Between two parts of an answer. Then the answer has broken off."),
    )

    #: The server that is changed; None for a new one.
    server: Upstream | None = None

    def clean(self) -> dict[str, Any]:
        """Fill what was left empty with what suits the server."""
        cleaned = super().clean() or self.cleaned_data
        if "preset" not in self.errors:
            present = self.server.preset if self.server else ServerPreset.GENERIC
            cleaned["preset"] = cleaned.get("preset") or str(present)
            settled = presets.settled(cleaned["preset"], cleaned, self.server)
            cleaned.update({it: settled[it] for it in settled if it not in self.errors})
        return cleaned

    def clean_health_path(self) -> str:
        """Refuse what cannot be asked for."""
        path: str = self.cleaned_data["health_path"]
        if path and not PATH.fullmatch(path):
            raise forms.ValidationError(_("Write a path that begins with “/”, such as /health."))
        return path

    def clean_metrics_path(self) -> str:
        """Refuse what cannot be asked for."""
        path: str = self.cleaned_data["metrics_path"]
        if path and not PATH.fullmatch(path):
            raise forms.ValidationError(_("Write a path that begins with “/”, such as /metrics."))
        return path

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

    field_order = ("name", "region", "base_url", "credential", "preset")


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

    field_order = ("name", "base_url", "credential", "forget_credential", "preset")

    def __init__(self, *args: Any, server: Upstream, **options: Any) -> None:
        super().__init__(*args, **options)
        self.server = server

    def kept(self) -> Iterator[StrOrPromise]:
        """Yield what another preset would set and did not, because somebody had edited it."""
        preset = presets.PRESETS[self.cleaned_data["preset"]]
        if "preset" in self.changed_data:
            for name, label in presets.SETTINGS.items():
                if self.cleaned_data[name] != getattr(preset, name):
                    yield label

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
