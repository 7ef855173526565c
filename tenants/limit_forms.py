"""What people may type about limits and addresses."""

import ipaddress
import re
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.ids import uuid7
from tenants.models import Classification, Organization, Project

MOST_RANGES = 50
#: What the column holds.
MOST_PER_MINUTE = 2_147_483_647


class LimitField(forms.IntegerField):
    """A limit of calls; empty is none of its own."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        super().__init__(
            min_value=1,
            max_value=MOST_PER_MINUTE,
            error_messages={"min_value": gettext_lazy("At least 1; leave it empty for no limit.")},
            widget=forms.NumberInput(attrs={"min": 1, "inputmode": "numeric"}),
            **kwargs,
        )


class LimitsForm(forms.Form):
    """The three limits that keys, projects and organizations have alike."""

    rpm_limit = LimitField(
        label=gettext_lazy("Requests per minute"),
        help_text=gettext_lazy("Empty means no limit beside the others'."),
    )
    tpm_limit = LimitField(
        label=gettext_lazy("Tokens per minute"),
        help_text=gettext_lazy("Of prompts and answers together."),
    )
    concurrency_limit = LimitField(
        label=gettext_lazy("Calls at the same time"),
        help_text=gettext_lazy("A stream counts until it ends."),
    )


class RangesField(forms.CharField):
    """Addresses and ranges of them, one a line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False,
            max_length=4000,
            widget=forms.Textarea(attrs={"rows": 3, "dir": "ltr", "spellcheck": "false"}),
            **kwargs,
        )

    def prepare_value(self, value: Any) -> Any:
        """Show what is stored, one a line."""
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        """Return the ranges; say of every line that is none what is wrong with it."""
        lines = super().clean(value).splitlines()
        found, wrong = read_ranges(lines)
        if wrong:
            raise forms.ValidationError(wrong)
        return found


class NoRange(ValueError):
    """A text that names no address and no range of them."""


def read_range(text: str) -> str:
    """Return an address or a range as we store it; raise ``NoRange`` with what is wrong."""
    if "%" in text or not re.fullmatch(r"[0-9A-Fa-f:./]{2,50}", text):
        raise NoRange(_is_none(text))
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise NoRange(_is_none(text)) from None
    said = _("“%(text)s” is one address and a range at once. Did you mean %(range)s?")
    raise NoRange(said % {"text": text, "range": meant})


def _is_none(text: str) -> str:
    said = _("“%(text)s” is no address. Write it like 203.0.113.7 or 203.0.113.0/24.")
    return said % {"text": text[:50]}


def read_ranges(lines: list[str]) -> tuple[list[str], list[str]]:
    """Return the ranges of the lines that are not empty, and a sentence for each wrong line."""
    found, wrong = [], []
    for number, line in enumerate(lines, start=1):
        if text := line.strip():
            try:
                found.append(read_range(text))
            except NoRange as error:
                wrong.append(_("Line %(number)s: %(error)s") % {"number": number, "error": error})
    if len(found) > MOST_RANGES:
        wrong.append(_("At most %(count)s addresses or ranges.") % {"count": MOST_RANGES})
    return list(dict.fromkeys(found)), wrong


def keep_classification(form: forms.ModelForm[Any]) -> None:
    """Let a form that leaves the classification out keep it as it is."""
    form.fields["classification"].required = False


def classification_of(form: forms.ModelForm[Any]) -> str:
    """Return what was chosen, else what is there."""
    kept: str = form.initial.get("classification") or Classification.PUBLIC
    return form.cleaned_data["classification"] or kept


class ProjectForm(LimitsForm, forms.ModelForm[Project]):
    """A project: its name and its limits; ``project_id`` makes two clicks one."""

    project_id = forms.UUIDField(required=False, initial=uuid7, widget=forms.HiddenInput)

    class Meta:
        model = Project
        fields = ("name", "classification", "rpm_limit", "tpm_limit", "concurrency_limit")
        help_texts = {
            "name": gettext_lazy("A team, a product, a department."),
            "classification": gettext_lazy(
                "Models that are not cleared for it are refused. The organization's holds too."
            ),
        }

    field_order = ("name", "classification", "rpm_limit", "tpm_limit", "concurrency_limit")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        keep_classification(self)

    def clean_classification(self) -> str:
        """Keep what is there where nothing was chosen."""
        return classification_of(self)


class OrganizationLimitsForm(LimitsForm, forms.ModelForm[Organization]):
    """The limits of everything an organization calls, and what it cannot lift itself."""

    restricted_rpm = LimitField(
        label=gettext_lazy("Requests per minute, at most"),
        help_text=gettext_lazy("The customer cannot lift this one. Overdue invoices set it to 10."),
    )

    restricted_tpm = LimitField(
        label=gettext_lazy("Tokens per minute, at most"),
        help_text=gettext_lazy("The customer cannot lift this one."),
    )
    restricted_concurrency = LimitField(
        label=gettext_lazy("Calls at the same time, at most"),
        help_text=gettext_lazy("The customer cannot lift this one."),
    )

    class Meta:
        model = Organization
        fields = (
            "rpm_limit", "tpm_limit", "concurrency_limit",
            "restricted_rpm", "restricted_tpm", "restricted_concurrency",
        )  # fmt: skip
