"""The demo's services: described as they would be sold, and not connected to anything."""

from django.utils import timezone

from marketplace.models import AIModel, Application, ApplicationKind, Publisher, Status
from tenants.models import Classification, Region

ASSISTANT = """\
Answers questions about your own documents, and names the passage that each answer stands on.

## How it works
- Documents are cut into passages and turned into vectors with Atlas Embed.
- A question finds the nearest passages; Atlas Rerank puts the best ones first.
- Atlas Large writes the answer from those passages alone.

## Good for
- Regulations, tenders, manuals, minutes of meetings
- Teams who need the source beside every sentence
"""
SUMMARISER = """\
Reads the transcript of a call and writes what an agent would otherwise type after it.

## What comes out
- A summary in five sentences, in the language of the call
- Why the customer called, what was promised, and until when
- The mood at the beginning and at the end

## Good for
- Contact centres that work in several languages
- Quality reviews without listening to every call
"""
#: slug: name, kind, summary, description, models, languages, data, limits.
SERVICES = {
    "document-assistant": (
        "Document assistant", ApplicationKind.APPLICATION,
        "Answers from your own documents, with the passage beside every sentence.",
        ASSISTANT, ["atlas-embed", "atlas-rerank", "atlas-large"], ["en", "fr", "ar", "kk"],
        "Documents and their vectors are kept until you delete them; questions are not.",
        "Documents of up to 200 pages, 10 000 documents an organization.",
    ),
    "call-summariser": (
        "Contact-centre summariser", ApplicationKind.BLUEPRINT,
        "Turns the transcript of a call into a summary, its reason and what was promised.",
        SUMMARISER, ["atlas-mini"], ["en", "fr", "ar"],
        "Transcripts are read and not kept. What comes out is yours alone.",
        "Transcripts of up to two hours.",
    ),
}  # fmt: skip


def seed() -> None:
    """Describe the services, once: what exists already stays as it is."""
    publisher, _ = Publisher.objects.get_or_create(slug="atlas", defaults={"name": "Atlas"})
    regions = Region.objects.filter(code="eu-paris")
    for slug, facts in SERVICES.items():
        name, kind, summary, description, models, languages, data, limits = facts
        application, is_new = Application.objects.get_or_create(
            slug=slug,
            defaults={
                "name": name,
                "publisher": publisher,
                "kind": kind,
                "summary": summary,
                "description": description.strip(),
                "languages": languages,
                "clearance": Classification.INTERNAL,
                "data_policy": data,
                "limits": limits,
                "status": Status.PUBLISHED,
                "published_at": timezone.now(),
            },
        )
        if is_new:
            application.uses.set(AIModel.objects.filter(slug__in=models))
            application.regions.set(regions)
