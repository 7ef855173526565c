"""What is known of a model beyond its card: how it was measured, what it draws, what was tried."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from common.models import LockingQuerySet, TimeStamped
from marketplace.models.catalogue import AIModel


class DossierQuerySet(LockingQuerySet["Dossier"]):
    """Dossiers."""


class Dossier(TimeStamped):
    """The dossier of one model; customers read all of it but what is said of attacks."""

    model = models.OneToOneField(AIModel, on_delete=models.PROTECT, related_name="dossier")
    #: In the order they were written: name, language, score, date and source of each.
    evaluations = models.JSONField(default=list, blank=True)
    energy = models.DecimalField(
        _("energy per million tokens, in watt-hours"),
        max_digits=12,
        decimal_places=3,
        null=True,
        blank=True,
    )
    energy_source = models.CharField(_("how it was measured"), max_length=200, blank=True)
    #: What customers may have of the files: hash, name, bytes and what each is about.
    files = models.JSONField(default=list, blank=True)
    #: All that staff keeps with it; of them, the app role has no right to read any.
    kept_files = models.JSONField(default=list, blank=True)
    #: The app role has no right to read it: it tells how the model is broken.
    red_team = models.TextField(_("red-team notes"), blank=True)

    objects = DossierQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(energy=None) | models.Q(energy__gt=0),
                name="energy_above_zero",
            ),
        )

    def __str__(self) -> str:
        return f"{self.model}"


#: What customers read, and what therefore changes under four eyes.
SHOWN = ("evaluations", "energy", "energy_source", "files")
