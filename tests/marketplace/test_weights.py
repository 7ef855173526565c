"""Where weights lie is said, once a model was seen there."""

import pytest
from django.core.management import CommandError, call_command

from common.database import service
from marketplace.models import AIModel, ModelVersion, Publisher
from tenants.models import User
from tests.trainer.conftest import lay

__all__ = ["lay"]


@pytest.fixture
def version(db):
    """A version in the catalogue, and a member of staff."""
    with service():
        User.objects.create(email="staff@example.com", is_staff=True)
        publisher = Publisher.objects.create(name="Lab", slug="lab")
        model = AIModel.objects.create(
            slug="base", name="Base", publisher=publisher, context_window=8192, licence="MIT"
        )
        return ModelVersion.objects.create(model=model, label="1")


def place(address, by="staff@example.com"):
    """Say it as an operator does."""
    call_command("weights", "base", address, by=by, verbosity=0)


def weights():
    """Return what stands in the catalogue."""
    with service():
        return ModelVersion.objects.get().weights


@pytest.fixture
def folder(lay):
    """A folder with all of a model."""
    found = lay()
    (found / "config.json").write_text("{}")
    (found / "model.safetensors").write_bytes(b"")
    return found


def test_a_model_that_lies_there_can_be_taught(version, folder):
    place(folder.as_uri())

    assert weights() == folder.as_uri()
    place("")
    assert weights() == ""


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("tokenizer.json", "no tokenizer.json"),
        ("model.safetensors", "no weights as safetensors"),
        ("config.json", "no weights as safetensors"),
    ],
)
def test_what_is_missing_is_named_and_nothing_is_said(version, folder, missing, said):
    (folder / missing).unlink()

    with pytest.raises(CommandError, match=said):
        place(folder.as_uri())
    assert weights() == ""


@pytest.mark.parametrize("address", ["s3://bucket/base", "/srv/base", "file:///nowhere"])
def test_an_address_that_cannot_be_read_is_refused(version, address):
    with pytest.raises(CommandError, match="No model that can be taught lies there"):
        place(address)


def test_somebody_answers_for_it(version, folder):
    with pytest.raises(CommandError, match="not a member of staff"):
        place(folder.as_uri(), by="nobody@example.com")
