"""Legal pages change under four eyes, from a day on, and every version is kept."""

import datetime
from collections.abc import Mapping

from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.database import atomic, on_commit
from common.errors import Conflict, DomainError
from front import legal
from front.errors import OwnProposal
from front.models import LegalKind, LegalText
from tenants.models import User
from tenants.services import audit

Status = LegalText.Status


def propose(
    kind: LegalKind,
    *,
    version: str,
    texts: Mapping[str, str],
    effective_on: datetime.date,
    by: User,
) -> LegalText:
    """Propose a version of a page; a second person decides."""
    if effective_on < timezone.localdate():
        raise DomainError(field_errors={"effective_on": [_("This day is over.")]})
    try:
        return _propose(kind, version, texts, effective_on, by)
    except IntegrityError as error:
        if "one_legal_proposal_per_page" in str(error):
            raise Conflict(_("A version of this page waits for a decision already.")) from None
        raise DomainError(
            field_errors={"version": [_("This page has a version of this name.")]}
        ) from None


@atomic()
def _propose(
    kind: LegalKind,
    version: str,
    texts: Mapping[str, str],
    effective_on: datetime.date,
    by: User,
) -> LegalText:
    text = LegalText.objects.create(
        kind=kind,
        version=version,
        texts={code: words for code, words in texts.items() if words.strip()},
        effective_on=effective_on,
        proposed_by=by,
    )
    return _recorded(text, by)


@atomic()
def approve(text: LegalText, *, by: User) -> LegalText:
    """Let a version hold from its day on; never by who wrote it.

    Where the day went by while it waited, it holds from today: nobody accepted it before.
    """
    text = _waiting(text)
    if text.proposed_by_id == by.pk:
        raise OwnProposal
    text.effective_on = max(text.effective_on, timezone.localdate())
    text = _decided(text, Status.APPROVED, by)
    on_commit(legal.in_force.forget)
    return text


@atomic()
def refuse(text: LegalText, *, by: User, answer: str) -> LegalText:
    """Close a proposal, and say why."""
    text = _waiting(text)
    text.answer = answer
    return _decided(text, Status.REFUSED, by)


@atomic()
def take_back(text: LegalText, *, by: User) -> LegalText:
    """Close a proposal that nobody decided on."""
    return _decided(_waiting(text), Status.WITHDRAWN, by)


def _waiting(text: LegalText) -> LegalText:
    text = LegalText.objects.locked(text.pk)
    if not text.is_proposed:
        raise Conflict
    return text


def _decided(text: LegalText, status: LegalText.Status, by: User) -> LegalText:
    text.status, text.decided_by, text.decided_at = status, by, timezone.now()
    text.save()
    return _recorded(text, by)


def _recorded(text: LegalText, by: User) -> LegalText:
    audit.record(
        organization=None,
        actor=by,
        action=f"legal_text.{text.status}",
        target=text,
        after={
            "kind": text.kind,
            "version": text.version,
            "effective_on": text.effective_on,
            "texts": text.texts,
            "answer": text.answer,
        },
    )
    return text
