"""Payments that the payer's bank takes back from the operator, and how that ends."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.models.credit_notes import CreditNote
from billing.models.invoices import Invoice
from billing.models.orders import Order
from common.models import LockingQuerySet, TimeStamped
from common.money import Money
from tenants.models import Organization

ZERO = 0


class ChargebackQuerySet(LockingQuerySet["Chargeback"]):
    """Chargebacks."""

    def waiting(self) -> "ChargebackQuerySet":
        """Those that the bank has not decided."""
        return self.filter(status__in=Chargeback.WAITING)

    def unsettled(self) -> "ChargebackQuerySet":
        """Those that were lost, and whose money is not owed again yet."""
        return self.filter(
            status=Chargeback.Status.LOST, withdrawn__gt=ZERO, settled_at__isnull=True
        )

    def undecided(self) -> "ChargebackQuerySet":
        """Those of which nobody can say yet whose money it is."""
        return self.waiting() | self.unsettled()

    def settled(self) -> "ChargebackQuerySet":
        """Those that were lost, and whose money is owed again."""
        return self.filter(settled_at__isnull=False)

    def loose(self) -> "ChargebackQuerySet":
        """Those of which something is owed that stands on no invoice."""
        return self.filter(owed__gt=ZERO)


class Chargeback(TimeStamped):
    """One payment that a bank takes back: what it withdrew, and what came of it.

    Not a dispute of ours: those are objections to invoices, and customers open them here.
    """

    class Status(models.TextChoices):
        INQUIRY = "inquiry", _("The bank asks")
        OPEN = "open", _("With the bank")
        CLOSED = "closed", _("Closed without effect")
        WON = "won", _("Won")
        LOST = "lost", _("Lost")

    WAITING = (Status.INQUIRY, Status.OPEN)

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="chargebacks"
    )
    #: The provider's id of the dispute, and of the payment that it is about.
    reference = models.CharField(max_length=255, unique=True)
    payment_reference = models.CharField(max_length=255)
    #: What the payment had paid for: a purchase, or an invoice.
    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="chargebacks", null=True
    )
    invoice = models.ForeignKey(
        Invoice, on_delete=models.PROTECT, related_name="chargebacks", null=True
    )
    status = models.CharField(max_length=10, choices=Status)
    #: Why, in the provider's own word.
    reason = models.CharField(max_length=60, blank=True)
    currency = models.CharField(max_length=3)
    amount = models.DecimalField(max_digits=30, decimal_places=12)
    #: What of it is out of our account now, and what the provider took for it.
    withdrawn = models.DecimalField(max_digits=30, decimal_places=12, default=ZERO)
    fee = models.DecimalField(max_digits=30, decimal_places=12, default=ZERO)
    fee_currency = models.CharField(max_length=3)
    #: How many movements of our account the provider has told: fewer are old news.
    moves = models.PositiveIntegerField(default=ZERO)
    opened_at = models.DateTimeField()
    #: Until then the bank takes an answer.
    answer_by = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    #: Since when what was lost is owed again.
    settled_at = models.DateTimeField(null=True)
    #: What took back the credit that was left of a purchase.
    credit_note = models.OneToOneField(
        CreditNote, on_delete=models.PROTECT, related_name="chargeback", null=True
    )
    #: What is owed and stands on no invoice: money that had gone elsewhere meanwhile.
    owed = models.DecimalField(max_digits=30, decimal_places=12, default=ZERO)

    objects = ChargebackQuerySet.as_manager()

    class Meta:
        ordering = ("-opened_at", "-id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(order__isnull=True, invoice__isnull=False)
                | models.Q(order__isnull=False, invoice__isnull=True),
                name="chargeback_is_of_one_payment",
            ),
            models.CheckConstraint(
                condition=models.Q(amount__gt=0, withdrawn__gte=0, owed__gte=0),
                name="chargeback_is_an_amount",
            ),
            models.CheckConstraint(
                condition=models.Q(settled_at__isnull=True) | models.Q(status__in=("lost", "won")),
                name="only_lost_chargebacks_are_owed",
            ),
        )

    def __str__(self) -> str:
        return f"{self.reference} {self.status}"

    @property
    def worth(self) -> Money:
        """How much the bank takes back."""
        return Money(self.amount, self.currency)

    @property
    def cost(self) -> Money:
        """What the provider took for it."""
        return Money(self.fee, self.fee_currency)

    @property
    def loose(self) -> Money:
        """What is owed and stands on no invoice."""
        return Money(self.owed, self.currency)

    @property
    def is_waiting(self) -> bool:
        """Whether the bank has not decided."""
        return self.status in self.WAITING

    @property
    def is_owed_again(self) -> bool:
        """Whether it is lost, and more of it than the credit that was taken back."""
        taken = self.credit_note.total if self.credit_note else ZERO
        is_lost = self.status == self.Status.LOST and self.settled_at is not None
        return is_lost and self.withdrawn > taken
