"""The first member of staff comes from the command line."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from common.database import service
from tenants.models import AuditEntry, User


def run(*arguments):
    """Return what the command said."""
    out = StringIO()
    call_command("staff", *arguments, stdout=out)
    return out.getvalue()


def test_an_unknown_address_becomes_staff_without_a_password(db):
    said = run("Sam@Operator.example", "--name", "Sam")

    sam = User.objects.get(email="sam@operator.example")
    assert (sam.is_staff, sam.name, sam.has_usable_password()) == (True, "Sam", False)
    assert sam.emailaddress_set.get().verified
    assert "/accounts/login/code/" in said


def test_a_customer_can_be_appointed_and_keeps_the_password(alice):
    run(alice.email)

    alice.refresh_from_db()
    assert alice.is_staff
    assert alice.check_password("correct horse battery")


def test_appointing_twice_changes_nothing(db):
    run("sam@operator.example")

    assert "already" in run("sam@operator.example")
    with service():
        assert AuditEntry.objects.filter(action="staff.appointed").count() == 1


def test_what_is_no_address_is_refused(db):
    with pytest.raises(CommandError, match="no e-mail address"):
        run("sam")

    assert not User.objects.exists()
