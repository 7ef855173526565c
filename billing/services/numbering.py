"""Numbers of documents: gapless in each series of an issuer, and never given twice."""

from billing.models import InvoiceSequence, Issuer


def take(issuer: Issuer, series: str, count: int = 1) -> list[str]:
    """Return the next numbers of a series; its row stays locked until the transaction ends."""
    found, _made = InvoiceSequence.objects.get_or_create(issuer=issuer, series=series)
    sequence = InvoiceSequence.objects.locked(found.pk)
    first = sequence.last_number + 1
    sequence.last_number += count
    sequence.save(update_fields=["last_number", "updated_at"])
    return [f"{issuer.code.upper()}-{series}-{number:06}" for number in range(first, first + count)]
