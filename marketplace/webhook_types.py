"""What the marketplace tells customers' own systems."""

from django.utils.translation import gettext_lazy as _

from marketplace.changes import What
from tenants.webhook_types import register

#: As what a change is told; those of other kinds are read in the feed.
TOLD = {
    What.PUBLISHED: "model.published",
    What.DEPRECATED: "model.deprecated",
    What.RETIRED: "model.retired",
    What.PRICE: "price.changed",
}

register(TOLD[What.PUBLISHED], _("A model that you can see is on sale"))
register(TOLD[What.DEPRECATED], _("A model that you can see will go, and when"))
register(TOLD[What.RETIRED], _("A model that you could see can no longer be called"))
register(TOLD[What.PRICE], _("A price that you pay changes, or will"))
