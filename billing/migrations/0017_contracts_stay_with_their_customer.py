"""What refers to a contract, and the book it names, belong to the same customer."""

from django.db import migrations

from tenants import rls

INVOICES = """
ALTER TABLE billing_invoice ADD CONSTRAINT billing_invoice_contract_id_same_organization
    FOREIGN KEY (organization_id, contract_id) REFERENCES billing_contract (organization_id, id)
    DEFERRABLE INITIALLY DEFERRED;
"""
# A book that is for no customer may stand in any contract, so a foreign key cannot say this.
BOOKS = """
CREATE FUNCTION billing_contract_names_no_others_book() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM marketplace_pricebook
        WHERE id = NEW.price_book_id AND organization_id <> NEW.organization_id
    ) THEN
        RAISE EXCEPTION 'the price book is another customer''s own'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_contract_names_no_others_book
    BEFORE INSERT OR UPDATE OF price_book_id, organization_id ON billing_contract
    FOR EACH ROW EXECUTE FUNCTION billing_contract_names_no_others_book();
"""
DROP_INVOICES = """
ALTER TABLE billing_invoice DROP CONSTRAINT billing_invoice_contract_id_same_organization;
"""
DROP_BOOKS = "DROP FUNCTION billing_contract_names_no_others_book() CASCADE;"


class Migration(migrations.Migration):
    dependencies = [("billing", "0016_dunning")]

    operations = [
        migrations.RunSQL(INVOICES, DROP_INVOICES),
        migrations.RunSQL(BOOKS, DROP_BOOKS),
        # No page writes them yet.
        rls.ReadOnlyForApp("billing_costcentre"),
        rls.ReadOnlyForApp("billing_costcentreproject"),
    ]
