"""Mail about incidents: asked for, confirmed, sent once to each, ended with one click."""

import re
from concurrent.futures import ThreadPoolExecutor
from email.utils import parseaddr

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connections
from django.test import Client
from structlog.testing import capture_logs

from common.database import service
from front import face, tokens
from front.models import IncidentUpdate, State, StatusLetter, StatusSubscription
from front.services import letters, site, subscribing
from front.services.subscribing import Choice
from marketplace import demo
from marketplace.models import AIModel
from tenants.models import AuditEntry, Region
from tests.front.test_incidents import opened, updated
from tests.support import mail_server

READER = "reader@elsewhere.example"
JSON = {"content_type": "application/json"}


@pytest.fixture
def staff(person):
    return person("kim@operator.example", is_staff=True)


@pytest.fixture
def confirmed(db):
    """Let a person have shown that the address of the account is theirs."""
    return lambda person: EmailAddress.objects.create(
        user=person, email=person.email, primary=True, verified=True
    )


def at_once(*works):
    def run(work):
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def astana():
    return Region.objects.create(code="kz-astana", name="Astana", jurisdiction="KZ", country="KZ")


def asks(client, email=READER, **facts):
    return client.post("/status/mail/", {"email": email, "language": "en", **facts})


def link(which=-1, part="confirm"):
    found = re.search(rf"https?://\S+?(/status/mail/{part}\S+/)", mail.outbox[which].body)
    return found[1]


def subscribed(email=READER, language="en", **choice):
    with service():
        waiting = subscribing.ask(email, Choice(language, **choice))
        return subscribing.confirm(waiting.pk)


def addresses():
    with service():
        found = StatusSubscription.objects.confirmed()
        return sorted(found.values_list("email", flat=True))


def test_nothing_comes_before_the_link_is_opened(client, staff):
    asks(client)
    opened(staff)

    assert [it.to for it in mail.outbox] == [[READER]]
    assert addresses() == []

    page = client.get(link())
    assert READER in page.content.decode()
    assert addresses() == []
    client.post(link())
    assert addresses() == [READER]


def test_a_link_that_is_opened_twice_confirms_once(client, db):
    asks(client)
    path = link()

    pressed = [client.post(path).status_code for _time in range(2)]

    assert pressed == [302, 302]
    assert client.get(path).status_code == 200
    assert addresses() == [READER]


def test_a_link_of_who_gets_mail_already_says_when_opened_again_that_it_is_confirmed(client, db):
    held = subscribed()
    asks(client, email=READER)
    path = link()

    waiting = client.get(path).content.decode()
    pressed = [client.post(path) for _time in range(2)]
    again = client.get(path)

    own = f"/status/mail/{tokens.made(held, tokens.OWN)}"
    assert [it.status_code for it in pressed] == [302, 302]
    assert all(it["Location"].split(":")[0] == own.split(":")[0] for it in pressed)
    assert "From now on you get mail about the service." not in waiting
    assert again.status_code == 200
    assert "From now on you get mail about the service." in again.content.decode()
    assert addresses() == [READER]


def test_a_waiting_link_leads_to_what_its_owner_switched_on_meanwhile(client, alice, confirmed):
    confirmed(alice)
    with service():
        subscribing.switch_on(alice, Choice("en"))
    asks(client, email=alice.email)
    path = link()
    with service():
        subscribing.switch_on(alice, Choice("en"))

    assert client.get(path).status_code == 200
    with service():
        subscribing.switch_off(alice)
    assert client.get(path).status_code == 410


def test_two_clicks_at_once_confirm_once(db):
    with service():
        pk = subscribing.ask(READER, Choice("en")).pk

    def click():
        with service():
            return subscribing.confirm(pk).pk

    assert at_once(click, click) == [pk, pk]
    assert addresses() == [READER]


def test_an_address_that_is_confirmed_while_it_is_asked_for_again_waits_anew(db, monkeypatch):
    demo.seed()
    with service():
        pk = subscribing.ask(READER, Choice("en")).pk
        paris = Region.objects.get(code="eu-paris")
    keep, clicks = StatusSubscription.objects.bulk_create, []

    def click():
        with service():
            subscribing.confirm(pk)

    def meanwhile(*args, **facts):
        made = keep(*args, **facts)
        if not clicks:
            clicks.append(click)
            at_once(click)
        return made

    monkeypatch.setattr(StatusSubscription.objects, "bulk_create", meanwhile)
    with service():
        waiting = subscribing.ask(READER, Choice("fr", regions=[paris]))

    with service():
        held = StatusSubscription.objects.confirmed().get()
        assert (held.pk, held.language, held.regions.exists()) == (pk, "en", False)
        assert StatusSubscription.objects.waiting().get() == waiting


def test_news_goes_to_who_confirmed_with_a_way_out(client, staff, settings):
    subscribed()
    mail.outbox.clear()

    incident = opened(staff)
    updated(incident, staff, State.RESOLVED, "Plugged in.")

    first, second = mail.outbox
    assert (first.subject, second.subject) == ("Calls fail · Looked into", "Calls fail · Resolved")
    assert "We look into it." in first.body
    assert "Plugged in." in second.body
    assert first.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    way_out = first.extra_headers["List-Unsubscribe"]
    assert way_out.startswith(f"<{settings.PUBLIC_URL}/status/mail/")
    assert way_out.strip("<>") in first.body
    assert first.extra_headers["Message-ID"] != second.extra_headers["Message-ID"]


def test_readers_get_their_language(staff):
    subscribed(language="fr")
    mail.outbox.clear()

    opened(staff)

    assert mail.outbox[0].subject.startswith("Les appels échouent")


def test_the_operators_name_stands_in_the_mail(client, staff):
    with service():
        site.publish(site.draft({"name": "Steppe Telecom"}, by=staff), by=staff)
    asks(client)

    assert "Steppe Telecom" in mail.outbox[0].body
    assert "Tessera" not in mail.outbox[0].body


def test_one_click_ends_it_without_cookies_and_forgets_the_address(staff):
    subscription = subscribed()
    opened(staff)
    path = tokens.address("status-mail-end", subscription, tokens.OWN).split("/", 3)[3]
    stranger = Client(enforce_csrf_checks=True)

    asked = stranger.get(f"/{path}")
    assert addresses() == [READER]
    ended = stranger.post(f"/{path}", {"List-Unsubscribe": "One-Click"})
    again = stranger.post(f"/{path}", {"List-Unsubscribe": "One-Click"})

    assert (asked.status_code, ended.status_code, again.status_code) == (200, 200, 200)
    with service():
        assert not StatusSubscription.objects.exists()
        assert not StatusLetter.objects.exists()


@pytest.mark.parametrize("page", ["confirm/{}", "{}", "{}/end"])
@pytest.mark.parametrize("token", ["nonsense", "ImEi:1uAbcd:forged"])
def test_a_forged_link_is_over(client, db, page, token):
    path = f"/status/mail/{page.format(token)}/"

    assert client.get(path).status_code == 410
    assert client.post(path).status_code == 410


def test_the_link_that_confirms_neither_shows_nor_ends(client, db):
    asks(client)
    token = link().split("/")[-2]

    assert client.get(f"/status/mail/{token}/").status_code == 410
    assert client.post(f"/status/mail/{token}/end/").status_code == 410


def test_a_link_is_too_old_after_seven_days_and_the_address_is_forgotten(client, db, clock):
    asks(client)
    subscribed("other@elsewhere.example")
    clock.shift(7 * 86_400 + 60)

    assert client.get(link(0)).status_code == 410
    with service():
        assert subscribing.forget() == 1
        assert StatusSubscription.objects.get().email == "other@elsewhere.example"


def test_the_answer_does_not_tell_whether_an_address_gets_mail(client, db):
    subscribed("known@elsewhere.example")

    answers = [asks(client, it) for it in ("known@elsewhere.example", "new@elsewhere.example")]

    assert {(it.status_code, it["Location"]) for it in answers} == {(302, "/status/mail/?sent")}
    assert [it.subject for it in mail.outbox[-2:]] == [mail.outbox[-1].subject] * 2


def test_nobody_changes_what_others_get(client, staff):
    demo.seed()
    kept = subscribed()

    asks(client, regions=["eu-paris"])

    with service():
        held = StatusSubscription.objects.confirmed().get()
        assert not held.regions.exists()
    client.post(link())
    with service():
        held = StatusSubscription.objects.get()
        # The links in letters that were sent go on.
        assert held == kept
        assert [it.code for it in held.regions.all()] == ["eu-paris"]


def test_asking_again_at_once_sends_no_second_mail(client, db, clock):
    asks(client)
    asks(client, READER.upper())
    assert len(mail.outbox) == 1

    clock.shift(601)
    asks(client)

    assert len(mail.outbox) == 2


def test_a_machine_asks_five_times_a_minute(client, db):
    answers = [asks(client, f"{n}@elsewhere.example").status_code for n in range(6)]

    assert answers == [302] * 5 + [429]
    refused = client.post("/api/v1/status/mail", {"email": READER}, **JSON)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_addresses")
    assert len(mail.outbox) == 5


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"email": ""}, "email"),
        ({"regions": ["moon"]}, "regions"),
        ({"models": ["no-such"]}, "models"),
        ({"language": "tlh"}, "language"),
    ],
)
def test_what_is_wrong_is_said(client, db, facts, field):
    response = asks(client, **{"email": READER, **facts})

    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert mail.outbox == []


def test_readers_choose_regions_and_models(staff):
    demo.seed()
    with service():
        paris, other = Region.objects.get(code="eu-paris"), astana()
        mini, large = (AIModel.objects.get(slug=it) for it in ("atlas-mini", "atlas-large"))
    subscribed("all@readers.example")
    subscribed("paris@readers.example", regions=[paris])
    subscribed("other@readers.example", regions=[other])
    subscribed("mini@readers.example", models=[mini])
    subscribed("both@readers.example", regions=[paris], models=[large])
    mail.outbox.clear()

    opened(staff, regions=[paris], models=[mini])
    some = sorted(it.to[0].split("@")[0] for it in mail.outbox)
    mail.outbox.clear()
    opened(staff)

    assert some == ["all", "mini", "paris"]
    assert len(mail.outbox) == 5
    with service():
        sums = IncidentUpdate.objects.order_by("occurred_at").values_list("mailed_to", flat=True)
        assert list(sums) == [3, 5]


class Mortal(EmailBackend):
    """A mail server before which the worker dies, at the second message."""

    sent = 0
    error: type[BaseException] = SystemExit

    def send_messages(self, messages):
        Mortal.sent += 1
        if Mortal.sent == 2:
            raise Mortal.error
        return super().send_messages(messages)


@pytest.fixture
def mortal(settings):
    Mortal.sent = 0
    return lambda error: (
        setattr(Mortal, "error", error),
        setattr(settings, "EMAIL_BACKEND", f"{Mortal.__module__}.Mortal"),
    )


def letters_for_three(staff):
    for name in ("a", "b", "c"):
        subscribed(f"{name}@readers.example")
    mail.outbox.clear()


def test_a_worker_that_dies_halfway_leaves_each_its_one_letter(staff, clock, mortal):
    letters_for_three(staff)
    mortal(SystemExit)
    with pytest.raises(SystemExit):
        opened(staff)

    letters.send()
    at_first = len(mail.outbox)
    clock.shift(301)
    letters.send()
    letters.send()

    # What the dead one held is nobody's for five minutes; then another takes it up.
    assert at_first == 2
    assert sorted(it.to[0][0] for it in mail.outbox) == ["a", "b", "c"]


def test_where_nothing_is_due_the_mail_server_is_left_alone(db, settings, tmp_path):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path

    assert letters.send() == 0
    # The file is made when a connection is opened.
    assert list(tmp_path.iterdir()) == []


def test_a_mail_server_that_is_away_is_tried_again(staff, clock, mortal):
    letters_for_three(staff)
    mortal(ConnectionRefusedError)
    opened(staff)
    clock.shift(301)

    letters.send()

    assert sorted(it.to[0][0] for it in mail.outbox) == ["a", "b", "c"]


@pytest.fixture
def server(settings):
    """A real mail server, which takes everything until it is told otherwise."""
    with mail_server.run(settings) as server:
        yield server


A, B, C = (f"{name}@readers.example" for name in "abc")
FOR_GOOD, FOR_NOW = 550, 450


@pytest.mark.parametrize("place", [B, (mail_server.AFTER_DATA, B)], ids=["rcpt", "data"])
def test_an_address_that_takes_no_mail_holds_nobody_up(staff, clock, server, place):
    letters_for_three(staff)
    server.refused[place] = FOR_GOOD
    opened(staff)
    clock.shift(301)

    assert letters.send() == 0
    assert sorted(server.taken) == [A, C]
    assert server.asked[B] == 1


@pytest.mark.parametrize(
    "place", [B, (mail_server.AFTER_DATA, B)], ids=["greylisted", "full for now"]
)
def test_an_address_that_takes_no_mail_now_gets_it_later(staff, clock, server, place):
    letters_for_three(staff)
    server.refused[place] = FOR_NOW
    opened(staff)
    at_first = sorted(server.taken)
    server.refused.clear()

    at_once = letters.send()
    clock.shift(301)
    later = letters.send()

    assert (at_first, at_once, later) == ([A, C], 0, 1)
    assert sorted(server.taken) == [A, B, C]


def test_a_server_that_hangs_up_over_one_letter_is_called_again(staff, clock, server):
    letters_for_three(staff)
    server.refused[B] = 421
    opened(staff)

    assert sorted(server.taken) == [A, C]
    clock.shift(301)
    server.refused.clear()
    assert letters.send() == 1


def test_many_refusals_do_not_wear_a_conversation_out(staff, server):
    for n in range(8):
        subscribed(f"{n}@readers.example")
        server.refused[f"{n}@readers.example"] = FOR_GOOD
    subscribed("last@readers.example")
    server.taken.clear()

    opened(staff)

    assert server.taken == ["last@readers.example"]


def test_letters_wait_while_the_operators_own_address_is_refused(staff, clock, server):
    letters_for_three(staff)
    sender = parseaddr(face.current().sender)[1]
    server.refused[sender] = FOR_GOOD
    opened(staff)
    assert server.taken == []

    server.refused.clear()
    clock.shift(301)

    assert letters.send() == 3


BLOCKED = b"5.7.1 client host blocked"


def test_letters_wait_while_the_mail_server_lets_none_of_them_go(staff, clock, server):
    letters_for_three(staff)
    server.words = BLOCKED
    server.refused |= {A: 554, B: 550, (mail_server.AFTER_DATA, C): 554}
    with capture_logs() as logs:
        opened(staff)
    server.refused.clear()

    at_once = letters.send()
    clock.shift(3_601)
    later = letters.send()

    assert (at_once, later, letters.send()) == (0, 3, 0)
    assert sorted(server.taken) == [A, B, C]
    [alarm] = [it for it in logs if it["event"] == "status_mail_refused"]
    assert (alarm["log_level"], alarm["letters"], alarm["links"]) == ("error", 3, 0)


def test_a_rule_that_keeps_one_letter_out_is_about_its_address(staff, clock, server):
    letters_for_three(staff)
    server.words = BLOCKED
    server.refused[B] = 550
    opened(staff)
    server.refused.clear()
    clock.shift(3_601)

    assert letters.send() == 0
    assert sorted(server.taken) == [A, C]


def test_links_wait_an_hour_for_a_server_that_lets_none_go_and_for_a_day_at_most(clock, server, db):
    server.words = BLOCKED
    server.refused |= {B: 554, C: 554}
    with service():
        for email in (B, C):
            subscribing.ask(email, Choice("en"))
    letters.send()
    del server.refused[C]

    clock.shift(3_601)
    at_first = letters.send()
    clock.shift(3_601)
    # C's was taken by then: what keeps B's out is about B.
    assert (at_first, server.taken, letters.send(), server.asked[B]) == (1, [C], 0, 2)

    server.refused[A] = 554
    with service():
        subscribing.ask(A, Choice("en"))
    tries = []
    for _hour in range(30):
        letters.send()
        tries.append(server.asked[A])
        clock.shift(3_601)
    assert tries[-1] == tries[-3] == 25


def test_an_address_that_no_mail_can_have_holds_nobody_up(staff, clock, server):
    letters_for_three(staff)
    with service():
        odd = f"b@{'ü' * 70}.example"
        StatusSubscription.objects.filter(email=B).update(email=odd)
    server.taken.clear()
    opened(staff)
    clock.shift(301)

    assert letters.send() == 0
    assert sorted(server.taken) == [A, C]


def test_letters_go_before_links(staff, server):
    subscribed(A)
    with service():
        subscribing.ask(B, Choice("en"))
    with service():
        StatusSubscription.objects.filter(email=B).update(invited_at=None)
    server.taken.clear()

    opened(staff)

    assert server.taken == [A, B]


@pytest.mark.parametrize(("code", "tries"), [(FOR_GOOD, 1), (FOR_NOW, 2), (421, 2)])
def test_a_link_that_is_refused_holds_up_no_other(staff, clock, server, code, tries):
    server.refused[B] = code
    with service():
        for email in (B, C):
            subscribing.ask(email, Choice("en"))
    letters.send()
    assert server.taken == [C]

    letters.send()
    assert server.asked[B] == 1
    clock.shift(301)
    letters.send()

    assert server.asked[B] == tries


def test_a_link_waits_for_a_mail_server_that_is_away(staff, clock, server, mortal):
    mortal(ConnectionRefusedError)
    Mortal.sent = 1
    with service():
        subscribing.ask(B, Choice("en"))
    clock.shift(301)

    assert letters.send() == 1


def test_nobody_is_written_to_of_yesterday(staff, clock, mortal):
    letters_for_three(staff)
    mortal(ConnectionRefusedError)
    opened(staff)
    clock.shift(86_400 + 60)

    assert letters.send() == 0


def test_who_confirms_later_gets_what_is_said_later(staff):
    incident = opened(staff)
    subscribed()
    mail.outbox.clear()

    letters.send()
    updated(incident, staff, State.RESOLVED)

    assert [it.subject for it in mail.outbox] == ["Calls fail · Resolved"]


def test_two_workers_send_each_letter_once(staff, settings):
    with service():
        for n in range(6):
            subscribing.confirm(subscribing.ask(f"{n}@readers.example", Choice("en")).pk)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    opened(staff)
    with service():
        StatusLetter.objects.update(sent_at=None, claimed_at=None)

    mail.outbox.clear()

    sent = at_once(letters.send, letters.send)

    assert sum(sent) == len({it.to[0] for it in mail.outbox}) == len(mail.outbox) == 6


def test_two_who_ask_for_one_address_at_once_are_one(db):
    def ask():
        with service():
            return subscribing.ask(READER, Choice("en")).pk

    first, second = at_once(ask, ask)

    assert first == second
    assert len(mail.outbox) == 1


def test_members_switch_it_on_and_off_at_their_own_address(alice_client, alice, confirmed):
    confirmed(alice)

    alice_client.post("/accounts/status-mail/", {"language": "en"})
    on = addresses()
    page = alice_client.get("/accounts/status-mail/").content.decode()
    alice_client.post("/accounts/status-mail/", {"off": "off"})

    assert on == [alice.email]
    assert "Get no more mail" in page
    assert addresses() == []
    assert mail.outbox == []


def test_an_unconfirmed_address_of_a_member_is_not_written_to(alice_client, alice):
    alice_client.post("/accounts/status-mail/", {"language": "en"})
    refused = alice_client.put("/api/v1/me/status-mail", {}, **JSON)

    assert addresses() == []
    assert refused.status_code == 403


def test_a_member_switches_it_by_the_api(alice_client, alice, confirmed, staff):
    demo.seed()
    confirmed(alice)
    wanted = {"regions": ["eu-paris"], "models": ["atlas-mini"]}

    before = alice_client.get("/api/v1/me/status-mail").status_code
    made = alice_client.put("/api/v1/me/status-mail", wanted, **JSON)
    wrong = alice_client.put("/api/v1/me/status-mail", {"regions": ["moon"]}, **JSON)
    held = alice_client.get("/api/v1/me/status-mail").json()
    gone = alice_client.delete("/api/v1/me/status-mail").status_code

    assert (before, made.status_code, wrong.status_code, gone) == (404, 200, 400, 204)
    assert held.pop("confirmed_at")
    assert held == {"email": alice.email, "language": "en", **wanted}
    assert addresses() == []


def test_anybody_asks_by_the_api(client, db):
    taken = client.post("/api/v1/status/mail", {"email": READER}, **JSON)

    assert (taken.status_code, taken.content) == (202, b"")
    assert mail.outbox[0].to == [READER]


def test_staff_read_how_many_a_post_will_reach(staff_client, staff):
    demo.seed()
    with service():
        paris, other = Region.objects.get(code="eu-paris"), astana()
    subscribed("all@readers.example")
    subscribed("paris@readers.example", regions=[paris])
    incident = opened(staff, regions=[other])

    counts = staff_client.get("/api/v1/staff/status-mail?regions=eu-paris").json()
    wrong = staff_client.get("/api/v1/staff/status-mail?regions=moon")
    form = staff_client.get("/staff/incidents/new/").content.decode()
    path, asked = f"/staff/incidents/new/?regions={other.pk}", {"HX-Request": "true"}
    chosen = staff_client.get(path, headers=asked).content.decode()
    detail = staff_client.get(f"/staff/incidents/{incident.pk}/").content.decode()

    assert counts == {"confirmed": 2, "waiting": 0, "reach": 2}
    assert wrong.status_code == 400
    assert "Mail goes to 2 addresses." in form
    assert "Mail goes to 1 address." in chosen
    assert "Mail goes to 1 address." in detail
    assert "mailed to 1 address" in detail


def test_staff_forget_an_address_and_no_record_names_it(staff_client):
    subscribed()

    gone = staff_client.post("/staff/incidents/mail/", {"email": READER.upper()})
    again = staff_client.post("/staff/incidents/mail/", {"email": READER})
    unknown = staff_client.post("/api/v1/staff/status-mail/erase", {"email": READER}, **JSON)

    assert (gone.status_code, again.status_code, unknown.status_code) == (302, 422, 404)
    assert addresses() == []
    with service():
        entry = AuditEntry.objects.get(action="status_mail.erased")
        assert READER not in f"{entry.before} {entry.after} {entry.target_label}"


def test_addresses_are_not_for_the_role_of_pages(db):
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT has_table_privilege('front_statussubscription', 'SELECT'),"
            " has_table_privilege('front_statusletter', 'SELECT')"
        )
        assert cursor.fetchone() == (False, False)


def test_customers_do_not_see_the_desk(alice_client):
    assert alice_client.get("/staff/incidents/mail/").status_code == 404
    assert alice_client.get("/api/v1/staff/status-mail").status_code == 404
