"""What people type who want mail about incidents."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from front.models import StatusSubscription
from front.services.subscribing import Choice
from marketplace import showcase
from marketplace.models import AIModel
from tenants.models import Region


class ReachForm(forms.Form):
    """Regions and models by name; none means all."""

    regions = forms.ModelMultipleChoiceField(
        Region.objects.none(),
        label=_("Regions"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None: all of them."),
    )
    models = forms.ModelMultipleChoiceField(
        AIModel.objects.none(),
        label=_("Models"),
        required=False,
        to_field_name="slug",
        help_text=_("None: all of them. Hold Ctrl or ⌘ to choose several."),
    )

    def __init__(self, data: Any = None, *, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial=initial)
        regions: Any = self.fields["regions"]
        regions.queryset = Region.objects.order_by("name")
        models: Any = self.fields["models"]
        models.queryset = showcase.live_models().order_by("name")


class ChoiceForm(ReachForm):
    """Which incidents, in which language."""

    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)

    def __init__(self, data: Any = None, *, subscription: StatusSubscription | None = None) -> None:
        super().__init__(data, initial=_held(subscription))

    def choice(self) -> Choice:
        """Return what was chosen."""
        cleaned = self.cleaned_data
        return Choice(cleaned["language"], list(cleaned["regions"]), list(cleaned["models"]))


class SubscribeForm(ChoiceForm):
    """The address, and which incidents."""

    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput({"autocomplete": "email", "dir": "ltr"}),
    )

    field_order = ("email",)


class EraseForm(forms.Form):
    """An address that its owner wants forgotten."""

    email = forms.EmailField(
        label=_("E-mail address"), max_length=254, widget=forms.EmailInput({"dir": "ltr"})
    )


def _held(subscription: StatusSubscription | None) -> dict[str, Any]:
    if subscription is None:
        return {"language": get_language()}
    return {
        "language": subscription.language,
        "regions": [it.pk for it in subscription.regions.all()],
        "models": [it.slug for it in subscription.named_models.all()],
    }
