"""Models as the catalogue shows them: who made them, what they can do, on which terms."""

from datetime import timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common import countries
from common.languages import Said
from common.models import LockingQuerySet, TimeStamped
from marketplace.media import FIXED, PATCHES, TILES, UNRULED, USUAL_MOST, MediaRule
from marketplace.models.translated import Translated
from tenants.models import Classification, Organization


class Kind(models.TextChoices):
    """What a model is called for."""

    CHAT = "chat", _("Chat")
    EMBEDDING = "embedding", _("Embedding")
    RERANK = "rerank", _("Rerank")


#: What ``/v1`` answers for at present; a model of another kind could not be called.
SERVED = (Kind.CHAT, Kind.EMBEDDING, Kind.RERANK)


class ImageRule(models.TextChoices):
    """How engines come to the tokens of a picture."""

    UNKNOWN = UNRULED, _("Not known: the most")
    FIXED = FIXED, _("The same for every image")
    TILES = TILES, _("By tile and detail, as OpenAI does")
    PATCHES = PATCHES, _("By patch")


class Status(models.TextChoices):
    """Where a model, or an offer of it, stands in its life."""

    DRAFT = "draft", _("Draft")
    IN_REVIEW = "in_review", _("In review")
    PUBLISHED = "published", _("Published")
    DEPRECATED = "deprecated", _("Deprecated")
    RETIRED = "retired", _("Retired")


#: For how long after its publication a model is called new.
NEW_FOR = timedelta(days=30)
#: What customers have not seen yet.
UNSEEN = (Status.DRAFT, Status.IN_REVIEW)
#: What customers can see and call.
LIVE = (Status.PUBLISHED, Status.DEPRECATED)


class Publisher(TimeStamped):
    """Who made a model."""

    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(max_length=50, unique=True, allow_unicode=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class AIModelQuerySet(LockingQuerySet["AIModel"]):
    """Models."""

    def live(self) -> "AIModelQuerySet":
        """Those that customers can see and call, up to the moment they retire."""
        unretired = models.Q(retires_at=None) | models.Q(retires_at__gt=Now())
        return self.filter(unretired, status__in=LIVE)

    def public(self) -> "AIModelQuerySet":
        """Those that everybody sees: the operator's, but for those that it shows to some alone."""
        return self.filter(owner=None, is_restricted=False)

    def replacing(self, model: "AIModel") -> "AIModelQuerySet":
        """Those that can be used instead of a model: on sale, of its kind, and its owner's or ours."""
        owners = models.Q(owner=None) | models.Q(owner=model.owner_id)
        return self.live().filter(owners, kind=model.kind).exclude(pk=model.pk)

    def due_to_retire(self) -> "AIModelQuerySet":
        """Those whose day has come, and which nobody has marked as retired yet."""
        return self.filter(status__in=LIVE, retires_at__lte=Now())


class AIModel(Translated, TimeStamped):
    """A model: its card and its place in its life."""

    slug = models.SlugField(_("address"), max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=100)
    publisher = models.ForeignKey(Publisher, on_delete=models.PROTECT, related_name="models")
    #: Whose it is, where it is nobody else's business; see :mod:`marketplace.models.private`.
    owner = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="own_models", null=True, blank=True
    )
    #: Whether the operator shows it to its viewers alone; see :mod:`marketplace.models.viewers`.
    is_restricted = models.BooleanField(default=False)
    family = models.CharField(_("family"), max_length=60, blank=True)
    summary = models.CharField(_("summary"), max_length=250)
    card = models.TextField(_("model card"), blank=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.CHAT)
    context_window = models.PositiveIntegerField(_("context window, in tokens"))
    max_output = models.PositiveIntegerField(_("longest answer, in tokens"), default=0)
    features = ArrayField(models.CharField(max_length=30), default=list, blank=True)
    modalities = ArrayField(models.CharField(max_length=30), default=list, blank=True)
    languages = ArrayField(models.CharField(max_length=10), default=list, blank=True)
    licence = models.CharField(_("licence"), max_length=100)
    licence_url = models.URLField(_("address of the licence"), blank=True)
    #: Where it was made, by ISO 3166 code; what was written before countries were chosen stays.
    origin = models.CharField(_("country of origin"), max_length=100, blank=True)
    #: The most confidential data that it may be given.
    clearance = models.CharField(
        _("cleared for data up to"),
        max_length=12,
        choices=Classification,
        default=Classification.INTERNAL,
    )
    #: What customers agree to before they call it; none: they need not.
    terms = models.ForeignKey(
        "marketplace.ModelTerms", on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    #: Whether the operator lets each customer in by name.
    needs_approval = models.BooleanField(_("each customer asks for access"), default=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    published_at = models.DateTimeField(null=True, blank=True)
    #: Since when customers are told that it will go.
    deprecated_at = models.DateTimeField(null=True, blank=True)
    retires_at = models.DateTimeField(null=True, blank=True)
    #: What customers of a deprecated model should move to.
    replaced_by = models.ForeignKey(
        "self", on_delete=models.PROTECT, related_name="replaces", null=True, blank=True
    )
    #: What the chat template adds to a prompt; part of the bound that is reserved beforehand.
    template_tokens_per_message = models.PositiveIntegerField(default=8)
    template_tokens_base = models.PositiveIntegerField(default=256)
    #: How many tokens a picture and a second of sound are; see :mod:`marketplace.media`.
    image_rule = models.CharField(
        _("how images are counted"), max_length=10, choices=ImageRule, default=ImageRule.UNKNOWN
    )
    image_base = models.PositiveIntegerField(_("tokens of an image"), default=0)
    image_each = models.PositiveIntegerField(_("tokens of a tile or patch"), default=0)
    image_side = models.PositiveIntegerField(_("side of a tile or patch, in pixels"), default=0)
    image_most = models.PositiveIntegerField(_("most tokens of an image"), default=USUAL_MOST)
    audio_per_second = models.PositiveIntegerField(
        _("tokens of a second of sound, zero if not known"), default=0
    )

    objects = AIModelQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        verbose_name = _("model")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(image_rule=UNRULED)
                | models.Q(image_rule=FIXED, image_base__gt=0)
                | models.Q(image_rule__in=(TILES, PATCHES), image_each__gt=0, image_side__gt=0),
                name="image_rule_has_its_numbers",
            ),
            models.CheckConstraint(
                condition=models.Q(image_most__gt=0), name="image_is_never_nothing"
            ),
            models.CheckConstraint(
                condition=models.Q(owner=None) | models.Q(is_restricted=False),
                name="private_model_has_no_viewers",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def said_card(self) -> Said:
        """Its card as readers of today's language read it."""
        return self.said("card")

    @property
    def origin_name(self) -> str:
        """The country where it was made, in the language that is spoken now."""
        return str(countries.NAMES.get(self.origin, self.origin))

    @property
    def is_new(self) -> bool:
        """Whether customers have seen it for a few weeks at most."""
        since = self.published_at
        if self.status != Status.PUBLISHED or since is None:
            return False
        return timezone.now() - since < NEW_FOR

    @property
    def is_on_sale(self) -> bool:
        """Whether customers see it: what they see of it, one person alone does not change."""
        return self.status in LIVE

    @property
    def is_open(self) -> bool:
        """Whether it can be called: on sale, and not past its last day."""
        return self.is_on_sale and (self.retires_at is None or self.retires_at > timezone.now())

    @property
    def media_rule(self) -> MediaRule:
        """How many tokens its pictures and sounds can be."""
        return MediaRule(
            image_rule=self.image_rule,
            base=self.image_base,
            each=self.image_each,
            side=self.image_side,
            most=self.image_most,
            audio_per_second=self.audio_per_second,
        )


class ModelVersionQuerySet(LockingQuerySet["ModelVersion"]):
    """Versions."""


class ModelVersion(TimeStamped):
    """One set of weights of a model."""

    model = models.ForeignKey(AIModel, on_delete=models.PROTECT, related_name="versions")
    label = models.CharField(_("version"), max_length=60)
    quantization = models.CharField(_("quantization"), max_length=20, blank=True)
    #: The file that counts tokens as its engines do, kept under its hash; none: bytes do.
    tokenizer_sha256 = models.CharField(max_length=64, blank=True, default="")
    tokenizer_filename = models.CharField(max_length=255, blank=True, default="")
    tokenizer_bytes = models.PositiveIntegerField(default=0)
    tokenizer_vocabulary = models.PositiveIntegerField(default=0)
    #: The folder with its weights, tokenizer and chat template, as the clusters that teach it read
    #: it; none: it cannot be taught.
    weights = models.CharField(_("address of the weights"), max_length=300, blank=True, default="")

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(fields=("model", "label"), name="version_once_per_model"),
            models.CheckConstraint(
                condition=models.Q(tokenizer_sha256="", tokenizer_bytes=0)
                | models.Q(tokenizer_sha256__regex=r"^[0-9a-f]{64}$", tokenizer_bytes__gt=0),
                name="tokenizer_whole_or_none",
            ),
        )

    def __str__(self) -> str:
        return f"{self.model} {self.label}"
