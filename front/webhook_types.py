"""What the front tells customers' own systems."""

from django.utils.translation import gettext_lazy as _

from tenants.webhook_types import register

OPENED, UPDATED, RESOLVED = "incident.opened", "incident.updated", "incident.resolved"
PLANNED, CHANGED = "maintenance.planned", "maintenance.updated"

register(OPENED, _("Something of the service does not work"))
register(UPDATED, _("News of something that does not work"))
register(RESOLVED, _("Something that did not work is resolved"))
register(PLANNED, _("Work on the service is planned, and when"))
register(CHANGED, _("Planned work begins, ends or is called off"))
