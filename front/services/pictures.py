"""Pictures are looked through before they are kept: by their content, not by their name."""

import hashlib
import io
import re
import warnings

from django.utils.translation import gettext_lazy as _
from lxml import etree
from PIL import Image

from common.database import atomic
from front.errors import UnusablePicture
from front.models import Picture
from tenants.models import User

LARGEST = 512_000
MOST_PIXELS = 4096
SVG = "{http://www.w3.org/2000/svg}"
#: What draws, and neither runs nor loads anything.
DRAWING = {
    *("svg", "g", "defs", "symbol", "use", "title", "desc", "path", "rect", "circle", "ellipse"),
    *("line", "polyline", "polygon", "text", "tspan", "clipPath", "mask", "linearGradient"),
    *("radialGradient", "stop", "pattern"),
}
#: ``url(#shade)`` points into the picture; every other address leads out of it.
LEADS_OUT = re.compile(r"url\(\s*['\"]?\s*(?!#)|@import|expression|javascript:", re.IGNORECASE)
FORMATS = {"PNG": Picture.Kind.PNG, "WEBP": Picture.Kind.WEBP}


@atomic()
def keep(content: bytes, *, by: User) -> Picture:
    """Keep a picture that is safe to show; the same content is kept once."""
    if len(content) > LARGEST:
        raise UnusablePicture(_("This file is larger than 500 kB."))
    kind = _kind(content)
    digest = hashlib.sha256(content).hexdigest()
    picture, _new = Picture.objects.get_or_create(
        digest=digest, defaults={"kind": kind, "content": content, "uploaded_by": by}
    )
    return picture


def _kind(content: bytes) -> Picture.Kind:
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        _look_through(content)
        return Picture.Kind.SVG
    return _raster(content)


def _raster(content: bytes) -> Picture.Kind:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=tuple(FORMATS)) as image:
                size, kind = image.size, FORMATS[image.format or ""]
                if max(size) <= MOST_PIXELS:
                    image.load()
    except (OSError, ValueError, SyntaxError, Warning, Image.DecompressionBombError):
        raise UnusablePicture from None
    if max(size) > MOST_PIXELS:
        raise UnusablePicture(_("This picture is wider or higher than 4096 pixels."))
    return kind


def _look_through(content: bytes) -> None:
    """Refuse an SVG that could run something, load something or is none."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError:
        raise UnusablePicture from None
    if root.tag != f"{SVG}svg":
        raise UnusablePicture
    if root.getroottree().docinfo.internalDTD is not None:
        raise UnusablePicture(_("This SVG declares entities; only what draws is taken."))
    for element in root.iter():
        _look_at(element)


def _look_at(element: etree._Element) -> None:
    if element.tag is etree.Comment:
        return
    name = str(element.tag).removeprefix(SVG) if isinstance(element.tag, str) else "?"
    if name not in DRAWING:
        words = _("This SVG holds <%(name)s>; only what draws is taken.")
        raise UnusablePicture(words % {"name": name})
    for attribute, value in element.attrib.items():
        local = etree.QName(attribute).localname.lower()
        leads_out = local == "href" and not str(value).startswith("#")
        if local.startswith("on") or leads_out or LEADS_OUT.search(str(value)):
            words = _("This SVG holds %(name)s, which could run or load something.")
            raise UnusablePicture(words % {"name": local})
