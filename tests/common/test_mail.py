"""Messages to many: who takes none holds up nobody, and nobody gets one twice."""

import pytest
from django.core.cache import cache
from django.core.mail import EmailMessage

from common import mail
from tests.support import mail_server

A, B, C = (f"{name}@readers.example" for name in "abc")


@pytest.fixture
def server(settings):
    """A real mail server, and nobody who got anything already."""
    cache.clear()
    with mail_server.run(settings) as server:
        yield server


def deliver(body="news", to=(A, B, C), occasion=""):
    messages = (EmailMessage("Hello", body, "us@operator.example", [it]) for it in to)
    return mail.deliver(messages, occasion=occasion)


def test_who_takes_none_now_gets_it_with_the_next_try_and_the_others_once(server):
    server.refused[B] = 450
    with pytest.raises(mail.PutOff, match="1 of 3"):
        deliver()
    assert server.taken == [A, C]
    server.refused.clear()

    assert deliver() == 3

    assert server.taken == [A, C, B]


def test_who_takes_none_for_good_is_dropped_once_and_for_all(server):
    server.refused |= {A: 550, B: 450}
    with pytest.raises(mail.PutOff):
        deliver()
    server.refused.clear()

    assert deliver() == 2

    assert (server.taken, server.asked[A]) == ([C, B], 1)


def test_nothing_is_kept_of_what_went_well(server):
    server.refused[B] = 450
    with pytest.raises(mail.PutOff):
        deliver()
    server.refused.clear()
    deliver()

    deliver()

    assert sorted(server.taken) == sorted([A, B, C] * 2)


def test_a_server_that_goes_away_is_told_of_and_nobody_gets_it_twice(server, settings):
    server.refused[B] = 421
    with pytest.raises(mail.PutOff):
        deliver()
    there, settings.EMAIL_PORT = settings.EMAIL_PORT, 1
    with pytest.raises(ConnectionRefusedError):
        deliver()
    settings.EMAIL_PORT = there
    server.refused.clear()

    deliver()

    assert server.taken == [A, C, B]


def test_other_words_are_another_message(server):
    server.refused[B] = 450
    for body in ("news", "other news"):
        with pytest.raises(mail.PutOff):
            deliver(body)

    assert server.taken == [A, C, A, C]


def test_what_says_more_by_now_is_one_message_of_its_occasion(server):
    server.refused[B] = 450
    with pytest.raises(mail.PutOff):
        deliver("10 left", occasion="low")
    server.refused.clear()

    assert [deliver("9 left", occasion="low"), deliver("8 left", occasion="low")] == [3, 3]

    assert server.taken == [A, C, B]


def test_the_same_words_on_another_occasion_are_another_message(server):
    server.refused[B] = 450
    for occasion in ("morning", "evening"):
        with pytest.raises(mail.PutOff):
            deliver("used up", occasion=occasion)

    assert server.taken == [A, C, A, C]


def test_a_rule_that_lets_nobody_have_it_is_about_us(server):
    server.words = b"5.7.1 client host blocked"
    server.refused |= {A: 554, B: 554, (mail_server.AFTER_DATA, C): 550}
    with pytest.raises(mail.ShutOut):
        deliver()
    server.refused.clear()

    assert deliver() == 3


def test_a_rule_that_lets_one_not_have_it_is_about_them(server):
    server.words = b"5.7.1 no mail from outside"
    server.refused[B] = 550

    assert deliver() == 2


@pytest.mark.parametrize("odd", ["b@@x", f"b@{'ü' * 70}.example", "b\n@x.example"])
def test_an_odd_address_is_dropped(server, odd):
    assert deliver(to=(A, odd, C)) == 2
    assert server.taken == [A, C]


def test_nobody_to_write_to_asks_no_server(settings):
    settings.EMAIL_BACKEND, settings.EMAIL_PORT = "django.core.mail.backends.smtp.EmailBackend", 1

    assert deliver(to=()) == 0
