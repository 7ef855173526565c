"""Ways from offers to servers, as they are when two people have agreed to them."""

from marketplace.models import Offer, Route, Status


def let_answer(offer, **facts):
    """Let one more server answer for an offer on sale, as if it had been put on sale with it."""
    sold = Offer.objects.filter(pk=offer.pk)
    status = sold.get().status
    sold.update(status=Status.DRAFT)
    route = Route.objects.create(offer=offer, **facts)
    sold.update(status=status)
    return route
