"""Terms that customers accept, and access that the operator grants."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core import mail
from django.db import ProgrammingError, connections

from common.database import service
from common.errors import Conflict
from marketplace import queries
from marketplace.errors import AccessDecided, NothingToAccept, NothingToAsk, TermsChanged
from marketplace.models import AccessRequest, AIModel, TermsAcceptance
from marketplace.services import access
from tenants.models import AuditEntry
from tenants.scope import scope

pytestmark = pytest.mark.usefixtures("catalogue")
PAGE = "/o/acme/models/atlas-mini/"
API = "/api/v1/organizations/acme/models/atlas-mini"


def model():
    return AIModel.objects.select_related("terms").get(slug="atlas-mini")


def ask_for(text="", needs_approval=False):
    with service():
        return access.ask_for(model(), text=text, needs_approval=needs_approval, by=None)


def callable_names(organization):
    with scope(organization):
        return set(queries.offers_for(organization).values_list("name", flat=True))


def accept(organization, by, version=1):
    with scope(organization):
        return access.accept(organization, model(), version=version, by=by)


@pytest.fixture
def gated(catalogue):
    """A model to which the operator lets each customer in."""
    return ask_for(needs_approval=True)


@pytest.fixture
def asked(acme, alice, gated):
    """A request of Acme's."""
    with scope(acme):
        return access.request(acme, gated, reason="Summaries of files", by=alice)


def decide(asked, state, answer=""):
    with service():
        return access.decide(asked, state, answer=answer, by=None)


def test_a_model_with_terms_is_not_called_before_they_are_accepted(acme, alice):
    ask_for("Be kind.")
    assert "atlas-mini" not in callable_names(acme)

    accepted = accept(acme, alice)

    assert "atlas-mini" in callable_names(acme)
    assert (accepted.accepted_by, accepted.terms.version) == ("alice@acme.example", 1)


def test_new_wording_asks_again_and_the_old_word_stays(acme, alice):
    ask_for("Be kind.")
    accept(acme, alice)
    ask_for("Be kinder.")
    assert "atlas-mini" not in callable_names(acme)

    accept(acme, alice, version=2)

    with scope(acme):
        found = list(acme.accepted_terms.order_by("terms__version").values_list("terms__text"))
    assert found == [("Be kind.",), ("Be kinder.",)]


def test_the_same_wording_is_not_asked_again(acme, alice):
    ask_for("Be kind.")
    accept(acme, alice)

    ask_for("Be kind.\r\n")

    assert model().terms.version == 1
    assert "atlas-mini" in callable_names(acme)


def test_what_was_not_read_is_not_accepted(acme, alice):
    ask_for("Be kind.")
    ask_for("Pay more.")

    with pytest.raises(TermsChanged):
        accept(acme, alice, version=1)

    assert "atlas-mini" not in callable_names(acme)


def test_a_model_without_terms_has_none_to_accept(acme, alice):
    with pytest.raises(NothingToAccept):
        accept(acme, alice)


def test_accepting_twice_is_accepting_once(acme, alice):
    ask_for("Be kind.")

    assert accept(acme, alice).pk == accept(acme, alice).pk

    with service():
        entry = AuditEntry.objects.get(action="model_terms.accepted")
    assert (entry.organization_id, entry.actor_label) == (acme.pk, "alice@acme.example")


def test_a_word_once_given_is_never_changed(acme, alice):
    ask_for("Be kind.")
    accept(acme, alice)

    with pytest.raises(ProgrammingError, match="permission denied"), service():
        TermsAcceptance.objects.update(accepted_by="somebody")


def test_access_is_asked_for_granted_and_taken_back(acme, asked):
    assert "atlas-mini" not in callable_names(acme)

    decide(asked, "approved", "Welcome")
    assert "atlas-mini" in callable_names(acme)
    assert "Welcome" in mail.outbox[-1].body
    assert mail.outbox[-1].to == ["alice@acme.example"]

    decide(asked, "revoked")
    assert "atlas-mini" not in callable_names(acme)
    assert "may no longer call Atlas Mini" in mail.outbox[-1].body


def test_a_decision_is_made_once(asked):
    decide(asked, "denied")

    for state in ("approved", "denied", "revoked"):
        with pytest.raises(AccessDecided):
            decide(asked, state)


def test_who_was_refused_may_ask_again(acme, alice, asked, gated):
    decide(asked, "denied")

    with scope(acme):
        again = access.request(acme, gated, reason="With consent", by=alice)

    assert again.pk != asked.pk


def test_two_who_ask_at_once_ask_once(acme, alice, gated):
    def ask(_):
        try:
            with scope(acme):
                return access.request(acme, gated, reason="Mine", by=alice).state
        except NothingToAsk:
            return "refused"
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        found = sorted(pool.map(ask, range(4)))

    assert found == ["refused", "refused", "refused", "waiting"]


def test_a_customer_cannot_let_itself_in(acme, gated, asked):
    with pytest.raises(ProgrammingError, match="row-level security"), scope(acme):
        AccessRequest.objects.create(
            organization=acme, model_id=AIModel.objects.get(slug="atlas-large").pk, state="approved"
        )
    with pytest.raises(ProgrammingError, match="permission denied"), scope(acme):
        AccessRequest.objects.update(state="approved")


def test_the_pages_lead_from_the_model_to_the_call(alice_client, acme):
    ask_for("Be kind.", needs_approval=True)
    assert f"{PAGE}access/" in alice_client.get("/models/atlas-mini/").content.decode()
    assert "Be kind." in alice_client.get(f"{PAGE}access/").content.decode()

    alice_client.post(f"{PAGE}terms/", {"version": "1"})
    alice_client.post(f"{PAGE}ask/", {"reason": "Summaries"})

    page = alice_client.get(f"{PAGE}access/").content.decode()
    assert "Accepted" in page
    assert "Waiting" in page


@pytest.mark.parametrize("version", ["", "2", "0", "x", "9" * 50, "²"])
def test_no_other_version_is_accepted_by_the_page(alice_client, acme, version):
    ask_for("Be kind.")

    alice_client.post(f"{PAGE}terms/", {"version": version})

    assert "atlas-mini" not in callable_names(acme)


def test_a_developer_may_ask_and_not_agree(bob_client, acme):
    ask_for("Be kind.", needs_approval=True)

    assert bob_client.post(f"{PAGE}terms/", {"version": "1"}).status_code == 403
    assert bob_client.post(f"{PAGE}ask/", {"reason": ""}).status_code == 422
    assert bob_client.post(f"{PAGE}ask/", {"reason": "Tests"}).status_code == 302


def test_a_card_says_what_a_model_asks_for(client):
    ask_for("Be kind.")
    assert "Terms to accept" in client.get("/models/?q=mini").content.decode()

    ask_for("Be kind.", needs_approval=True)

    assert "On request" in client.get("/models/?q=mini").content.decode()


def test_the_desk_sets_terms_under_four_eyes_and_decides(
    staff_client, colleague_client, acme, alice, asked
):
    address = f"/staff/models/{model().pk}/access/"
    proposed = staff_client.post(address, {"text": "Be kind.", "needs_approval": "on"})
    assert model().terms is None
    page = staff_client.get(proposed["Location"]).content.decode()
    assert "Be kind." in page
    assert "Each customer asks for access" not in page, "that stays as it is"
    assert staff_client.post(f"{proposed['Location']}approve/").status_code == 403
    assert model().terms is None
    colleague_client.post(f"{proposed['Location']}approve/")
    assert (model().terms.text, model().needs_approval) == ("Be kind.", True)
    assert "Summaries of files" in staff_client.get("/staff/access/").content.decode()

    staff_client.post(f"/staff/access/{asked.pk}/", {"state": "approved", "answer": "Yes"})
    accept(acme, alice)

    assert "atlas-mini" in callable_names(acme)


def test_the_api_does_the_same(alice_client, staff_client, acme):
    ask_for("Be kind.", needs_approval=True)
    json = {"content_type": "application/json"}
    assert alice_client.get(f"{API}/access").json()["is_open"] is False
    assert alice_client.post(f"{API}/terms", {"version": 2}, **json).status_code == 409

    accepted = alice_client.post(f"{API}/terms", {"version": 1}, **json).json()
    waiting = alice_client.post(f"{API}/access", {"reason": "Tests"}, **json).json()
    assert accepted["terms"]["accepted_by"] == "alice@acme.example"
    assert waiting["request"]["state"] == "waiting"

    (row,) = staff_client.get("/api/v1/staff/access-requests").json()["results"]
    decided = staff_client.post(
        f"/api/v1/staff/access-requests/{row['id']}", {"state": "approved"}, **json
    )
    assert (decided.status_code, row["organization"]) == (200, "acme")
    assert alice_client.get(f"{API}/access").json()["is_open"] is True


def test_nobody_asks_where_nothing_is_asked(acme, alice):
    with pytest.raises(Conflict), scope(acme):
        access.request(acme, model(), reason="Why not", by=alice)
