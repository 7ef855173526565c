"""What tenancy does when something happens to a person."""

from typing import Any

from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver

from tenants.models import User
from tenants.services import passes, support


@receiver(user_logged_out)
def close_passes(user: User | None, **_signal: Any) -> None:
    """Who signs out no longer calls models from the browser that was left."""
    if user is not None:
        passes.rest(user)


@receiver(user_logged_out)
def end_support(user: User | None, **_signal: Any) -> None:
    """Who signs out no longer reads a customer's pages."""
    if user is not None and user.is_staff:
        support.end_all_of(user)
