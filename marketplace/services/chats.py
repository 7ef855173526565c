"""Keeping conversations of the playground for those who asked for it."""

from typing import Any
from uuid import UUID

from django.db import IntegrityError

from common.database import atomic
from common.errors import Conflict
from marketplace import chats
from marketplace.errors import TooManyChats
from marketplace.models import SavedChat
from marketplace.models.playground import SavedChatQuerySet
from tenants.models import Membership

#: So many a person may keep in an organization.
MOST = 100


def kept_by(membership: Membership) -> SavedChatQuerySet:
    """Return what the member keeps in this organization, the latest first."""
    return SavedChat.objects.filter(organization=membership.organization, user=membership.user)


@atomic()
def keep(membership: Membership, content: dict[str, Any], chat_id: UUID) -> SavedChat:
    """Keep the conversation under this id; what stood there before is replaced.

    The id is the browser's: two clicks keep one conversation.
    """
    # Who keeps two at once must not pass the limit with both.
    Membership.objects.locked(membership.pk)
    title = chats.title(content)
    found = kept_by(membership).filter(pk=chat_id).first()
    if found is not None:
        found.title, found.content = title, content
        found.save(update_fields=["title", "content", "updated_at"])
        return found
    if kept_by(membership).count() >= MOST:
        raise TooManyChats
    try:
        with atomic():
            return SavedChat.objects.create(
                id=chat_id,
                organization=membership.organization,
                user=membership.user,
                title=title,
                content=content,
            )
    except IntegrityError as taken:
        # Somebody else's conversation has this id, and is not spoken of.
        raise Conflict from taken
