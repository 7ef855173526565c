"""Terms of plans and contracts over the management API: one shape, in and out."""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from rest_framework import serializers

from billing.api import PlainDecimal, PlainInteger
from billing.contract_forms import TermsForm
from billing.models import Collection, ContractTax, Overage
from billing.models.dunning import Act
from billing.stages import written
from common.errors import DomainError
from tenants.key_api import Strict

#: How many accepted values a refusal lists.
LISTED = 20
M = TypeVar("M", bound=Model)
AMOUNT = r"^[0-9]{1,18}(\.[0-9]{1,3})?\Z"


class StageIn(Strict):
    """What is done about an unpaid invoice, so many days after it was due."""

    days = PlainInteger(min_value=0, max_value=365)
    act = serializers.ChoiceField(Act.choices)


class TermsIn(Strict):
    """Terms; what is left out stays as the plan, the other contract or the portal has it."""

    price_book = serializers.SlugField(
        required=False, allow_null=True, max_length=60, help_text="Its code; null: list prices."
    )
    commitment = serializers.RegexField(AMOUNT, required=False)
    overage = serializers.ChoiceField(Overage.choices, required=False)
    credit_limit = serializers.RegexField(AMOUNT, required=False)
    net_days = PlainInteger(required=False, min_value=0, max_value=365)
    grace_days = PlainInteger(required=False, min_value=0, max_value=28)
    late_days = PlainInteger(required=False, min_value=0, max_value=730)
    tax_treatment = serializers.ChoiceField(ContractTax.choices, required=False)
    collection = serializers.ChoiceField(Collection.choices, required=False)
    dunning = StageIn(
        many=True,
        required=False,
        allow_null=True,
        help_text="null: the operator's usual stages; empty: nothing is done.",
    )


class StageOut(serializers.Serializer[Any]):
    """A stage."""

    days = serializers.IntegerField()
    act = serializers.CharField()


class TermsOut(serializers.Serializer[Any]):
    """Terms."""

    currency = serializers.CharField()
    price_book = serializers.CharField(source="price_book.code", default=None, allow_null=True)
    commitment = PlainDecimal()
    overage = serializers.CharField()
    credit_limit = PlainDecimal()
    net_days = serializers.IntegerField()
    grace_days = serializers.IntegerField()
    late_days = serializers.IntegerField()
    tax_treatment = serializers.CharField()
    collection = serializers.CharField()
    dunning = StageOut(many=True, allow_null=True)


def read(form: type[TermsForm], instance: Any, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the desk's own form makes of what was sent, over what the instance says."""
    blank = form(instance=instance)
    typed = {name: blank.get_initial_for_field(blank.fields[name], name) for name in blank.fields}
    typed |= {name: value for name, value in sent.items() if name in blank.fields}
    books = blank.books()
    book = sent.get("price_book", instance.price_book_id)
    if "price_book" in sent and book is not None:
        book = choose("price_book", "code", book, books).pk
    typed["price_book"] = book
    if "dunning" in sent:
        typed["dunning"] = written(sent["dunning"])
    if "recipients" in sent:
        typed["recipients"] = "\n".join(sent["recipients"])
    filled = form(typed, instance=instance)
    if not filled.is_valid():
        words = {name: [str(it) for it in found] for name, found in filled.errors.items()}
        raise DomainError(field_errors=words)
    return filled.facts()


def choose(field: str, key: str, value: object, among: QuerySet[M]) -> M:
    """Return the row that is meant, or say which are accepted."""
    found = among.filter(**{key: value}).first()
    if found is None:
        known = ", ".join(among.order_by(key).values_list(key, flat=True)[:LISTED])
        sentence = _("“%(value)s” is not one of: %(accepted)s.")
        words = sentence % {"value": value, "accepted": known or "-"}
        raise DomainError(field_errors={field: [words]})
    return found
