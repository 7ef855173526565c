"""The wall between tenants, as PostgreSQL itself holds it."""

import pytest
from django.db import DataError, IntegrityError, OperationalError, ProgrammingError, connections
from django.db.transaction import atomic

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


#: What pages may write of money, usage and organizations; of all else there they only read.
WRITTEN_BY_PAGES = {
    "billing_balancewatch": "INSERT,UPDATE",
    "billing_billingprofile": "DELETE,INSERT,UPDATE",
    "billing_budget": "INSERT,UPDATE",
    "billing_costcentre": "DELETE,INSERT,UPDATE",
    "billing_costcentreproject": "DELETE,INSERT,UPDATE",
    "billing_dispute": "INSERT",
    "billing_order": "INSERT",
    "billing_paymentchoice": "INSERT,UPDATE",
    "billing_topuprule": "INSERT,UPDATE",
}


def test_pages_read_money_and_usage_and_do_not_write_them(db):
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            """
            SELECT c.relname, string_agg(g.privilege_type, ',' ORDER BY g.privilege_type)
            FROM pg_class c, aclexplode(c.relacl) g
            WHERE c.relkind IN ('r', 'p') AND g.grantee = 'tessera_app'::regrole
              AND (c.relname LIKE 'billing\\_%' OR c.relname LIKE 'metering\\_%'
                OR c.relname = 'tenants_organization')
              AND g.privilege_type <> 'SELECT'
            GROUP BY c.relname
            """
        )
        assert dict(cursor.fetchall()) == WRITTEN_BY_PAGES


def test_nobody_but_the_two_roles_may_touch_a_table(db):
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            """
            SELECT c.relname, g.grantee::regrole, g.privilege_type
            FROM pg_class c, aclexplode(c.relacl) g
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
              AND g.grantee NOT IN ('tessera_app'::regrole, 'tessera_service'::regrole, c.relowner)
            """
        )
        assert cursor.fetchall() == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tenants_organization SET status = 'active'",
        "UPDATE tenants_organization SET currency = 'JPY'",
        "UPDATE billing_order SET status = 'paid'",
        "UPDATE billing_order SET total = 0.01",
        "INSERT INTO billing_creditgrant DEFAULT VALUES",
        "SET ROLE tessera_service",
        "SET ROLE tessera_owner",
        "SET SESSION AUTHORIZATION tessera_service",
        "ALTER TABLE tenants_project DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenants_project_of_the_organization ON tenants_project",
        "SET session_replication_role = replica",
        "SELECT metering_make_partitions('tenants_project', 1)",
        "SELECT * FROM metering_usageevent_default",
        "SELECT * FROM billing_ratedusage_default",
        "COPY tenants_user TO PROGRAM 'cat'",
        "SELECT pg_read_file('/etc/passwd')",
        "CREATE TABLE mine ()",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ],
)
def test_a_page_cannot_step_out_of_its_role(db, acme, statement):
    with (
        pytest.raises((ProgrammingError, OperationalError)),
        scope(acme),
        connections[APP].cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.parametrize(
    "value", ["", "nonsense", "' OR true", "00000000-0000-0000-0000-00000000000g"]
)
def test_a_setting_that_names_no_organization_shows_nothing(db, acme, value):
    with atomic(using=APP), connections[APP].cursor() as cursor:
        cursor.execute("SELECT set_config('tessera.organization', %s, true)", [value])

        with pytest.raises((ProgrammingError, DataError)), atomic(using=APP):
            cursor.execute("SELECT count(*) FROM tenants_project")


def test_a_setting_does_not_outlive_its_transaction(db, acme):
    with scope(acme):
        Project.objects.count()

    with connections[APP].cursor() as cursor:
        cursor.execute("SELECT current_setting('tessera.organization', true)")
        assert cursor.fetchone()[0] in (None, "")


def test_functions_that_run_as_their_owner_are_for_the_service_alone(db):
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            """
            SELECT proname FROM pg_proc
            WHERE prosecdef AND pronamespace = 'public'::regnamespace
              AND (has_function_privilege('tessera_app', oid, 'EXECUTE')
                OR NOT coalesce(proconfig::text LIKE '%%search_path%%', false))
            """
        )
        assert cursor.fetchall() == []


#: A contract may name a book that is for no customer: a trigger refuses another customer's own. A
#: part of an invoice names that of who pays, and a referral what the newcomer got and bought: their
#: keys carry those.
LOOKED_AT_OTHERWISE = [
    ("billing_contract", ["price_book_id"]),
    ("billing_invoicepart", ["invoice_id"]),
    ("billing_invoicepart", ["invoice_id", "payer_id"]),
    ("billing_referral", ["newcomer_grant_id"]),
    ("billing_referral", ["newcomer_grant_id", "newcomer_id"]),
    ("billing_referral", ["newcomer_id", "order_id"]),
    ("billing_referral", ["order_id"]),
]


def test_every_reference_between_tenant_tables_carries_the_organization(db):
    """A foreign key does not look at policies: without the organization it could cross tenants."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            """
            WITH tenant AS (
                SELECT c.oid FROM pg_class c
                JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id'
                WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
                  AND c.relnamespace = 'public'::regnamespace),
            reference AS (
                SELECT conrelid, confrelid, conkey, (
                    SELECT array_agg(attname::text) FROM pg_attribute
                    WHERE attrelid = conrelid AND attnum = ANY(conkey)) AS names
                FROM pg_constraint WHERE contype = 'f'
                  AND conrelid IN (TABLE tenant) AND confrelid IN (TABLE tenant))
            SELECT conrelid::regclass::text, names FROM reference one
            WHERE NOT 'organization_id' = ANY(names) AND NOT EXISTS (
                SELECT FROM reference two WHERE two.conrelid = one.conrelid
                  AND two.conkey @> one.conkey AND 'organization_id' = ANY(two.names))
            ORDER BY 1
            """
        )
        found = [(table, sorted(names)) for table, names in cursor.fetchall()]
        assert sorted(found) == LOOKED_AT_OTHERWISE
