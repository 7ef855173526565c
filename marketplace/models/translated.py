"""What staff has written of a model or a service in other languages than the portal's first."""

from django.db import models

from common.languages import Said, said


class Translated(models.Model):
    """Rows whose columns are in the portal's first language, with the same in others beside them."""

    #: By column, then by language; what is not there is read in the first language.
    translations = models.JSONField(default=dict, blank=True)

    class Meta:
        abstract = True

    def said(self, name: str) -> Said:
        """Return what a column says to readers of today's language."""
        return said(getattr(self, name), self.translations.get(name, {}))

    @property
    def said_summary(self) -> Said:
        """What it is, in a sentence."""
        return self.said("summary")

    @property
    def translated_words(self) -> list[str]:
        """All that is said of it in other languages."""
        return [text for texts in self.translations.values() for text in texts.values()]
