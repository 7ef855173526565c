"""A disk in Paris, OpenAI's own client, and files."""

import io

import pytest
from django.core.files.base import ContentFile

from files.services import stored_files
from tests.support.clusters import paris
from tests.support.portal_server import key_of, portal, shared_portal

__all__ = ["key_of", "paris", "portal", "shared_portal"]


@pytest.fixture
def disk(paris, settings, tmp_path):
    """Files lie in a folder of the test's, in Paris."""
    settings.FILES_REGION = paris.code
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "incoming"
    settings.FILE_UPLOAD_TEMP_DIR.mkdir()
    storage = {**settings.STORAGES["default"], "OPTIONS": {"location": tmp_path / "kept"}}
    settings.STORAGES = {**settings.STORAGES, "default": storage}
    return tmp_path / "kept"


@pytest.fixture
def client(portal, disk, key_of, acme, alice):
    """OpenAI's client with a key of Acme."""
    return portal.client(key_of(acme, alice))


@pytest.fixture
def keep(disk, acme, alice):
    """Keep a file of Acme."""

    def keep(content=b"content\n", organization=acme, **facts):
        facts = {"filename": "notes.txt", "purpose": "user_data", "by": alice, **facts}
        return stored_files.keep(organization, ContentFile(content), **facts)

    return keep


def upload(content=b"{}\n", name="train.jsonl"):
    """Return a file as the client sends it."""
    return name, io.BytesIO(content)


def blobs_in(disk):
    """Return what lies on the disk."""
    return sorted(path for path in disk.rglob("*") if path.is_file()) if disk.exists() else []
