"""Countries of origin: chosen by code, named in the reader's language, none lost."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connections

from common.database import current_alias, service
from marketplace.forms.models import CardForm
from marketplace.models import AIModel

pytestmark = pytest.mark.usefixtures("catalogue")
MIGRATION = "marketplace.migrations.0032_origins_are_countries"


def put(slug, origin):
    with service():
        AIModel.objects.filter(slug=slug).update(origin=origin)


def origins():
    with service():
        return dict(AIModel.objects.values_list("slug", "origin"))


def test_what_names_a_country_becomes_its_code_and_anything_else_stays():
    put("atlas-mini", "France")
    put("atlas-large", " қазақстан ")
    put("atlas-embed", "A consortium")

    with service():
        editor = SimpleNamespace(connection=connections[current_alias()])
        import_module(MIGRATION).code_countries(apps, editor)

    found = origins()
    assert found["atlas-mini"] == "FR"
    assert found["atlas-large"] == "KZ"
    assert found["atlas-embed"] == "A consortium"


@pytest.mark.parametrize(("language", "name"), [("en", "Kazakhstan"), ("kk", "Қазақстан")])
def test_the_country_is_named_in_the_readers_language(client, language, name):
    put("atlas-mini", "KZ")

    page = client.get("/models/atlas-mini/", headers={"accept-language": language})

    assert name in page.content.decode()


def test_what_was_written_before_is_shown_and_kept_until_another_is_chosen(client):
    put("atlas-mini", "A consortium")

    with service():
        form = CardForm(instance=AIModel.objects.get(slug="atlas-mini"))

    assert "A consortium" in client.get("/models/atlas-mini/").content.decode()
    assert ("A consortium", "A consortium") in form.fields["origin"].choices


def test_the_list_of_what_it_can_do_is_written_as_the_language_writes_lists(client):
    with service():
        AIModel.objects.filter(slug="atlas-mini").update(modalities=["text", "image", "audio"])

    english = client.get("/models/atlas-mini/").content.decode()
    arabic = client.get("/models/atlas-mini/", headers={"accept-language": "ar"}).content.decode()

    assert "Text, Image, and Audio" in english
    facts = arabic.split('id="facts"')[1]
    assert " و" in facts
    assert ", " not in facts.split("<dl")[1].split("</dl>")[0].replace("&#x27;", "")
