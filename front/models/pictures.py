"""Pictures of the operator's own: kept in the database, so that every process has them."""

from django.conf import settings
from django.db import models
from django.urls import reverse

from common.models import AppendOnly


class Picture(AppendOnly):
    """A logo or an icon, as it was looked through; its digest is its address for ever."""

    class Kind(models.TextChoices):
        PNG = "image/png", "PNG"
        WEBP = "image/webp", "WebP"
        SVG = "image/svg+xml", "SVG"

    digest = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=20, choices=Kind)
    content = models.BinaryField()
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )

    def __str__(self) -> str:
        return self.digest[:12]

    @property
    def address(self) -> str:
        """Where browsers find it."""
        return reverse("picture", args=[self.digest])
