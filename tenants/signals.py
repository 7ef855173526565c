"""What tenancy tells the apps above it, after commit."""

from django.dispatch import Signal

#: The operator has let an organization in: ``organization_id``.
#: It may be lost with the process that sends it; whoever listens also looks from time to time.
organization_admitted = Signal()
