"""The operator's face: a style sheet made of the accent colour, the pictures, the manifest."""

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.utils.translation import get_language
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from common.database import service
from front import face
from front.colours import parse, style_sheet
from front.models import Picture

DAY = 86_400
YEAR = 365 * DAY
#: A picture opened by itself runs nothing and asks for nothing, whatever is in it.
ALONE = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@require_safe
@cache_control(public=True, max_age=3600)
def theme_css(request: HttpRequest) -> HttpResponse:
    """Serve the shades of an accent, so that no page needs an inline style.

    Pages name the accent in the address: a new one is a new sheet, and is seen at once.
    """
    accent = request.GET.get("accent", "")
    sheet = style_sheet(f"#{accent}" if accent else face.current().accent)
    return HttpResponse(sheet, content_type="text/css")


@require_safe
@cache_control(public=True, max_age=YEAR, immutable=True)
def picture(request: HttpRequest, digest: str) -> HttpResponse:
    """Serve a picture of the operator's; its address is its content's, for ever."""
    with service():
        found = Picture.objects.filter(digest=digest).first()
    if found is None:
        raise Http404
    response = HttpResponse(bytes(found.content), content_type=found.kind)
    response.headers["Content-Security-Policy"] = ALONE
    return response


@require_safe
@cache_control(public=True, max_age=DAY)
def operator_logo(request: HttpRequest) -> FileResponse:
    """Serve the picture that the settings name; 404 when there is none."""
    path = settings.OPERATOR["logo"]
    if path is None:
        raise Http404
    return FileResponse(path.open("rb"))


@require_safe
@cache_control(public=True, max_age=3600)
def favicon(request: HttpRequest) -> HttpResponse:
    """Lead whoever asks for an icon at the address of old to the one that pages name."""
    return redirect(face.current().icon or static("img/logo.svg"))


@require_safe
@cache_control(public=True, max_age=3600)
def manifest(request: HttpRequest) -> JsonResponse:
    """Describe the portal to devices on which people keep it."""
    operator = face.current()
    red, green, blue = parse(operator.accent)
    facts = {
        "name": operator.name,
        "short_name": operator.short_name,
        "lang": get_language(),
        "start_url": "/",
        "display": "browser",
        "theme_color": f"#{red:02x}{green:02x}{blue:02x}",
        "icons": [{"src": operator.icon or static("img/logo.svg"), "sizes": "any"}],
    }
    return JsonResponse(facts, content_type="application/manifest+json")
