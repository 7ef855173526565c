"""What the marketplace refuses, and in which words."""

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, DomainError


class NotReady(DomainError):
    """A model lacks something that customers need."""

    code = "model_not_ready"
    status = 422
    detail = _("The model cannot be published yet.")


class WrongState(Conflict):
    """The step is not possible from where the model stands."""

    code = "model_wrong_state"
    detail = _("This step is not possible from the model's present state. Reload the page.")


class NameTaken(Conflict):
    """Another model answers to this name."""

    code = "model_name_taken"
    detail = _("Another model has this address or this name in the API.")


class PriceInThePast(DomainError):
    """A price would change what was already used."""

    code = "price_in_the_past"
    status = 422
    detail = _("A price can begin now or later, never in the past.")


class PriceNotLater(DomainError):
    """A price would begin before the one it replaces."""

    code = "price_not_later"
    status = 422
    detail = _("A price that begins at this time or later is already scheduled.")


class PriceNotPositive(DomainError):
    """A price is below zero, or finer than twelve decimals per token."""

    code = "price_not_valid"
    status = 422
    detail = _("A price is zero or more, with at most six decimals per million tokens.")
