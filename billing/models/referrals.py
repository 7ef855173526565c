"""Customers who bring customers: on which terms, by which link, and what came of it."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from billing.models.grants import CreditGrant
from billing.models.orders import Order
from common.models import AppendOnly, LockingQuerySet, TimeStamped
from common.money import Money
from tenants.models import Organization


class ReferralTermsQuerySet(LockingQuerySet["ReferralTerms"]):
    """Terms of referrals."""

    def waiting(self) -> "ReferralTermsQuerySet":
        """Those that wait for a second person."""
        return self.filter(status=ReferralTerms.Status.PROPOSED)

    def approved(self) -> "ReferralTermsQuerySet":
        """Those that a second person agreed to, the newest first."""
        return self.filter(status=ReferralTerms.Status.APPROVED).order_by("-decided_at", "-id")


class ReferralTerms(TimeStamped):
    """What both sides get in one currency from its approval on, until the next.

    Proposed by one of the staff, approved by another. Nothing for both switches it off.
    """

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("Waits for a second person")
        APPROVED = "approved", _("Approved")
        REFUSED = "refused", _("Refused")
        WITHDRAWN = "withdrawn", _("Taken back")

    currency = models.CharField(_("currency"), max_length=3)
    referrer_amount = models.DecimalField(_("for who refers"), max_digits=30, decimal_places=12)
    newcomer_amount = models.DecimalField(
        _("for the new customer"), max_digits=30, decimal_places=12
    )
    #: Net, of one purchase.
    minimum_purchase = models.DecimalField(
        _("smallest first purchase"), max_digits=30, decimal_places=12, default=0
    )
    validity_days = models.PositiveIntegerField(_("days it can be used"), default=90)
    #: How many are paid for to one customer, and to all together; empty is no limit.
    most_per_referrer = models.PositiveIntegerField(_("for one customer"), null=True, blank=True)
    most = models.PositiveIntegerField(_("for all together"), null=True, blank=True)
    #: The last day on which a purchase counts, in UTC; empty is no end.
    ends_on = models.DateField(_("last day"), null=True, blank=True)
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

    objects = ReferralTermsQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("currency",),
                condition=Q(status="proposed"),
                name="one_proposal_of_referral_terms_per_currency",
            ),
            models.CheckConstraint(
                condition=~Q(status="approved")
                | Q(decided_by__isnull=False, decided_at__isnull=False)
                & ~Q(decided_by=F("proposed_by")),
                name="referral_terms_under_four_eyes",
            ),
            models.CheckConstraint(
                condition=Q(
                    referrer_amount__gte=0,
                    newcomer_amount__gte=0,
                    minimum_purchase__gte=0,
                    validity_days__gt=0,
                ),
                name="referral_terms_are_amounts",
            ),
        )

    def __str__(self) -> str:
        return f"{self.currency} {self.created_at:%Y-%m-%d}"

    @property
    def is_proposed(self) -> bool:
        """Whether a second person has to decide."""
        return self.status == self.Status.PROPOSED

    @property
    def is_on(self) -> bool:
        """Whether anything is given."""
        return bool(self.referrer_amount or self.newcomer_amount)

    @property
    def for_referrer(self) -> Money:
        """What who refers gets."""
        return Money(self.referrer_amount, self.currency)

    @property
    def for_newcomer(self) -> Money:
        """What the new customer gets."""
        return Money(self.newcomer_amount, self.currency)

    @property
    def minimum(self) -> Money:
        """What the first purchase comes to at least, before tax."""
        return Money(self.minimum_purchase, self.currency)


class ReferralCode(AppendOnly):
    """What an organization's link ends in."""

    organization = models.OneToOneField(
        Organization, on_delete=models.PROTECT, related_name="referral_code"
    )
    code = models.CharField(max_length=16, unique=True)

    def __str__(self) -> str:
        return self.code


class ReferralQuerySet(LockingQuerySet["Referral"]):
    """Referrals."""

    def waiting(self) -> "ReferralQuerySet":
        """Those whose first purchase is still to come."""
        return self.filter(state=Referral.State.WAITING)

    def paid(self) -> "ReferralQuerySet":
        """Those that both got something for, and have not had taken back."""
        return self.filter(state=Referral.State.PAID)

    def untold(self) -> "ReferralQuerySet":
        """Those of whose credit nobody wrote yet to who got it for referring."""
        return self.paid().filter(referrer_grant__isnull=False, told_at=None)


class Referral(TimeStamped):
    """That an organization was founded by another one's link, and what came of it."""

    class State(models.TextChoices):
        WAITING = "waiting", _("No purchase yet")
        HELD = "held", _("Looked at by the operator")
        PAID = "paid", pgettext_lazy("referral", "Credited")
        REFUSED = "refused", _("Not credited")
        TAKEN_BACK = "taken_back", pgettext_lazy("referral", "Taken back")

    class Reason(models.TextChoices):
        NONE = "", ""
        STAFF = "staff", _("The operator decided so")
        PERSON = "person", _("The same person belongs to both")
        MAILBOX = "mailbox", _("The same mailbox belongs to both")
        TAX_NUMBER = "tax_number", _("Both have the same VAT number")
        PAYER = "payer", _("One pays for the other, or somebody for both")
        CURRENCY = "currency", _("They pay in different currencies")
        #: Of before they waited until that was over.
        NOT_ACTIVE = "not_active", _("One of them is suspended")
        NOT_RUNNING = "not_running", _("No referrals were credited at the first purchase")
        MOST_PER_REFERRER = "most_per_referrer", _("The customer has had the most it can get")
        MOST = "most", _("All that there is for referrals was given")
        PAID_BACK = "paid_back", _("The purchase was paid back")

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="referrals"
    )
    #: An organization is referred once.
    newcomer = models.OneToOneField(
        Organization, on_delete=models.PROTECT, related_name="referred_by"
    )
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    reason = models.CharField(max_length=20, choices=Reason, blank=True)
    #: What staff wrote when they held or refused it.
    note = models.CharField(max_length=500, blank=True)
    terms = models.ForeignKey(
        ReferralTerms, on_delete=models.PROTECT, related_name="referrals", null=True
    )
    #: The purchase that it was credited for.
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="+", null=True)
    referrer_grant = models.OneToOneField(
        CreditGrant, on_delete=models.PROTECT, related_name="+", null=True
    )
    newcomer_grant = models.OneToOneField(
        CreditGrant, on_delete=models.PROTECT, related_name="+", null=True
    )
    #: What was used before it could be taken back, of both.
    lost = models.DecimalField(max_digits=30, decimal_places=12, default=0)
    settled_at = models.DateTimeField(null=True)
    #: When who referred was written to about the credit.
    told_at = models.DateTimeField(null=True)

    objects = ReferralQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.CheckConstraint(
                condition=~Q(organization=F("newcomer")), name="nobody_refers_themselves"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=("paid", "taken_back"))
                | Q(terms__isnull=False, order__isnull=False, settled_at__isnull=False),
                name="referral_credited_for_a_purchase",
            ),
            models.CheckConstraint(
                condition=~Q(state="refused") | ~Q(reason=""), name="referral_refused_says_why"
            ),
        )

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def earned(self) -> Money | None:
        """What who referred got for it."""
        if self.state != self.State.PAID or self.terms is None:
            return None
        return self.terms.for_referrer

    @property
    def lost_money(self) -> Money | None:
        """What could not be taken back any more, of both."""
        return Money(self.lost, self.terms.currency) if self.terms else None
