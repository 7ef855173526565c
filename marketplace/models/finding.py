"""What people can find a model of the public catalogue by."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models

from marketplace.models.catalogue import AIModel


class ModelWords(models.Model):
    """The words of a model's card, as PostgreSQL searches them; triggers keep them true.

    Those of private models are kept out: whoever may not see a model cannot ask for its words.
    """

    model = models.OneToOneField(
        AIModel, on_delete=models.CASCADE, primary_key=True, related_name="words"
    )
    document = SearchVectorField()

    class Meta:
        indexes = (GinIndex(fields=("document",), name="words_of_models"),)

    def __str__(self) -> str:
        return str(self.model_id)
