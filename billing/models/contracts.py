"""What was agreed with a customer: a plan's terms or negotiated ones, from a day on."""

import hashlib
from datetime import datetime
from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.models.charges import Collection
from billing.models.dunning import Act
from billing.models.invoices import Invoice
from common.models import AppendOnly, LockingQuerySet, TimeStamped
from common.money import Money
from marketplace.models import PriceBook
from tenants.models import Organization, Project, User

ZERO = Decimal(0)


class Overage(models.TextChoices):
    """What happens when prepaid credit is used up."""

    CREDIT_ONLY = "credit_only", _("Stop: credit only")
    CREDIT_THEN_INVOICE = "credit_then_invoice", _("Go on, on the invoice, up to the limit")


class ContractTax(models.TextChoices):
    """How documents are taxed."""

    AUTOMATIC = "automatic", _("By the billing details")
    STANDARD = "standard", _("Standard rate")
    REDUCED = "reduced", _("Reduced rate")
    REVERSE_CHARGE = "reverse_charge", _("Reverse charge: the customer owes the tax")
    EXEMPT = "exempt", _("Exempt")


class Terms(models.Model):
    """What a plan or a contract says."""

    currency = models.CharField(_("currency"), max_length=3, default="EUR")
    price_book = models.ForeignKey(
        PriceBook,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("price book"),
        help_text=_("Empty: the customer group's book, or the one for everybody."),
    )
    commitment = models.DecimalField(
        _("commitment a month"),
        max_digits=30,
        decimal_places=12,
        default=ZERO,
        validators=[MinValueValidator(ZERO)],
        help_text=_("What usage misses of it stands on the invoice."),
    )
    overage = models.CharField(
        _("when credit is used up"), max_length=20, choices=Overage, default=Overage.CREDIT_ONLY
    )
    credit_limit = models.DecimalField(
        _("credit limit"),
        max_digits=30,
        decimal_places=12,
        default=ZERO,
        validators=[MinValueValidator(ZERO)],
        help_text=_("What may be owed at once, invoiced or not."),
    )
    net_days = models.PositiveSmallIntegerField(
        _("days to pay"), default=30, validators=[MaxValueValidator(365)]
    )
    grace_days = models.PositiveSmallIntegerField(
        _("days a draft stays open after its month"), default=0, validators=[MaxValueValidator(28)]
    )
    late_days = models.PositiveSmallIntegerField(
        _("days within which late usage is invoiced"),
        default=90,
        validators=[MaxValueValidator(730)],
        help_text=_("Older usage waits for a person's decision."),
    )
    tax_treatment = models.CharField(
        _("tax"), max_length=15, choices=ContractTax, default=ContractTax.AUTOMATIC
    )
    collection = models.CharField(
        _("how invoices are paid"), max_length=10, choices=Collection, default=Collection.CHOICE
    )

    updated_at: datetime

    #: What is done about invoices that are not paid in time: days and acts. Nothing said is the
    #: operator's usual stages, an empty list is that nothing is done.
    dunning = models.JSONField(null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def committed(self) -> Money:
        """What usage of a month comes to at least."""
        return Money(self.commitment, self.currency)

    @property
    def limit(self) -> Money:
        """What may be owed at once."""
        return Money(self.credit_limit, self.currency)

    @property
    def dunning_stages(self) -> list[tuple[int, str]]:
        """What is done about unpaid invoices: after how many days, and what, in words."""
        return [(stage["days"], str(Act(stage["act"]).label)) for stage in self.dunning or ()]

    @property
    def version(self) -> str:
        """Tell one state of these terms, and of the prices they name, from the next.

        For who agrees to what they have read.
        """
        said = [self.updated_at.isoformat()]
        if self.price_book is not None:
            # What was over by then is history, and does not change.
            prices = self.price_book.prices.lasting(self.updated_at).order_by("pk")
            said += [f"{pk} {until}" for pk, until in prices.values_list("pk", "effective_until")]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()


#: What a plan hands on to a contract.
TERMS = tuple(field.name for field in Terms._meta.local_fields)


def _terms_hold(prefix: str) -> tuple[models.BaseConstraint, ...]:
    """Return what the database promises of terms, named for their table."""
    return (
        models.CheckConstraint(
            condition=models.Q(commitment__gte=0, credit_limit__gte=0),
            name=f"{prefix}_amounts_not_negative",
        ),
        models.CheckConstraint(
            condition=models.Q(overage="credit_then_invoice") | models.Q(credit_limit=0),
            name=f"{prefix}_limit_belongs_to_invoicing",
        ),
    )


class PlanQuerySet(LockingQuerySet["Plan"]):
    """Plans."""


class Plan(Terms, TimeStamped):
    """Terms that many customers get; a contract copies them when it is made."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=100)
    is_offered = models.BooleanField(_("offered"), default=True)

    objects = PlanQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = _terms_hold("plan")

    def __str__(self) -> str:
        return self.name


class ContractQuerySet(LockingQuerySet["Contract"]):
    """Contracts."""

    def drafts(self) -> "ContractQuerySet":
        """Those that nobody has signed."""
        return self.filter(status=Contract.Status.DRAFT)

    def active(self) -> "ContractQuerySet":
        """Those that were signed, past and future ones included."""
        return self.filter(status=Contract.Status.ACTIVE)

    def at(self, instant: object) -> "ContractQuerySet":
        """Those that hold at the instant: one of an organization at most."""
        lasting = models.Q(effective_until=None) | models.Q(effective_until__gt=instant)
        return self.active().filter(lasting, effective_from__lte=instant)


class Contract(Terms, TimeStamped):
    """One customer's terms from a day on. Signed, it changes in nothing but when it ends."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("Draft")
        ACTIVE = "active", _("Signed")

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="contracts"
    )
    plan = models.ForeignKey(
        Plan, on_delete=models.PROTECT, related_name="contracts", null=True, blank=True
    )
    number = models.CharField(_("number"), max_length=40, unique=True)
    status = models.CharField(max_length=6, choices=Status, default=Status.DRAFT)
    starts_on = models.DateField(_("first day"))
    ends_on = models.DateField(_("last day"), null=True, blank=True)
    time_zone = models.CharField(_("billing time zone"), max_length=50, default="UTC")
    recipients = ArrayField(
        models.EmailField(),
        verbose_name=_("invoices go to"),
        default=list,
        blank=True,
        help_text=_("One address a line. Empty: the customer's billing addresses."),
    )
    #: The days as instants, in the billing time zone.
    effective_from = models.DateTimeField(null=True, editable=False)
    effective_until = models.DateTimeField(null=True, editable=False)
    signed_at = models.DateTimeField(null=True, editable=False)
    #: Who wrote it down, or changed it last: somebody else signs it.
    drafted_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", null=True, editable=False
    )
    signed_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", null=True, editable=False
    )

    objects = ContractQuerySet.as_manager()

    class Meta:
        ordering = ("-starts_on", "-created_at")
        constraints = (
            *_terms_hold("contract"),
            models.CheckConstraint(
                condition=models.Q(ends_on=None) | models.Q(ends_on__gte=models.F("starts_on")),
                name="contract_never_ends_before_it_begins",
            ),
            models.CheckConstraint(
                condition=models.Q(status="draft", signed_at=None)
                | models.Q(status="active", effective_from__isnull=False),
                name="signed_contract_has_a_beginning",
            ),
            models.CheckConstraint(
                condition=models.Q(signed_by__isnull=True)
                | models.Q(drafted_by__isnull=True)
                | ~models.Q(signed_by=models.F("drafted_by")),
                name="contract_signed_under_four_eyes",
            ),
        )

    def __str__(self) -> str:
        return self.number

    @property
    def is_draft(self) -> bool:
        """Whether it can still be changed."""
        return self.status == self.Status.DRAFT

    @property
    def is_postpaid(self) -> bool:
        """Whether usage goes on, on the invoice, when credit is used up."""
        return self.overage == Overage.CREDIT_THEN_INVOICE


class PurchaseOrderQuerySet(LockingQuerySet["PurchaseOrder"]):
    """Purchase orders."""

    def on(self, day: object) -> "PurchaseOrderQuerySet":
        """Those that can be billed against on the day, the first to lapse first."""
        found = self.filter(closed_at=None, starts_on__lte=day, lapses_on__gt=day)
        return found.order_by("lapses_on", "created_at", "pk")


class PurchaseOrder(TimeStamped):
    """An amount that a customer's buyers have set aside, until their fiscal year ends."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="purchase_orders"
    )
    number = models.CharField(_("number"), max_length=60)
    currency = models.CharField(max_length=3)
    amount = models.DecimalField(_("amount, without tax"), max_digits=30, decimal_places=12)
    starts_on = models.DateField(_("first day"))
    #: The first day on which it holds no longer: what is left is lost.
    lapses_on = models.DateField(_("lapses on"))
    closed_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = PurchaseOrderQuerySet.as_manager()

    class Meta:
        ordering = ("lapses_on", "created_at")
        constraints = (
            models.UniqueConstraint(fields=("organization", "number"), name="purchase_order_once"),
            models.CheckConstraint(
                condition=models.Q(amount__gt=0, lapses_on__gt=models.F("starts_on")),
                name="purchase_order_is_an_amount_for_a_time",
            ),
        )

    def __str__(self) -> str:
        return self.number


class PurchaseOrderUse(AppendOnly):
    """What an invoice took of a purchase order, without tax."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    purchase_order = models.ForeignKey(PurchaseOrder, on_delete=models.PROTECT, related_name="uses")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="order_uses")
    amount = models.DecimalField(max_digits=30, decimal_places=12)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("purchase_order", "invoice"), name="purchase_order_used_once_per_invoice"
            ),
        )

    def __str__(self) -> str:
        return f"{self.amount}"


class CostCentreQuerySet(LockingQuerySet["CostCentre"]):
    """Cost centres."""


class CostCentre(TimeStamped):
    """A place in the customer's own books that projects are charged to."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="cost_centres"
    )
    code = models.CharField(_("code"), max_length=40)
    name = models.CharField(_("name"), max_length=100)

    objects = CostCentreQuerySet.as_manager()

    class Meta:
        ordering = ("code",)
        constraints = (
            models.UniqueConstraint(fields=("organization", "code"), name="cost_centre_once"),
        )

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class CostCentreProject(TimeStamped):
    """Which cost centre a project is charged to: one at most."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    cost_centre = models.ForeignKey(CostCentre, on_delete=models.PROTECT, related_name="projects")
    project = models.OneToOneField(Project, on_delete=models.PROTECT, related_name="cost_centre")

    def __str__(self) -> str:
        return f"{self.cost_centre_id} {self.project_id}"


class LateMonthQuerySet(LockingQuerySet["LateMonth"]):
    """Months with late usage."""

    def undecided(self) -> "LateMonthQuerySet":
        """Those that wait for a person."""
        return self.filter(decided_at=None)


class LateMonth(TimeStamped):
    """A month of which usage came later than the contract lets it be invoiced."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="late_months"
    )
    starts_at = models.DateTimeField()
    label = models.CharField(max_length=7)
    is_accepted = models.BooleanField(default=False)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True)

    objects = LateMonthQuerySet.as_manager()

    class Meta:
        ordering = ("created_at",)
        constraints = (
            models.UniqueConstraint(fields=("organization", "starts_at"), name="late_month_once"),
        )

    def __str__(self) -> str:
        return self.label
