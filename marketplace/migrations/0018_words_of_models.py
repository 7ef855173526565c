"""Models are found by their words: triggers write them, whoever changes the model."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.db import migrations, models

from tenants import rls

#: Folded, words lose case, accents, Arabic vowels and what joins them: “Déjà-vu” is “deja vu”.
#: A word of a reader's language is found by its stem, of any other by how it begins.
FUNCTIONS = r"""
CREATE FUNCTION marketplace_folded(words text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT regexp_replace(
        regexp_replace(
            normalize(lower(words), NFKD),
            '[\u0300-\u036f\u0640\u064b-\u065f\u0670]', '', 'g'),
        '[^\w]|_', ' ', 'g')
$$;

CREATE FUNCTION marketplace_stemmed(words text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_tsvector('simple', words) || to_tsvector('english', words)
        || to_tsvector('french', words) || to_tsvector('arabic', words)
        || to_tsvector('russian', words)
$$;

CREATE FUNCTION marketplace_named(kind text, names text[]) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_to_tsvector(array_agg(kind || name)), ''::tsvector)
    FROM unnest(names) AS name
$$;

CREATE FUNCTION marketplace_document(model_id uuid) RETURNS tsvector
LANGUAGE sql STABLE AS $$
    SELECT setweight(to_tsvector('simple', marketplace_folded(m.name || ' ' || coalesce((
            SELECT string_agg(o.name, ' ') FROM marketplace_offer o
            JOIN marketplace_modelversion v ON v.id = o.model_version_id
            WHERE v.model_id = m.id), ''))), 'A')
        || setweight(to_tsvector('simple', marketplace_folded(p.name || ' ' || m.family)), 'B')
        || setweight(marketplace_stemmed(marketplace_folded(m.summary)), 'C')
        || setweight(marketplace_stemmed(marketplace_folded(left(m.card, 20000))), 'D')
        || marketplace_named('language:', m.languages)
        || marketplace_named('feature:', m.features)
        || marketplace_named('modality:', m.modalities)
    FROM marketplace_aimodel m JOIN marketplace_publisher p ON p.id = m.publisher_id
    WHERE m.id = $1
$$;

CREATE FUNCTION marketplace_sought(words text[], names text[], config regconfig) RETURNS tsquery
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    whole tsquery := '';
    stem tsquery;
BEGIN
    FOR i IN 1 .. coalesce(array_length(words, 1), 0) LOOP
        stem := plainto_tsquery(config, words[i]);
        -- “the”, “pour”: such a word says nothing of a model.
        CONTINUE WHEN numnode(stem) = 0;
        whole := whole && (to_tsquery('simple', words[i] || ':*') || stem
            || plainto_tsquery('english', words[i]) || names[i]::tsquery);
    END LOOP;
    RETURN whole;
END $$;

CREATE FUNCTION marketplace_keep_words(ids uuid[]) RETURNS void
LANGUAGE sql AS $$
    DELETE FROM marketplace_modelwords WHERE model_id IN (
        SELECT id FROM marketplace_aimodel WHERE id = ANY (ids) AND owner_id IS NOT NULL);
    INSERT INTO marketplace_modelwords (model_id, document)
    SELECT id, marketplace_document(id) FROM marketplace_aimodel
    WHERE id = ANY (ids) AND owner_id IS NULL
    ON CONFLICT (model_id) DO UPDATE SET document = excluded.document
$$;

CREATE FUNCTION marketplace_words_of_model() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM marketplace_keep_words(ARRAY[NEW.id]);
    RETURN NULL;
END $$;

CREATE FUNCTION marketplace_words_of_offer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM marketplace_keep_words(ARRAY(
        SELECT model_id FROM marketplace_modelversion WHERE id = NEW.model_version_id));
    RETURN NULL;
END $$;

CREATE FUNCTION marketplace_words_of_publisher() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM marketplace_keep_words(ARRAY(
        SELECT id FROM marketplace_aimodel WHERE publisher_id = NEW.id));
    RETURN NULL;
END $$;

CREATE TRIGGER words_of_model AFTER INSERT OR UPDATE
    OF name, family, summary, card, languages, features, modalities, publisher_id, owner_id
    ON marketplace_aimodel FOR EACH ROW EXECUTE FUNCTION marketplace_words_of_model();
CREATE TRIGGER words_of_offer AFTER INSERT OR UPDATE OF name ON marketplace_offer
    FOR EACH ROW EXECUTE FUNCTION marketplace_words_of_offer();
CREATE TRIGGER words_of_publisher AFTER UPDATE OF name ON marketplace_publisher
    FOR EACH ROW EXECUTE FUNCTION marketplace_words_of_publisher();
"""
DROP = """
DROP TRIGGER words_of_publisher ON marketplace_publisher;
DROP TRIGGER words_of_offer ON marketplace_offer;
DROP TRIGGER words_of_model ON marketplace_aimodel;
DROP FUNCTION marketplace_words_of_publisher();
DROP FUNCTION marketplace_words_of_offer();
DROP FUNCTION marketplace_words_of_model();
DROP FUNCTION marketplace_keep_words(uuid[]);
DROP FUNCTION marketplace_sought(text[], text[], regconfig);
DROP FUNCTION marketplace_document(uuid);
DROP FUNCTION marketplace_named(text, text[]);
DROP FUNCTION marketplace_stemmed(text);
DROP FUNCTION marketplace_folded(text);
"""
#: A statement that fires no trigger would leave the models that are there without words. The owner
#: of the table does not see its rows while row-level security is forced on it.
WORDS = """
ALTER TABLE marketplace_aimodel NO FORCE ROW LEVEL SECURITY;
ALTER TABLE marketplace_offer NO FORCE ROW LEVEL SECURITY;
SELECT marketplace_keep_words(ARRAY(SELECT id FROM marketplace_aimodel));
ALTER TABLE marketplace_offer FORCE ROW LEVEL SECURITY;
ALTER TABLE marketplace_aimodel FORCE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0017_servers_take_adapters")]

    operations = [
        migrations.CreateModel(
            name="ModelWords",
            fields=[
                (
                    "model",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="words",
                        serialize=False,
                        to="marketplace.aimodel",
                    ),
                ),
                ("document", django.contrib.postgres.search.SearchVectorField()),
            ],
            options={
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["document"], name="words_of_models"
                    )
                ],
            },
        ),
        rls.ReadOnlyForApp("marketplace_modelwords"),
        migrations.RunSQL(FUNCTIONS, DROP),
        migrations.RunSQL(WORDS, migrations.RunSQL.noop),
    ]
