"""Where customers' requests go, before a second person has agreed to it."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from common.models import LockingQuerySet, TimeStamped
from marketplace.encryption import EncryptedField
from marketplace.models.offers import Offer, Reachability, Route, Upstream


class ServerChangeQuerySet(LockingQuerySet["ServerChange"]):
    """Changes of servers that customers' requests go to."""

    def waiting(self) -> "ServerChangeQuerySet":
        """Those that wait for a second person."""
        return self.filter(status=ServerChange.Status.PROPOSED)

    def of(self, offer: Offer) -> "ServerChangeQuerySet":
        """Those of the offer's ways, with what is told of them."""
        its = models.Q(offer=offer) | models.Q(route__offer=offer)
        return self.filter(its).told()

    def told(self) -> "ServerChangeQuerySet":
        """The same with what is told of each."""
        return self.select_related("upstream", "offer", "route__offer", "proposed_by", "decided_by")


class ServerChange(TimeStamped):
    """Another address or credential of a server, another name of a model there, or another way.

    Or that a server is asked again, after somebody switched it off.

    One of the staff proposes it and another agrees, once the new way was probed. Until then requests
    go where they went.
    """

    class Kind(models.TextChoices):
        REACH = "reach", _("Another way to a server")
        ON = "on", _("Switched on")
        NAME = "name", _("Another name of a model")
        ADD = "add", _("One more server for an offer")
        PROMOTE = "promote", _("A canary answers everything")
        SHARE = "share", _("A canary answers more")

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("Waits for a second person")
        APPLIED = "applied", _("Done")
        REFUSED = "refused", _("Refused")
        WITHDRAWN = "withdrawn", _("Taken back")

    upstream = models.ForeignKey(Upstream, on_delete=models.CASCADE, related_name="changes")
    #: Of which way it is; empty: of the server itself, or of a way that is not there yet.
    route = models.ForeignKey(
        Route, on_delete=models.SET_NULL, related_name="changes", null=True, blank=True
    )
    #: What that way was when it was proposed, and stays known when it is removed: the name of its
    #: ``offer``, and its ``upstream_model``, ``role`` and ``share``. Empty: as ``route`` was.
    way = models.JSONField(default=dict, blank=True)
    #: Which offer gets one more way.
    offer = models.ForeignKey(
        Offer, on_delete=models.PROTECT, related_name="way_changes", null=True, blank=True
    )
    #: What the way will be: of one that is added its ``priority``, ``weight``, ``role`` and ``share``;
    #: of a canary another ``share``, or its ``role`` where it is promoted. Of a server that is
    #: switched on ``is_enabled``.
    facts = models.JSONField(default=dict, blank=True)
    #: What it will say; empty: as it is. Of a way that is added: where its server has to be.
    base_url = models.CharField(max_length=300, blank=True)
    upstream_model = models.CharField(max_length=200, blank=True)
    #: Another credential; kept until somebody has decided. That there was one is known for good.
    credential = EncryptedField(blank=True, default="")
    sets_credential = models.BooleanField(default=False)
    forgets_credential = models.BooleanField(default=False)
    #: What the last probe of the new way found, and by name in the API what its models were like.
    reachability = models.CharField(
        max_length=12, choices=Reachability, default=Reachability.UNKNOWN
    )
    conformance = models.JSONField(default=dict, blank=True)
    probed_at = models.DateTimeField(null=True)
    status = models.CharField(max_length=9, choices=Status, default=Status.PROPOSED)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    decided_at = models.DateTimeField(null=True)
    #: Why it was refused.
    answer = models.CharField(max_length=1000, blank=True)

    objects = ServerChangeQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("upstream", "route", "offer"),
                condition=models.Q(status="proposed"),
                nulls_distinct=False,
                name="one_change_of_a_server_at_a_time",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="applied")
                | models.Q(decided_by__isnull=False, probed_at__isnull=False)
                & ~models.Q(decided_by=models.F("proposed_by")),
                name="server_change_under_four_eyes",
            ),
        )

    def __str__(self) -> str:
        return f"{self.upstream} {self.status}"

    @property
    def kind(self) -> Kind:
        """What becomes otherwise."""
        if self.offer_id is not None:
            return self.Kind.ADD
        if not (self.route_id or self.way):
            is_reach = self.base_url or self.sets_credential or self.forgets_credential
            return self.Kind.REACH if is_reach else self.Kind.ON
        if self.upstream_model:
            return self.Kind.NAME
        return self.Kind.PROMOTE if self.facts.get("role") else self.Kind.SHARE

    @property
    def told_offer(self) -> Offer | None:
        """The offer whose way it is; None: of a server, whatever it answers for."""
        if self.offer is not None:
            return self.offer
        return self.route.offer if self.route else None

    @property
    def told_name(self) -> str | None:
        """The name of that offer in the API, also of a way that was removed since."""
        return self.told_offer.name if self.told_offer else self.way.get("offer")

    @property
    def is_proposed(self) -> bool:
        """Whether a second person has to decide."""
        return self.status == self.Status.PROPOSED

    @property
    def new_credential(self) -> str:
        """The credential that the new way is asked with."""
        if self.forgets_credential:
            return ""
        return self.credential or self.upstream.credential
