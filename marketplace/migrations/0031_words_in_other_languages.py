"""Models and services are described in several languages, and found in each of them."""

from django.db import migrations, models

#: What is said of the model in other languages is found as its card is, by each language's stems.
FOUND = """
CREATE OR REPLACE FUNCTION marketplace_document(model_id uuid) RETURNS tsvector
LANGUAGE sql STABLE AS $$
    SELECT setweight(to_tsvector('simple', marketplace_folded(m.name || ' ' || coalesce((
            SELECT string_agg(o.name, ' ') FROM marketplace_offer o
            JOIN marketplace_modelversion v ON v.id = o.model_version_id
            WHERE v.model_id = m.id), ''))), 'A')
        || setweight(to_tsvector('simple', marketplace_folded(p.name || ' ' || m.family)), 'B')
        || setweight(marketplace_stemmed(marketplace_folded(m.summary || ' ' || coalesce((
            SELECT string_agg(value, ' ') FROM jsonb_each_text(m.translations -> 'summary')), '')
            )), 'C')
        || setweight(marketplace_stemmed(marketplace_folded(left(m.card, 20000) || ' ' || coalesce((
            SELECT string_agg(left(value, 20000), ' ')
            FROM jsonb_each_text(m.translations -> 'card')), ''))), 'D')
        || marketplace_named('language:', m.languages)
        || marketplace_named('feature:', m.features)
        || marketplace_named('modality:', m.modalities)
    FROM marketplace_aimodel m JOIN marketplace_publisher p ON p.id = m.publisher_id
    WHERE m.id = $1
$$;
DROP TRIGGER words_of_model ON marketplace_aimodel;
CREATE TRIGGER words_of_model AFTER INSERT OR UPDATE
    OF name, family, summary, card, translations, languages, features, modalities, publisher_id,
        owner_id, is_restricted
    ON marketplace_aimodel FOR EACH ROW EXECUTE FUNCTION marketplace_words_of_model();
"""
FOUND_IN_ONE = """
CREATE OR REPLACE FUNCTION marketplace_document(model_id uuid) RETURNS tsvector
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
DROP TRIGGER words_of_model ON marketplace_aimodel;
CREATE TRIGGER words_of_model AFTER INSERT OR UPDATE
    OF name, family, summary, card, languages, features, modalities, publisher_id, owner_id,
        is_restricted
    ON marketplace_aimodel FOR EACH ROW EXECUTE FUNCTION marketplace_words_of_model();
"""


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0030_what_a_notice_says")]

    operations = [
        migrations.AddField("aimodel", "translations", models.JSONField(blank=True, default=dict)),
        migrations.AddField(
            "application", "translations", models.JSONField(blank=True, default=dict)
        ),
        migrations.RunSQL(FOUND, FOUND_IN_ONE),
    ]
