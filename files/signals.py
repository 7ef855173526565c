"""What files tells the apps above it, after commit."""

from django.dispatch import Signal

#: A file is there: ``organization_id``, ``file_id``, ``purpose``.
#: It may be lost with the process that sends it; whoever listens also looks when a file is named.
file_kept = Signal()
