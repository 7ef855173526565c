"""What compute tells the apps above it, after commit."""

from django.dispatch import Signal

#: A job's state has changed: ``organization_id``, ``owner_kind``, ``owner_id``, ``job_id``.
#: It may be lost with the process that sends it; whoever listens also looks from time to time.
compute_job_changed = Signal()
#: A service answers, no longer does, or somewhere else: ``organization_id``, ``owner_kind``,
#: ``owner_id``, ``service_id``. It may be lost too.
compute_service_changed = Signal()
