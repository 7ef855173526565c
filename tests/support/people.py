"""Alice owns Acme, Bob develops in it, Charlie is a stranger."""

import time

import pytest
from django.test import Client

from common.database import service
from tenants.models import Membership, Role, User
from tenants.services import organizations


@pytest.fixture
def person(db):
    """Make a person who signs in with this address."""

    def make(email, **facts):
        return User.objects.create_user(email, "correct horse battery", **facts)

    return make


@pytest.fixture
def alice(person):
    """The owner of Acme."""
    return person("alice@acme.example", name="Alice")


@pytest.fixture
def bob(person, acme):
    """A developer in Acme."""
    bob = person("bob@acme.example", name="Bob")
    with service():
        Membership.objects.create(organization=acme, user=bob, role=Role.DEVELOPER)
    return bob


@pytest.fixture
def charlie(person):
    """A stranger."""
    return person("charlie@elsewhere.example", name="Charlie")


@pytest.fixture
def acme(alice):
    """The organization Alice owns."""
    return organizations.found(name="Acme", owner=alice, country="FR")


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def alice_client(alice, acme):
    """A browser in which Alice is signed in."""
    return signed_in(alice)


@pytest.fixture
def bob_client(bob):
    """A browser in which Bob is signed in."""
    return signed_in(bob)


@pytest.fixture
def charlie_client(charlie):
    """A browser in which Charlie is signed in."""
    return signed_in(charlie)


def at_the_desk(user):
    """Sign in, and prove a second factor."""
    client = signed_in(user)
    session = client.session
    session["account_authentication_methods"] = [{"method": "mfa", "at": time.time()}]
    session.save()
    return client


@pytest.fixture
def staff_client(person):
    """A browser in which a member of the operator's staff has proved a second factor."""
    return at_the_desk(person("sam@operator.example", is_staff=True))


@pytest.fixture
def colleague_client(person):
    """The same of somebody else of the staff."""
    return at_the_desk(person("kim@operator.example", is_staff=True))
