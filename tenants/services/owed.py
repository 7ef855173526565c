"""Mail that tells people of something: owed with it in one transaction, until it went out.

Claim, send, forget: the claim moves the time of the next attempt, so that a worker that dies while
it sends leaves a mail that is due again; nothing is sent inside a transaction.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.utils import timezone

from common import jobs
from common.database import service
from tenants.models import OwedMail

log = structlog.get_logger(__name__)

#: After each failure, how long until the next attempt; the last one goes on.
PAUSES = tuple(timedelta(seconds=it) for it in (5, 10, 20, 60, 300, 900, 3600))
#: How long a worker may hold a mail that it sends.
CLAIM = timedelta(minutes=10)
#: What was to be told so long ago helps nobody any more.
PATIENCE = timedelta(days=3)
MOST_AT_ONCE = 200


def owe(task: str, *, organization_id: UUID, **arguments: Any) -> None:
    """Let the named task write its mail after commit, and again until the mail server takes it.

    Arguments are what JSON keeps; they are names of rows and never a secret. The task is called
    with them and with the organization's id as text. An unknown task raises ``KeyError``.
    """
    if not jobs.is_known(task):
        raise KeyError(task)
    owed = OwedMail.objects.create(organization_id=organization_id, task=task, arguments=arguments)
    jobs.enqueue("tenants.send_owed", owed_id=str(owed.pk))


def send(owed_id: UUID) -> bool:
    """Try a mail whose time has come; return whether nothing of it is owed any more."""
    owed = _claim(owed_id)
    if owed is None:
        return False
    arguments = {"organization_id": str(owed.organization_id), **owed.arguments}
    try:
        # Under one name however often: those who got it already are known by it.
        jobs.run(owed.task, under=f"owed-{owed.pk}", **arguments)
    except OSError as trouble:
        # The mail server is away, or does not take all of it now.
        log.warning("mail_put_off", reason=repr(trouble), **_about(owed))
        _put_off(owed)
        return False
    except Exception:
        # A mistake of ours, in one kind of mail: it holds up no other, and is mended meanwhile.
        log.exception("mail_failed", **_about(owed))
        _put_off(owed)
        return False
    with service():
        OwedMail.objects.filter(pk=owed.pk).delete()
    return True


def _claim(owed_id: UUID) -> OwedMail | None:
    with service():
        due = OwedMail.objects.due().select_for_update(skip_locked=True)
        owed = due.filter(pk=owed_id).first()
        if owed is not None:
            owed.attempts += 1
            owed.next_attempt_at = timezone.now() + CLAIM
            owed.save(update_fields=["attempts", "next_attempt_at", "updated_at"])
    return owed


def _about(owed: OwedMail) -> dict[str, Any]:
    organization = str(owed.organization_id)
    return {"task": owed.task, "organization": organization, "attempts": owed.attempts}


def _put_off(owed: OwedMail) -> None:
    now = timezone.now()
    with service():
        found = OwedMail.objects.filter(pk=owed.pk)
        if owed.created_at < now - PATIENCE:
            log.error("mail_given_up", **_about(owed))
            found.delete()
            return
        found.update(next_attempt_at=now + PAUSES[min(owed.attempts, len(PAUSES)) - 1])


def sweep() -> int:
    """Ring for the mails whose time has come; return how many there were."""
    with service():
        due = OwedMail.objects.due().order_by("next_attempt_at")
        keys = list(due.values_list("pk", flat=True)[:MOST_AT_ONCE])
        for key in keys:
            jobs.enqueue("tenants.send_owed", owed_id=str(key))
    return len(keys)
