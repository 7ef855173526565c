"""The operator's name, and no other, wherever strangers and customers read."""

import re

import pytest
from django.conf import settings
from django.urls import Resolver404, resolve

from billing.models import Issuer
from common.database import service
from front import face
from front.models import SiteVersion
from marketplace import demo
from tenants.models import AuditEntry
from tenants.services import audit

#: Names of the wire, which programs read whoever runs the portal: headers, the field beside those
#: of OpenAI, the type of an event, the row of a demo engine.
WIRE = re.compile(r"x-tessera-[\w-]+|tessera\.\w[\w.]*|(?<=[\"'`>])tessera(?=[\"'`<;])")
LINK = re.compile(r'(?:href|action)="(/[^"#?]*)')
#: Not read by customers, or no text.
PASSED_BY = ("/static/", "/staff/", "/pictures/", "/operator-logo", "/social/", "/i18n/")


@pytest.fixture
def renamed(monkeypatch, db):
    monkeypatch.setitem(settings.OPERATOR, "name", "Northwind AI")
    with service():
        Issuer.objects.update(legal_name="Northwind AI plc")


def walked(client, *addresses):
    """Yield each page that links lead to from these addresses, one for each route, as text."""
    waiting, seen = list(addresses), set()
    while waiting:
        address = waiting.pop()
        try:
            route = resolve(address).route
        except Resolver404:
            continue
        if route in seen or address.startswith(PASSED_BY):
            continue
        seen.add(route)
        answer = client.get(address)
        if not answer.streaming and answer["Content-Type"].startswith(("text/", "application/")):
            text = answer.content.decode(errors="ignore")
            yield address, text
            waiting += LINK.findall(text)


def named_otherwise(pages):
    """Return where the product's own name stands."""
    found = ((address, WIRE.sub("", text)) for address, text in pages)
    return [
        (address, text[max(0, it.start() - 60) : it.end() + 30])
        for address, text in found
        for it in re.finditer("tessera", text, re.IGNORECASE)
    ]


def test_no_public_page_names_another_than_the_operator(renamed, client, db):
    demo.seed()

    pages = list(walked(client, "/", "/sitemap.xml", "/site.webmanifest", "/robots.txt"))

    assert len(pages) > 20
    assert named_otherwise(pages) == []


def test_no_page_of_a_customer_names_another_than_the_operator(renamed, acme, alice_client):
    demo.seed()
    with service():
        audit.record(organization=acme, actor=None, action="organization.changed", target=acme)

    pages = list(walked(alice_client, "/o/acme/", "/api/docs/", "/api/schema/"))

    assert len(pages) > 50
    assert named_otherwise(pages) == []


def test_what_the_portal_does_by_itself_is_recorded_in_the_operators_name(renamed, acme):
    with service():
        audit.record(organization=acme, actor=None, action="organization.changed", target=acme)

        entry = AuditEntry.objects.latest("pk")

    assert (entry.actor_kind, entry.actor_label) == ("system", "Northwind AI")


def test_an_invitation_names_no_other_than_the_operator(renamed, alice_client, mailoutbox):
    alice_client.post("/o/acme/members/invite/", {"email": "dora@x.example", "role": "auditor"})

    (message,) = mailoutbox
    written = f"{message.subject} {message.body} {message.alternatives[0][0]}"
    assert "Northwind AI" in message.subject
    assert named_otherwise([("mail", written)]) == []


@pytest.mark.parametrize(
    ("name", "short_name", "variable"),
    [
        ("Northwind", "", "NORTHWIND_API_KEY"),
        ("Steppe & Telecom", "", "STEPPE_TELECOM_API_KEY"),
        ("Société d'IA", "", "SOCIETE_D_IA_API_KEY"),
        ("Қазақтелеком", "Kaztel", "KAZTEL_API_KEY"),
        ("اتصالات", "", "API_KEY"),
        ("5G one", "", "_5G_ONE_API_KEY"),
    ],
)
def test_the_variable_of_snippets_is_named_after_the_operator(name, short_name, variable):
    assert face.of(SiteVersion(name=name, short_name=short_name)).key_variable == variable


def test_the_variable_stands_in_the_code_and_beside_it(renamed, client, db):
    demo.seed()

    page = client.get("/models/atlas-mini/")

    code = {it.name: it.code for it in page.context["snippets"]}
    assert '-H "Authorization: Bearer $NORTHWIND_AI_API_KEY"' in code["curl"]
    assert 'os.environ["NORTHWIND_AI_API_KEY"]' in code["python"]
    assert 'os.environ["NORTHWIND_AI_API_KEY"]' in code["langchain"]
    assert "process.env.NORTHWIND_AI_API_KEY" in code["javascript"]
    assert '<code dir="ltr">NORTHWIND_AI_API_KEY</code>' in page.content.decode()
