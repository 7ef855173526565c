"""Static files: named by their content and compressed; and pages that travel compressed."""

import gzip
import re

import pytest
from django.conf import settings as configured
from django.contrib.staticfiles import finders
from django.http import HttpResponse, StreamingHttpResponse
from django.templatetags.static import static
from django.test import Client, RequestFactory

from common.pages import CompressedPagesMiddleware
from portal import static_files

STYLE = "css/app.css"
NAMED = re.compile(r"/static/css/app\.[0-9a-f]{12}\.css")


@pytest.fixture
def collected(settings, tmp_path):
    """Static files of our own apps, collected into a folder of the test's."""
    source = tmp_path / "source"
    (source / "css").mkdir(parents=True)
    (source / STYLE).write_text("body { color: black }\n" * 100)
    settings.STATICFILES_DIRS = [source]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT = tmp_path / "collected"
    finders.get_finder.cache_clear()
    static_files.collect()
    yield source
    finders.get_finder.cache_clear()


def test_a_file_is_named_by_its_content_and_kept_for_ever(collected):
    address = static(STYLE)
    assert NAMED.fullmatch(address)
    answer = Client().get(address, headers={"accept-encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "immutable" in answer.headers["Cache-Control"]
    whole = b"".join(answer.streaming_content)
    assert gzip.decompress(whole) == (collected / STYLE).read_bytes()
    assert len(whole) < (collected / STYLE).stat().st_size / 10


def test_files_are_collected_again_only_when_one_has_changed(collected):
    before = static(STYLE)
    assert static_files.collect() is False
    (collected / STYLE).write_text("body { color: white }\n")
    assert static_files.collect() is True
    # A page that was open asks for the old one still.
    old = Client().get(before)
    assert b"black" in b"".join(old.streaming_content)


def test_a_start_that_was_cut_short_collects_again(collected, settings):
    (settings.STATIC_ROOT / "collected-from").unlink()
    assert static_files.collect() is True


def test_what_was_not_collected_has_its_own_name(collected):
    assert static("css/other.css") == "/static/css/other.css"


def test_every_file_that_pages_name_can_be_collected(settings, tmp_path):
    settings.STATIC_ROOT = tmp_path / "collected"
    static_files.collect()
    named = set()
    for template in (configured.BASE_DIR / "templates").rglob("*.html"):
        named |= set(re.findall(r"""{% static ['"]([^'"]+)['"]""", template.read_text("utf-8")))
    assert len(named) > 20
    assert [name for name in named if static(name) == f"/static/{name}"] == []


def test_a_page_travels_compressed(db):
    plain = Client().get("/").content
    answer = Client().get("/", headers={"accept-encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert len(answer.content) < len(plain) / 3
    assert gzip.decompress(answer.content).lstrip().lower().startswith(b"<!doctype html>")


def test_a_stream_keeps_none_of_its_pieces_back():
    request = RequestFactory().get("/", headers={"accept-encoding": "gzip"})
    pieces = [b"a" * 500, b"b" * 500]
    compressed = CompressedPagesMiddleware(lambda _request: StreamingHttpResponse(pieces))
    assert list(compressed(request).streaming_content) == pieces
    whole = CompressedPagesMiddleware(lambda _request: HttpResponse(b"a" * 500))
    assert whole(request).headers["Content-Encoding"] == "gzip"
