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
    detail = _("Another model has this name in the API.")


class AddressTaken(Conflict):
    """Another model's page stands at this address."""

    code = "model_address_taken"
    detail = _("Another model has this address.")


class RetiresTooSoon(DomainError):
    """A model would retire in the past."""

    code = "model_retires_too_soon"
    status = 422
    detail = _("A model retires later, never in the past. To take it away now, retire it.")


class ReasonMissing(DomainError):
    """A model would go without the notice that customers were promised, and without a reason."""

    code = "reason_missing"
    status = 422
    detail = _("Customers were promised notice. Announce a last day, or say why it goes at once.")


class NoReplacement(DomainError):
    """What should replace a model is that model, or not on sale."""

    code = "model_no_replacement"
    status = 422
    detail = _("A model is replaced by another one that is on sale.")


class RouteElsewhere(DomainError):
    """A route would lead out of the region in which the offer is sold."""

    code = "route_elsewhere"
    status = 422
    detail = _("This server stands in another region than the offer is sold for.")


class RouteTaken(Conflict):
    """The offer has this route."""

    code = "route_taken"
    detail = _("The offer has a route to this model of this server.")


class LastRoute(Conflict):
    """An offer on sale would have nobody to answer for it."""

    code = "last_route"
    detail = _("Nobody would answer for this offer. Add another route first.")


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
    detail = _("A price is from 0 to 1 000 000 per million tokens, with at most six decimals.")
