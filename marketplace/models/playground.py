"""Conversations of the playground that people asked to keep."""

from django.conf import settings
from django.db import models

from common.models import LockingQuerySet, TimeStamped
from tenants.models import Organization


class SavedChatQuerySet(LockingQuerySet["SavedChat"]):
    """Conversations."""


class SavedChat(TimeStamped):
    """A conversation and its settings as their author left them; nobody else reads it."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    title = models.CharField(max_length=100)
    #: What :mod:`marketplace.chats` lets through.
    content = models.JSONField()

    objects = SavedChatQuerySet.as_manager()

    class Meta:
        ordering = ("-updated_at",)
        indexes = (
            models.Index(fields=("organization", "user", "-updated_at"), name="chats_of_a_person"),
        )

    def __str__(self) -> str:
        return self.title
