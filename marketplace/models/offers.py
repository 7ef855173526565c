"""A version on terms: what it is called, where it runs, who answers, and how it burns tokens."""

from datetime import timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from common.models import LockingQuerySet, Row, TimeStamped
from marketplace.encryption import EncryptedField
from marketplace.models.catalogue import LIVE, ModelVersion, Status
from marketplace.models.prices import WEIGHED_PARTS
from tenants.models import Region


class TokenClass(TimeStamped):
    """Models whose tokens can be bought together."""

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=100)

    class Meta:
        ordering = ("code",)
        verbose_name_plural = "token classes"

    def __str__(self) -> str:
        return self.name


class TokenWeight(TimeStamped):
    """How many tokens of the class one token of this part burns; of GPU-hours, an hour."""

    token_class = models.ForeignKey(TokenClass, on_delete=models.PROTECT, related_name="weights")
    token_part = models.CharField(max_length=20, choices=WEIGHED_PARTS)
    weight = models.DecimalField(max_digits=18, decimal_places=6)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("token_class", "token_part"), name="weight_once_per_part"
            ),
            models.CheckConstraint(condition=models.Q(weight__gte=0), name="weight_not_negative"),
        )


#: When nobody has looked at a server for so long, what was found says nothing any more.
VERDICT_HOLDS = timedelta(minutes=5)


class Reachability(models.TextChoices):
    """How a server answered when it was last asked for its models."""

    UNKNOWN = "unknown", _("has not been asked yet")
    ANSWERS = "answers", _("answers")
    REFUSED = "refused", _("refuses connections")
    UNKNOWN_NAME = "unknown_name", _("has a host name that nobody knows")
    SILENT = "silent", _("does not answer in time")
    UNTRUSTED = "untrusted", _("shows a certificate that is not trusted")
    CREDENTIAL = "credential", _("refuses the credential")
    BROKEN = "broken", _("answers, but not with a list of models")
    UNREADY = "unready", _("says that it is not ready")


class ServerPreset(models.TextChoices):
    """What answers at a server: says what its settings begin with."""

    GENERIC = "generic", _("Any OpenAI-compatible server")
    VLLM = "vllm", "vLLM"
    SGLANG = "sglang", "SGLang"
    NIM = "nim", "NVIDIA NIM"
    TRANSFORMERS = "transformers", "transformers serve"


class Upstream(TimeStamped):
    """A server that answers: the operator's own engine, in one region."""

    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(max_length=50, unique=True)
    base_url = models.URLField(_("address"), max_length=300)
    credential = EncryptedField(blank=True, default="")
    region = models.ForeignKey(Region, on_delete=models.PROTECT, related_name="upstreams")
    is_enabled = models.BooleanField(default=True)
    #: Asked only when no other server of an offer can answer: it is about to be taken away.
    is_draining = models.BooleanField(default=False)
    #: Whether it takes adapters while it runs, as vLLM does when it is allowed to.
    loads_adapters = models.BooleanField(default=False)
    preset = models.CharField(max_length=12, choices=ServerPreset, default=ServerPreset.GENERIC)
    #: Where it says whether it is ready, beside its /v1; empty: where it lists its models.
    health_path = models.CharField(max_length=100, blank=True, default="")
    #: Where it tells its load in Prometheus' format, beside its /v1; empty: it tells none.
    metrics_path = models.CharField(max_length=100, blank=True, default="")
    #: Where an exporter tells the use of its GPUs, such as NVIDIA's; it gets no credential.
    gpu_metrics_url = models.CharField(max_length=300, blank=True, default="")
    #: Whether streams are asked for their usage; otherwise they are counted by the gateway.
    tells_usage = models.BooleanField(default=True)
    #: Whether a caller who hangs up ends its work; otherwise no probe holds it against the server.
    stops_on_hang_up = models.BooleanField(default=True)
    #: How long the gateway waits for it: to connect, for its first byte, between two parts.
    connect_seconds = models.PositiveSmallIntegerField(default=5)
    first_byte_seconds = models.PositiveSmallIntegerField(default=120)
    idle_seconds = models.PositiveSmallIntegerField(default=120)
    #: What the last look at it found.
    reachability = models.CharField(
        max_length=12, choices=Reachability, default=Reachability.UNKNOWN
    )
    checked_at = models.DateTimeField(null=True, blank=True)
    #: When the periodic look was last begun: nobody else begins it until the next is due.
    asked_at = models.DateTimeField(null=True, blank=True)
    #: Whether gateways may count on it, and how many looks in a row have said otherwise.
    is_well = models.BooleanField(default=True)
    doubts = models.PositiveSmallIntegerField(default=0)
    served_models = ArrayField(models.CharField(max_length=200), default=list, blank=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def is_in_trouble(self) -> bool:
        """Whether it was asked and did not answer as an engine does."""
        return self.reachability not in (Reachability.UNKNOWN, Reachability.ANSWERS)

    @property
    def is_passed_over(self) -> bool:
        """Whether gateways ask all others first: it was ill when it was last looked at, lately."""
        is_fresh = self.checked_at is not None and timezone.now() - self.checked_at < VERDICT_HOLDS
        return not self.is_well and is_fresh

    @property
    def has_credential(self) -> bool:
        """Whether a credential is stored; the credential itself is never shown."""
        return bool(self.credential)


class OfferQuerySet(LockingQuerySet["Offer"]):
    """Offers."""

    def live(self) -> "OfferQuerySet":
        """Those that can be called: on sale, and not past the day their model retires."""
        return self._unretired().filter(status__in=LIVE)

    def watched(self) -> "OfferQuerySet":
        """Those that are on sale or in review: where they lead is two people's to decide."""
        return self._unretired().filter(status__in=(Status.IN_REVIEW, *LIVE))

    def _unretired(self) -> "OfferQuerySet":
        retires_at = "model_version__model__retires_at"
        unretired = models.Q(**{retires_at: None}) | models.Q(**{f"{retires_at}__gt": Now()})
        return self.filter(unretired)


class Offer(TimeStamped):
    """A version in a region, under the name that ``/v1`` knows it by."""

    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="offers")
    region = models.ForeignKey(Region, on_delete=models.PROTECT, related_name="offers")
    name = models.CharField(_("name in the API"), max_length=100, unique=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    default_rpm = models.PositiveIntegerField(default=600)
    default_tpm = models.PositiveIntegerField(default=1_000_000)
    default_concurrency = models.PositiveIntegerField(default=64)
    token_class = models.ForeignKey(
        TokenClass, on_delete=models.PROTECT, related_name="offers", null=True, blank=True
    )

    objects = OfferQuerySet.as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class ProbeState(models.TextChoices):
    """How one check of a probe went."""

    PASSED = "passed", _("passed")
    FAILED = "failed", _("failed")
    UNKNOWN = "unknown", _("cannot be told")


#: What a probe looks at, in order.
PROBED = {
    "models": _("Lists the model"),
    "plain": _("Answers as a whole"),
    "stream": _("Answers in a stream"),
    "usage": _("Counts tokens honestly"),
    "cancel": _("Stops when a caller hangs up"),
    "embedding": _("Embeds a text"),
}


class RouteRole(models.TextChoices):
    """What a way is for."""

    SERVES = "serves", _("Answers")
    CANARY = "canary", _("Canary: answers a share first")
    SHADOW = "shadow", _("Shadow: gets copies, answers nobody")


class Route(TimeStamped):
    """One way from an offer to a server; lower priority numbers are tried first."""

    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="routes")
    upstream = models.ForeignKey(Upstream, on_delete=models.PROTECT, related_name="routes")
    upstream_model = models.CharField(_("model name at the server"), max_length=200)
    weight = models.PositiveIntegerField(default=1)
    priority = models.PositiveIntegerField(default=0)
    role = models.CharField(max_length=6, choices=RouteRole, default=RouteRole.SERVES)
    #: Of a way on trial: how many per cent of the requests; none, while it is stopped.
    share = models.PositiveSmallIntegerField(default=0)
    #: What the last probe of this way found, by check, and when.
    conformance = models.JSONField(default=dict, blank=True)
    conformed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("priority", "-weight", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("offer", "upstream", "upstream_model"), name="route_once_per_server"
            ),
            models.UniqueConstraint(
                fields=("offer", "role"),
                condition=~models.Q(role="serves"),
                name="one_trial_of_a_kind_per_offer",
            ),
            models.CheckConstraint(
                condition=models.Q(role="serves", share=0)
                | ~models.Q(role="serves") & models.Q(share__lte=100),
                name="share_of_trials_in_per_cent",
            ),
        )

    def __str__(self) -> str:
        return f"{self.offer} → {self.upstream}"

    @property
    def is_on_trial(self) -> bool:
        """Whether it is a canary or a shadow: the offer does not stand on it."""
        return self.role != RouteRole.SERVES

    @property
    def conforms(self) -> bool:
        """Whether it was probed, and failed in nothing."""
        return self.conformed_at is not None and (
            ProbeState.FAILED not in self.conformance.values()
        )

    @property
    def conformance_words(self) -> list[tuple[StrOrPromise, str]]:
        """What the last probe found, in words and in order."""
        found = self.conformance
        return [(label, found[code]) for code, label in PROBED.items() if code in found]

    @property
    def is_unlisted(self) -> bool:
        """Whether the server answers, and does not know the model by this name."""
        answers = self.upstream.reachability == Reachability.ANSWERS
        return answers and self.upstream_model not in self.upstream.served_models


class TrialArm(models.TextChoices):
    """Which requests of an offer with a way on trial are counted together."""

    NEW = "new", _("The way on trial")
    USUAL = "usual", _("All other ways")


class TrialOutcome(models.TextChoices):
    """How a way answered."""

    GOOD = "good", _("answered")
    FAILED = "failed", _("did not answer, or with an error")
    BROKE = "broke", _("broke off")
    DROPPED = "dropped", _("was not asked: too many copies at once")


class TrialTally(Row):
    """How often a way on trial, or the others meanwhile, answered so; gateways add to it."""

    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="tallies")
    arm = models.CharField(max_length=5, choices=TrialArm)
    outcome = models.CharField(max_length=7, choices=TrialOutcome)
    #: Of good answers: in seconds, within which they began (a shadow's: were whole).
    within = models.FloatField(default=0)
    amount = models.BigIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("route", "arm", "outcome", "within"), name="trial_tally_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.route_id} {self.arm} {self.outcome}"
