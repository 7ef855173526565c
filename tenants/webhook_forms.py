"""What people may type about webhooks."""

from typing import Any

from django import forms
from django.core.validators import URLValidator
from django.utils.translation import gettext_lazy as _

from common import outside
from tenants import webhook_types
from tenants.models import WebhookEndpoint


class WebAddress(forms.URLField):
    """An address that can be told; what it means is looked up when it is called."""

    default_validators = [URLValidator(schemes=["http", "https"])]

    def __init__(self, **options: Any) -> None:
        super().__init__(assume_scheme="https", **options)

    def clean(self, value: Any) -> Any:
        """Refuse what would be refused at every delivery."""
        url = super().clean(value)
        if url and outside.tells_secret(url):
            raise forms.ValidationError(
                _(
                    "A user or a password in the address would be shown to others. Leave them out:"
                    " deliveries are signed."
                )
            )
        if url and outside.refuses(url):
            raise forms.ValidationError(
                _("Only https addresses on the public Internet are called.")
            )
        return url


class EndpointForm(forms.ModelForm[WebhookEndpoint]):
    """An endpoint: where, and what it is told."""

    url = WebAddress(
        label=_("Address"),
        max_length=500,
        help_text=_("An https address that answers a POST with 200 to 299 within 15 seconds."),
    )
    events = forms.MultipleChoiceField(
        label=_("Events"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen means all, also those that are added later."),
    )

    class Meta:
        model = WebhookEndpoint
        fields = ("url", "description", "events")
        labels = {"description": _("Description")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["events"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101 - declared above
        field.choices = [
            (name, f"{name}: {words}") for name, words in webhook_types.known().items()
        ]
