"""What a new organization is given to try, and that it got it."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.models.grants import CreditGrant
from common.models import AppendOnly, LockingQuerySet, TimeStamped
from common.money import Money
from tenants.models import Organization


class TrialTermsQuerySet(LockingQuerySet["TrialTerms"]):
    """Terms of trials."""

    def waiting(self) -> "TrialTermsQuerySet":
        """Those that wait for a second person."""
        return self.filter(status=TrialTerms.Status.PROPOSED)

    def approved(self) -> "TrialTermsQuerySet":
        """Those that a second person agreed to, the newest first."""
        return self.filter(status=TrialTerms.Status.APPROVED).order_by("-decided_at", "-id")


class TrialTerms(TimeStamped):
    """What organizations that are let in from its approval on get in one currency, until the next.

    Proposed by one of the staff, approved by another: it gives money to everybody who comes.
    """

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("Waits for a second person")
        APPROVED = "approved", _("Approved")
        REFUSED = "refused", _("Refused")
        WITHDRAWN = "withdrawn", _("Taken back")

    currency = models.CharField(_("currency"), max_length=3)
    #: None is given where it is zero.
    amount = models.DecimalField(_("trial credit"), max_digits=30, decimal_places=12)
    validity_days = models.PositiveIntegerField(_("days it can be used"), default=30)
    #: What may be spent in a day until the first purchase or contract; empty is no limit.
    daily_spend = models.DecimalField(
        _("spending a day"), max_digits=30, decimal_places=12, null=True, blank=True
    )
    words = models.CharField(_("note"), max_length=500, blank=True)
    status = models.CharField(max_length=9, choices=Status, default=Status.PROPOSED)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    decided_at = models.DateTimeField(null=True)
    #: Why it was refused.
    answer = models.CharField(max_length=500, blank=True)

    objects = TrialTermsQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("currency",),
                condition=Q(status="proposed"),
                name="one_proposal_of_trial_terms_per_currency",
            ),
            models.CheckConstraint(
                condition=~Q(status="approved")
                | Q(decided_by__isnull=False, decided_at__isnull=False)
                & ~Q(decided_by=F("proposed_by")),
                name="trial_terms_under_four_eyes",
            ),
            models.CheckConstraint(
                condition=Q(amount__gte=0, validity_days__gt=0)
                & (Q(daily_spend=None) | Q(daily_spend__gt=0)),
                name="trial_terms_are_amounts",
            ),
        )

    def __str__(self) -> str:
        return f"{self.currency} {self.created_at:%Y-%m-%d}"

    @property
    def is_proposed(self) -> bool:
        """Whether a second person has to decide."""
        return self.status == self.Status.PROPOSED

    @property
    def credit(self) -> Money:
        """What is given."""
        return Money(self.amount, self.currency)

    @property
    def daily(self) -> Money | None:
        """What may be spent in a day until the first purchase or contract."""
        return Money(self.daily_spend, self.currency) if self.daily_spend is not None else None


class TrialCredit(AppendOnly):
    """That the terms of trials were applied to an organization, and the grant, where it got one.

    A person gets one in a lifetime, whatever they found, and so does a mailbox.
    """

    organization = models.OneToOneField(
        Organization, on_delete=models.PROTECT, related_name="trial_credit"
    )
    terms = models.ForeignKey(TrialTerms, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    #: The person's address without what a mailbox's owner may add to it.
    mailbox = models.EmailField(max_length=254)
    grant = models.OneToOneField(
        CreditGrant, on_delete=models.PROTECT, related_name="trial", null=True
    )
    applied_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("person",),
                condition=Q(grant__isnull=False),
                name="trial_credit_once_per_person",
            ),
            models.UniqueConstraint(
                fields=("mailbox",),
                condition=Q(grant__isnull=False),
                name="trial_credit_once_per_mailbox",
            ),
        )

    def __str__(self) -> str:
        return f"{self.organization_id} {self.mailbox}"
