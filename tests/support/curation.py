"""What waits for a second person at the desk."""

from datetime import timedelta

from django.core.files.base import ContentFile
from django.utils import timezone

from common.database import service
from marketplace.models import AIModel, Application, ModelChange, PriceMove, Upstream
from marketplace.services import applications, curation, dossiers, server_changes, upstreams
from tenants.models import Organization, User


def propose_one(slug):
    """Propose another summary and card of a model; print the proposal's key."""
    with service():
        model = AIModel.objects.get(slug=slug)
        staff = User.objects.filter(is_staff=True).order_by("email").first()
        facts = {"summary": "A better one.", "card": f"{model.card}\n\nOne more paragraph."}
        print(curation.propose(model, ModelChange.Kind.CARD, facts, by=staff).pk)  # noqa: T201


def plan_one(slug):
    """Plan that a customer leaves its group in a month; print the plan's key."""
    with service():
        planned = PriceMove.objects.create(
            kind=PriceMove.Kind.GROUP,
            customer=Organization.objects.get(slug=slug),
            takes_effect_at=timezone.now() + timedelta(days=30),
            planned_by=User.objects.filter(is_staff=True).order_by("email").first(),
        )
    print(planned.pk)  # noqa: T201


def propose_service(slug):
    """Propose that a service goes at once; print the proposal's key."""
    with service():
        application = Application.objects.get(slug=slug)
        staff = User.objects.filter(is_staff=True).order_by("email").first()
        print(applications.propose_retirement(application, "An example.", by=staff).pk)  # noqa: T201


def propose_server(slug):
    """Propose another credential of the server behind an offer on sale; print the proposal's key."""
    with service():
        upstream = Upstream.objects.filter(routes__offer__name=slug).first()
        staff = User.objects.filter(is_staff=True).order_by("email").first()
        facts = {name: getattr(upstream, name) for name in upstreams.CHANGEABLE}
        facts["credential"] = "sk-another"
        print(server_changes.change(upstream, facts, by=staff).pk)  # noqa: T201


def keep_file(slug):
    """Keep a file with a model's dossier; print the model's key."""
    with service():
        key = AIModel.objects.get(slug=slug).pk
    file = ContentFile(b'{"score": 61.2}', name="kazmmlu.json")
    dossiers.attach(key, file, about="Full results of KazMMLU", by=None)
    print(key)  # noqa: T201
