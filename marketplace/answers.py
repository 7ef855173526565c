"""What the marketplace answers to the questions of the apps below it."""

from collections.abc import Sequence

from marketplace import queries, snippets
from marketplace.models import AIModel, Kind
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
        """Return a call of one of these models in several languages, with the key filled in."""
        offered = AIModel.objects.filter(versions__offers__name__in=names)
        kinds = dict(offered.values_list("versions__offers__name", "kind"))
        if not kinds:
            return []
        name = min(kinds, key=lambda it: (kinds[it] != Kind.CHAT, it))
        return snippets.for_model(kinds[name], name, base_url, key=key)


ports.catalogue = Catalogue()
