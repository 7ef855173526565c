"""The wall between tenants, as PostgreSQL itself holds it."""

import pytest
from django.db import IntegrityError, ProgrammingError, connections

from common.database import APP, NestedRoles, service
from tenants.models import ApiKey, AuditEntry, Membership, Organization, Project
from tenants.scope import scope
from tenants.services import api_keys, organizations


def test_a_query_outside_any_scope_raises(db, acme):
    with pytest.raises(ProgrammingError, match="outside any organization's scope"):
        ApiKey.objects.count()


def test_a_scope_shows_one_organization_alone(db, acme, charlie):
    other = organizations.found(name="Other", owner=charlie, country="FR")

    with scope(other):
        seen = list(Organization.objects.values_list("slug", flat=True))
        people = list(Membership.objects.values_list("user__email", flat=True))

    assert seen == ["other"]
    assert people == [charlie.email]


def test_the_scope_ends_with_its_transaction(db, acme):
    with scope(acme):
        assert Project.objects.count() == 1

    with pytest.raises(ProgrammingError):
        Project.objects.count()


def test_a_row_cannot_be_written_into_another_organization(db, acme, charlie):
    other = organizations.found(name="Other", owner=charlie, country="FR")

    with pytest.raises(ProgrammingError, match="row-level security"), scope(acme):
        Project.objects.create(organization=other, name="Mine now", slug="mine")


def test_a_reference_cannot_cross_organizations(db, acme, alice, charlie):
    other = organizations.found(name="Other", owner=charlie, country="FR")
    with service():
        theirs = Project.objects.get(organization=other)

    with pytest.raises(IntegrityError, match="same_organization"), scope(acme):
        api_keys.create(acme, name="crossing", by=alice, project=theirs)


def test_scope_and_service_do_not_nest(db, acme):
    with scope(acme), pytest.raises(NestedRoles), service():
        pass
    with service(), pytest.raises(NestedRoles), scope(acme):
        pass


def test_the_app_role_cannot_change_an_audit_row(db, acme):
    with pytest.raises(ProgrammingError, match="permission denied"), scope(acme):
        AuditEntry.objects.update(action="nothing.happened")


def test_the_owner_cannot_change_an_audit_row_either(db, acme):
    with (
        pytest.raises(IntegrityError, match="history is appended"),
        connections["owner"].cursor() as cursor,
    ):
        cursor.execute("UPDATE tenants_auditentry SET action = 'nothing.happened'")


def test_the_app_role_is_ordinary(db):
    with connections[APP].cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False)


def test_every_table_with_an_organization_forces_row_level_security(db):
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            """
            SELECT c.relname FROM pg_class c
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id'
            WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
              AND c.relnamespace = 'public'::regnamespace
              AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
            """
        )
        assert cursor.fetchall() == []
