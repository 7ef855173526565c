"""Keys that programs call with."""

from collections.abc import Iterable

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from common.models import LockingQuerySet, TimeStamped
from tenants import key_scopes
from tenants.models.membership import Membership
from tenants.models.organization import Limited, Organization, Project


class ApiKeyQuerySet(LockingQuerySet["ApiKey"]):
    """Keys."""

    def usable(self) -> "ApiKeyQuerySet":
        """Those that open the door now."""
        unexpired = models.Q(expires_at=None) | models.Q(expires_at__gt=Now())
        return self.filter(unexpired, revoked_at=None)

    def lasting(self) -> "ApiKeyQuerySet":
        """Those that open the door now, or will again: a pass rests between two of its texts."""
        resting = models.Q(is_pass=True, revoked_at=None)
        return self.filter(models.Q(pk__in=self.usable().values("pk")) | resting)

    def made(self) -> "ApiKeyQuerySet":
        """Those that somebody made and keeps; the passes of the playground are not kept anywhere."""
        return self.filter(is_pass=False)

    def with_text(self, digests: Iterable[bytes]) -> "ApiKeyQuerySet":
        """Those whose text, or the one before it that still opens the door, has such a SHA-256."""
        wanted = list(digests)
        former = models.Q(former_digest__in=wanted, former_until__gt=Now())
        return self.filter(models.Q(digest__in=wanted) | former)

    def closed(self) -> "ApiKeyQuerySet":
        """Those that never open it again."""
        return self.filter(models.Q(expires_at__lte=Now()) | models.Q(revoked_at__isnull=False))

    def with_makers(self) -> "ApiKeyQuerySet":
        """Each with who made it, and whether that person has left since (``maker_left``)."""
        makers = Membership.objects.filter(
            organization=models.OuterRef("organization"), user=models.OuterRef("created_by")
        )
        return self.select_related("created_by").annotate(maker_left=~models.Exists(makers))


class ApiKey(Limited, TimeStamped):
    """A key: shown once when made, kept as its SHA-256 alone."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="api_keys"
    )
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="api_keys")
    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(max_length=20)
    last_four = models.CharField(max_length=4)
    digest = models.BinaryField(max_length=32, unique=True)
    scopes = ArrayField(models.CharField(max_length=20), default=list)
    allowed_models = ArrayField(
        models.CharField(max_length=100),
        default=list,
        blank=True,
        help_text=_("Names of models; empty means all that the organization may use."),
    )
    ip_ranges = ArrayField(models.CharField(max_length=43), default=list, blank=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    #: What it was called with before it was rotated, and until when that opens the door too.
    former_digest = models.BinaryField(max_length=32, unique=True, null=True)
    former_prefix = models.CharField(max_length=20, blank=True)
    former_last_four = models.CharField(max_length=4, blank=True)
    former_until = models.DateTimeField(null=True, blank=True)
    former_used_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    #: What a member's browser calls with, in the playground: its text changes each time it is asked for.
    is_pass = models.BooleanField(default=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "created_by", "project"),
                condition=models.Q(is_pass=True, revoked_at=None),
                name="one_pass_a_person_and_project",
            ),
            models.CheckConstraint(
                condition=models.Q(former_digest=None, former_until=None)
                | models.Q(former_digest__isnull=False, former_until__isnull=False, is_pass=False),
                name="former_text_ends",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…{self.last_four})"

    @property
    def calls_models(self) -> bool:
        """Whether it opens ``/v1`` at all."""
        return key_scopes.INFERENCE in self.scopes

    @property
    def powers(self) -> list[StrOrPromise]:
        """All that it may do, in words."""
        return [words for scope, words in key_scopes.POWERS.items() if scope in self.scopes]

    @property
    def unusual_powers(self) -> list[StrOrPromise]:
        """What it may do beyond what keys are for."""
        usual = {key_scopes.POWERS[scope] for scope in key_scopes.USUAL}
        return [words for words in self.powers if words not in usual]

    @property
    def is_rotating(self) -> bool:
        """Whether the text before the present one still opens the door."""
        return self.former_until is not None and self.former_until > timezone.now()

    @property
    def state(self) -> str:
        """Return active, expired or revoked."""
        if self.revoked_at:
            return "revoked"
        expired = self.expires_at is not None and self.expires_at <= timezone.now()
        return "expired" if expired else "active"
