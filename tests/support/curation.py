"""What waits for a second person at the desk."""

from common.database import service
from marketplace.models import AIModel, Application, ModelChange
from marketplace.services import applications, curation
from tenants.models import User


def propose_one(slug):
    """Propose another summary and card of a model; print the proposal's key."""
    with service():
        model = AIModel.objects.get(slug=slug)
        staff = User.objects.filter(is_staff=True).order_by("email").first()
        facts = {"summary": "A better one.", "card": f"{model.card}\n\nOne more paragraph."}
        print(curation.propose(model, ModelChange.Kind.CARD, facts, by=staff).pk)  # noqa: T201


def propose_service(slug):
    """Propose that a service goes at once; print the proposal's key."""
    with service():
        application = Application.objects.get(slug=slug)
        staff = User.objects.filter(is_staff=True).order_by("email").first()
        print(applications.propose_retirement(application, "An example.", by=staff).pk)  # noqa: T201
