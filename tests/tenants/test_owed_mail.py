"""Mail that tells of something: kept until it went out, however long the mail server is away."""

from contextlib import suppress

import pytest
from django.core.cache import cache
from django.db import connection

from common.database import service
from tenants.models import Membership, OwedMail
from tenants.scope import scope
from tenants.services import organizations, owed
from tests.support import mail_server


@pytest.fixture
def server(settings):
    """A real mail server."""
    cache.clear()
    with mail_server.run(settings) as server:
        yield server


@pytest.fixture
def sam(person):
    return person("sam@operator.example", is_staff=True)


def shut_out(acme, sam):
    """Do what is told to those who own and manage Acme."""
    with service():
        organizations.suspend(acme, reason="unpaid", by=sam)


def waiting():
    with service():
        return list(OwedMail.objects.all())


def due_again():
    with service():
        OwedMail.objects.update(next_attempt_at="2020-01-01T00:00Z")


def test_what_went_out_is_owed_no_more(acme, alice, sam, server):
    shut_out(acme, sam)

    assert server.taken == [alice.email]
    assert waiting() == []


def test_while_the_mail_server_is_away_it_stays_and_comes_with_a_later_sweep(
    acme, alice, sam, server
):
    server.refused[alice.email] = 450
    shut_out(acme, sam)
    [row] = waiting()
    server.refused.clear()
    assert owed.sweep() == 0  # Not at once: the server is left alone for a moment.
    due_again()

    assert owed.sweep() == 1

    assert row.attempts == 1
    assert server.taken == [alice.email]
    assert waiting() == []


def test_who_had_it_gets_it_once_when_it_comes_again_for_another(acme, alice, bob, sam, server):
    with service():
        Membership.objects.filter(user=bob).update(role="admin")
    server.refused[bob.email] = 450
    shut_out(acme, sam)
    server.refused.clear()
    due_again()

    owed.sweep()

    assert sorted(server.taken) == sorted([alice.email, bob.email])


def test_an_occasion_that_is_rolled_back_owes_nothing(acme, sam, server):
    with suppress(RuntimeError), service():
        shut_out(acme, sam)
        raise RuntimeError

    assert (server.taken, waiting()) == ([], [])


def test_a_mail_that_one_worker_sends_is_nobody_else_s(acme, alice, sam, server):
    server.refused[alice.email] = 450
    shut_out(acme, sam)
    server.refused.clear()
    [row] = waiting()
    due_again()

    assert [owed.send(row.pk), owed.send(row.pk)] == [True, False]
    assert server.taken == [alice.email]


def test_a_worker_that_died_while_it_sent_leaves_the_mail_due_again(acme, alice, sam, server):
    server.refused[alice.email] = 450
    shut_out(acme, sam)
    server.refused.clear()
    [row] = waiting()
    due_again()
    owed._claim(row.pk)

    assert owed.sweep() == 0
    due_again()
    assert owed.sweep() == 1
    assert server.taken == [alice.email]


def test_after_days_it_is_given_up(acme, alice, sam, server):
    server.refused[alice.email] = 450
    shut_out(acme, sam)
    due_again()
    with service():
        OwedMail.objects.update(created_at="2020-01-01T00:00Z")

    owed.sweep()

    assert waiting() == []


def test_a_mistake_of_ours_holds_up_no_other(acme, alice, sam, server):
    with service():
        owed.owe("tenants.tell_leaked_key", organization_id=acme.pk, key_id=str(acme.pk))
    shut_out(acme, sam)

    assert server.taken == [alice.email]
    assert [it.task for it in waiting()] == ["tenants.tell_leaked_key"]


def test_an_unknown_task_is_refused_where_it_is_owed(acme):
    with pytest.raises(KeyError, match="nobody"), service():
        owed.owe("tenants.tell_nobody", organization_id=acme.pk)


def test_pages_owe_and_cannot_take_back_what_others_are_owed(acme, alice, sam, server):
    server.refused[alice.email] = 450
    shut_out(acme, sam)

    with scope(acme), connection.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege('tenants_owedmail', 'DELETE')")
        assert cursor.fetchone() == (False,)
