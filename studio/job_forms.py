"""What people may ask of a fine-tuning job."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from common.ids import uuid7
from common.money import minor_digits
from common.templatetags.formats import SPACE, grouped, trimmed
from marketplace.forms import fields
from marketplace.forms.sections import FilledSection, Section
from marketplace.models import Price
from studio.bases import Base
from studio.models import Dataset
from studio.services.fine_tuning import HIGHEST_SEED
from tenants.models import Organization

#: Of the form, in the order in which a job is asked for; what is left empty is "auto".
HYPERPARAMETERS = (
    "n_epochs", "batch_size", "learning_rate_multiplier", "lora_r", "context_length",
)  # fmt: skip
SECTIONS = (
    Section(
        "what",
        _("What is taught"),
        _("A model, and the examples it learns from."),
        ("model", "dataset", "validation"),
    ),
    Section(
        "how",
        _("How it learns"),
        _("Left empty, each is chosen by what is usual; the next page shows the numbers."),
        ("method", *HYPERPARAMETERS, "seed"),
    ),
    Section(
        "whose",
        _("Name and money"),
        _("What it costs at most is shown on the next page, before anything begins."),
        ("suffix", "project", "max_cost"),
    ),
)


class JobForm(forms.Form):
    """A new job; ``operation_key`` makes two clicks one."""

    model = forms.ChoiceField(label=_("Model"))
    dataset = forms.ChoiceField(
        label=_("Dataset"), help_text=_("Those that can be used, or are still being checked.")
    )
    validation = forms.ChoiceField(
        label=_("Dataset to measure by"),
        required=False,
        help_text=_("Other examples, not learnt: they show whether it learns or only remembers."),
    )
    method = forms.ChoiceField(
        label=_("Method"),
        choices=[
            ("lora", _("An adapter (LoRA): quick, and enough for manner and format")),
            ("full", _("All weights: for more than that; it takes longer")),
        ],
        initial="lora",
        widget=forms.RadioSelect,
    )
    n_epochs = forms.IntegerField(
        label=_("Passes"),
        required=False,
        min_value=1,
        max_value=50,
        help_text=_("How often it goes through the dataset. Empty: three times, more for few."),
    )
    batch_size = forms.IntegerField(
        label=_("Examples per step"),
        required=False,
        min_value=1,
        max_value=256,
        help_text=_("Empty: up to 16, so that a pass takes 25 steps or more."),
    )
    learning_rate_multiplier = forms.FloatField(
        label=_("Learning rate, times the usual one"),
        required=False,
        min_value=0.000001,
        max_value=1000,
        help_text=_("Empty: 1. Smaller learns more carefully."),
    )
    lora_r = forms.IntegerField(
        label=_("Size of the adapter (rank)"),
        required=False,
        min_value=1,
        max_value=128,
        help_text=_("Empty: 16. Only for an adapter."),
    )
    context_length = forms.IntegerField(
        label=_("Longest example, in tokens"),
        required=False,
        min_value=2,
        help_text=_("What is longer is cut. Empty: what the model can read, 8,192 at most."),
    )
    seed = forms.IntegerField(
        label=_("Seed"),
        required=False,
        min_value=0,
        max_value=HIGHEST_SEED,
        help_text=_("The same number mixes the examples in the same order. Empty: any."),
    )
    suffix = forms.CharField(
        label=_("Name"),
        required=False,
        max_length=64,
        help_text=_("Becomes part of the new model's name."),
    )
    project = forms.ChoiceField(
        label=_("Project"), help_text=_("Whose budgets and invoices it stands in.")
    )
    max_cost = fields.Amount(
        label=_("Pay at most"),
        required=False,
        min_value=Decimal("0.01"),
        max_digits=18,
        decimal_places=6,
    )
    operation_key = forms.UUIDField(required=False, initial=uuid7, widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, organization: Organization, bases: list[Base], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._bases = {base.offer.name: base for base in bases}
        usable = Dataset.objects.living().exclude(state=Dataset.State.INVALID)
        found = usable.filter(organization=organization).select_related("file__region")
        self._datasets = {str(it.pk): it for it in found.order_by("-created_at")}
        self._projects = {str(it.pk): it for it in organization.projects.all()}
        named = [(key, _named(it)) for key, it in self._datasets.items()]
        self._offer("model", _models(bases, organization.currency))
        self._offer("dataset", [("", _("Choose one")), *named])
        self._offer("validation", [("", _("None")), *named])
        self._offer("project", [(key, it.name) for key, it in self._projects.items()])
        self.fields["max_cost"].help_text = gettext(
            "In %(currency)s, net of tax. Empty: what the next page says."
        ) % {"currency": organization.currency}

    def _offer(self, name: str, choices: Iterable[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = list(choices)

    def filled_sections(self) -> Iterator[FilledSection]:
        """Yield the sections with their fields, in order."""
        for section in SECTIONS:
            yield FilledSection(section, [self[name] for name in section.names])

    @property
    def has_datasets(self) -> bool:
        """Whether there is anything to learn from."""
        return bool(self._datasets)

    def clean(self) -> dict[str, Any]:
        """Hold the length of examples to what the model can read."""
        facts = super().clean() or {}
        base, length = self._bases.get(facts.get("model", "")), facts.get("context_length")
        if base and length and length > base.longest:
            words = _("This model reads at most %(most)s tokens.")
            self.add_error("context_length", words % {"most": grouped(base.longest)})
        return facts

    @property
    def base(self) -> Base:
        """The model that was chosen."""
        return self._bases[self.cleaned_data["model"]]

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """What was asked for, without what is left to us."""
        given = {name: self.cleaned_data[name] for name in HYPERPARAMETERS}
        asked = {name: value for name, value in given.items() if value is not None}
        return asked | ({"lora": False} if self.cleaned_data["method"] == "full" else {})

    def estimate_facts(self) -> dict[str, Any]:
        """Return what an estimate is asked with."""
        return {
            "model": self.cleaned_data["model"],
            "file": self._datasets[self.cleaned_data["dataset"]].file,
            "hyperparameters": self.hyperparameters,
        }

    def facts(self) -> dict[str, Any]:
        """Return what a job is asked with."""
        cleaned = self.cleaned_data
        validation = self._datasets.get(cleaned["validation"])
        key = cleaned["operation_key"]
        return self.estimate_facts() | {
            "validation_file": validation.file if validation else None,
            "suffix": cleaned["suffix"],
            "seed": cleaned["seed"],
            "max_cost": cleaned["max_cost"],
            "project": self._projects[cleaned["project"]],
            "operation_key": f"page:{key}" if key else "",
        }


def _models(bases: list[Base], currency: str) -> Iterator[tuple[Any, list[tuple[str, str]]]]:
    taught = [
        (it.offer.name, _priced(it.offer.name, it.price, currency)) for it in bases if it.price
    ]
    dry = [(it.offer.name, it.offer.name) for it in bases if not it.price]
    if taught:
        yield _("Can be taught"), taught
    if dry:
        yield _("Dry runs: nothing is trained, nothing is paid"), dry


def _priced(name: str, price: Price, currency: str) -> str:
    amount = grouped(trimmed(price.per_million, minor_digits(currency)))
    words = gettext("%(model)s: %(price)s per million tokens")
    return words % {"model": name, "price": f"{amount}{SPACE}{currency}"}


def _named(dataset: Dataset) -> str:
    if dataset.state == Dataset.State.VALIDATING:
        return gettext("%(name)s (being checked)") % {"name": dataset.file.filename}
    words = gettext("%(name)s (%(count)s examples)")
    return words % {"name": dataset.file.filename, "count": grouped(dataset.examples)}
