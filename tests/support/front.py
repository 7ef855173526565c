"""What the operator has written of itself, for the walk over all pages."""

from django.utils import timezone

from common.database import service
from front.models import Audience, Impact, LegalKind, LegalText
from front.services import announcements, incidents, legal, site
from tenants.models import User


def furnish():
    """Publish a legal notice, propose other terms and keep a draft of the site; once."""
    with service():
        if LegalText.objects.exists():
            print("furnished before")  # noqa: T201
            return
        author, approver = (
            User.objects.create_user(f"{name}@operator.example", is_staff=True)
            for name in ("author", "approver")
        )
        for version in ("2027-01", "2027-02"):
            text = _propose(LegalKind.IMPRINT, version, by=author)
            legal.approve(text, by=approver)
        _propose(LegalKind.TERMS, "2027-01", by=author)
        announcements.announce(
            texts={"en": "Atlas Vision comes in May.", "ar": "يصل Atlas Vision في مايو."},
            tone="note",
            audience=Audience.STAFF,
            link="/models/",
            by=author,
        )
        incidents.open_(
            titles={"en": "Slow answers", "ar": "إجابات بطيئة"},
            texts={"en": "A rack is down.", "ar": "خزانة متوقفة."},
            parts=["api"],
            impact=Impact.DEGRADED,
            by=author,
        )
        site.publish(site.draft({"accent": "#0b5fff"}, by=author), by=author)
        site.draft({"name": "Steppe Telecom", "accent": "#00875a"}, by=author)
    print("furnished")  # noqa: T201


def _propose(kind, version, *, by):
    words = "## Who we are\n\nSteppe Telecom, *Astana*.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    today = timezone.localdate()
    return legal.propose(kind, version=version, texts={"en": words}, effective_on=today, by=by)
