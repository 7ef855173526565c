"""A model's life: who may see and call it, and until when."""

from datetime import timedelta

import pytest
from django.utils import timezone

from common.database import service
from marketplace import queries, tasks
from marketplace.errors import NoReplacement, ReasonMissing, RetiresTooSoon, WrongState
from marketplace.forms.models import DeprecateForm
from marketplace.models import AIModel
from marketplace.services import publishing
from tenants.models import AuditEntry


@pytest.fixture
def model(mini):
    return mini.model_version.model


def callable_names():
    return [offer.name for offer in queries.snapshot()]


def let_the_day_come(model):
    with service():
        AIModel.objects.filter(pk=model.pk).update(
            status="deprecated", retires_at=timezone.now() - timedelta(seconds=1)
        )


def test_after_its_last_day_a_model_is_gone_at_once(client, model):
    let_the_day_come(model)

    assert "atlas-mini" not in callable_names()
    assert client.get("/models/atlas-mini/").status_code == 410


def test_the_sweep_marks_what_is_gone_as_retired(model):
    let_the_day_come(model)

    assert tasks.retire_due() == 1
    assert tasks.retire_due() == 0

    model.refresh_from_db()
    assert model.status == "retired"
    with service():
        assert AuditEntry.objects.get(action="model.retired").actor_kind == "system"


def test_before_its_last_day_a_deprecated_model_is_served(model):
    with service():
        publishing.deprecate(model, by=None, retires_at=timezone.now() + timedelta(days=1))

    assert tasks.retire_due() == 0
    assert "atlas-mini" in callable_names()


def test_a_model_put_back_on_sale_forgets_its_last_day(model):
    with service():
        publishing.deprecate(
            model,
            by=None,
            retires_at=timezone.now() + timedelta(days=1),
            replaced_by=AIModel.objects.get(slug="atlas-large"),
        )
        publishing.publish(model, by=None)

    model.refresh_from_db()
    assert (model.status, model.retires_at, model.replaced_by) == ("published", None, None)


def test_the_last_day_can_be_moved(model):
    later = timezone.now() + timedelta(days=60)
    with service():
        publishing.deprecate(model, by=None, retires_at=timezone.now() + timedelta(days=1))
        publishing.deprecate(model, by=None, retires_at=later)

    model.refresh_from_db()
    assert model.retires_at == later


def test_a_model_does_not_retire_in_the_past(model):
    with pytest.raises(RetiresTooSoon), service():
        publishing.deprecate(model, by=None, retires_at=timezone.now())

    model.refresh_from_db()
    assert model.status == "published"


def test_a_retired_model_replaces_nothing(model):
    large = AIModel.objects.get(slug="atlas-large")
    with service():
        publishing.retire(large, by=None, reason="Recalled")

    with pytest.raises(NoReplacement), service():
        publishing.deprecate(model, by=None, replaced_by=large)


def test_a_customers_own_model_replaces_none_of_the_operators(model, acme):
    with service():
        AIModel.objects.filter(slug="atlas-reason").update(owner=acme)
        own = AIModel.objects.get(slug="atlas-reason")
        choices = DeprecateForm(model=model).fields["replaced_by"].queryset
        assert own not in choices
        with pytest.raises(NoReplacement):
            publishing.deprecate(model, by=None, replaced_by=own)
        other = AIModel.objects.get(slug="atlas-mini")
        assert other in AIModel.objects.replacing(own)


def test_no_chat_is_replaced_by_vectors(model):
    vectors = AIModel.objects.live().filter(kind="embedding").first()

    assert vectors not in DeprecateForm(model=model).fields["replaced_by"].queryset
    with pytest.raises(NoReplacement), service():
        publishing.deprecate(model, by=None, replaced_by=vectors)


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_model_does_not_go_at_once_without_a_reason(model, reason):
    with pytest.raises(ReasonMissing), service():
        publishing.retire(model, by=None, reason=reason)

    model.refresh_from_db()
    assert model.status == "published"


def test_a_draft_cannot_be_deprecated(model):
    with service():
        AIModel.objects.filter(pk=model.pk).update(status="draft")

    with pytest.raises(WrongState), service():
        publishing.deprecate(model, by=None)
