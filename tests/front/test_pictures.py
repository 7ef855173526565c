"""A picture is looked through before anybody sees it."""

import io

import pytest
from PIL import Image

from common.database import service
from front.errors import UnusablePicture
from front.models import Picture
from front.services import pictures

DRAWN = b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h9v9z" fill="url(#a)"/></svg>'


def raster(kind="PNG", size=(4, 4)):
    buffer = io.BytesIO()
    Image.new("RGB", size, "red").save(buffer, kind)
    return buffer.getvalue()


def svg(inside, namespace="http://www.w3.org/2000/svg", before=""):
    return f'{before}<svg xmlns="{namespace}">{inside}</svg>'.encode()


@pytest.fixture
def staff(person):
    return person("sam@operator.example", is_staff=True)


@pytest.mark.parametrize(
    ("content", "kind"),
    [(raster("PNG"), "image/png"), (raster("WEBP"), "image/webp"), (DRAWN, "image/svg+xml")],
)
def test_a_picture_is_kept_once_and_served_by_what_it_is(staff, client, content, kind):
    with service():
        first, again = (pictures.keep(content, by=staff) for _time in range(2))

    response = client.get(first.address)

    assert first == again
    assert response.content == content
    assert response.headers["Content-Type"] == kind
    assert "immutable" in response.headers["Cache-Control"]


def test_a_picture_that_is_opened_by_itself_can_do_nothing(staff, client):
    with service():
        picture = pictures.keep(DRAWN, by=staff)

    policy = client.get(picture.address).headers["Content-Security-Policy"]

    assert policy == "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@pytest.mark.parametrize(
    "content",
    [
        svg("<script>alert(1)</script>"),
        svg('<path onload="alert(1)"/>'),
        svg('<use href="https://evil.example/a.svg#b"/>'),
        svg('<use xmlns:x="http://www.w3.org/1999/xlink" x:href="data:image/svg+xml,a"/>'),
        svg('<path style="fill:url(https://evil.example/a)"/>'),
        svg("<style>@import 'https://evil.example'</style>"),
        svg("<foreignObject><body/></foreignObject>"),
        svg('<image href="file:///etc/passwd"/>'),
        svg("<g><a href='#x'/></g>"),
        svg("&e;", before='<!DOCTYPE svg [<!ENTITY e SYSTEM "file:///etc/passwd">]>'),
        svg("", namespace="http://www.w3.org/1999/xhtml"),
        b"<svg",
        b"",
        b"GIF89a",
        raster("PNG")[:40],
        raster("PNG", (4097, 1)),
        raster("JPEG"),
        raster("PNG") + b"x" * 512_000,
    ],
)
def test_what_could_run_load_or_is_no_picture_is_refused(staff, content):
    with service(), pytest.raises(UnusablePicture):
        pictures.keep(content, by=staff)

    with service():
        assert not Picture.objects.exists()


def test_there_is_no_picture_at_another_address(client, db):
    assert client.get("/pictures/0000").status_code == 404
