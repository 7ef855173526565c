"""Files of dossiers, sent to be kept: no browser shows one, or takes it for something else."""

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from marketplace import dossier_files, dossiers, readers
from marketplace.dossier_files import DossierFile


@require_safe
def dossier_file(request: HttpRequest, slug: str, sha256: str) -> HttpResponse:
    """Send a file that customers may have, of a model that the reader sees."""
    seen = (it.model for it in readers.offers_seen_by(readers.of(request)) if it.slug == slug)
    model = next(seen, None)
    found = dossiers.public_file(model, sha256) if model else None
    if found is None:
        raise Http404
    return sent(found)


def sent(file: DossierFile) -> HttpResponse:
    """Return the answer that carries the file."""
    response = HttpResponse(dossier_files.content(file.sha256), content_type=file.type)
    disposition = content_disposition_header(True, file.name)  # noqa: FBT003 - Django's own order
    response["Content-Disposition"] = disposition or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    return response
