"""That the catalogue has changed, as the database itself tells it."""

from django.db import models


class CatalogueEdit(models.Model):
    """One statement that changed what the catalogue is read from; written by triggers alone.

    Rows are only added, so nobody waits for anybody, and each is seen with the change it tells of.
    """

    id = models.BigAutoField(primary_key=True)

    def __str__(self) -> str:
        return f"{self.pk}"
