"""What the marketplace answers to the questions of the apps below it."""

from collections.abc import Sequence

from marketplace import queries, snippets
from marketplace.models import Kind, Offer
from tenants import ports
from tenants.models import Organization


class Catalogue:
    """Which models there are to call."""

    def names(self, organization: Organization) -> list[str]:
        """Return the names of the models that the organization may call, in order."""
        return list(queries.offers_for(organization).values_list("name", flat=True))

    def first_call(
        self, names: Sequence[str], *, key: str, base_url: str
    ) -> list[snippets.Snippet]:
        """Return a call of one of these models in several languages, with the key filled in.

        A chat model is taken where there is one, and one that token bundles pay for as money does.
        """
        facts = ("name", "model_version__model__kind", "token_class")
        offered = sorted(
            Offer.objects.filter(name__in=names).values_list(*facts),
            key=lambda it: (it[1] != Kind.CHAT, it[2] is None, it[0]),
        )
        if not offered:
            return []
        name, kind, _token_class = offered[0]
        return snippets.for_model(kind, name, base_url, key=key)


ports.catalogue = Catalogue()
