"""What the operator has written of itself, for the walk over all pages."""

from decimal import Decimal

from django.utils import timezone

from billing.services import referral_terms, referrals, trials
from common.database import service
from front.models import Audience, Impact, LegalKind, LegalText
from front.services import announcements, incidents, legal, site
from tenants.models import User
from tenants.services import organizations, sign_ups


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
        _wait_for(author, approver)
        site.publish(site.draft({"accent": "#0b5fff"}, by=author), by=author)
        site.draft({"name": "Steppe Telecom", "accent": "#00875a"}, by=author)
    print("furnished")  # noqa: T201


def _wait_for(author, approver):
    """Let somebody wait for the operator, and terms of trials for a second person."""
    founder = User.objects.create_user("founder@waiting.example")
    limits = dict.fromkeys(("first_rpm", "first_tpm", "first_concurrency"))
    for way in ("approval", "open"):
        facts = {"way": way, "welcome": ["gov.kz"], "blocked": ["trash.example"], **limits}
        sign_ups.write_policy(after=sign_ups.policy().number, by=author, **facts)
        if way == "approval":
            organizations.found(name="Waiting", owner=founder, country="KZ", use="Summaries")
    # Of a currency that nobody here pays in: what others walk through stays as it was.
    terms = trials.propose(currency="SEK", amount=Decimal(100), validity_days=30, by=author)
    trials.approve(terms, by=approver)
    _refer(founder, author, approver)
    trials.propose(
        currency="SEK", amount=Decimal(50), validity_days=14, daily_spend=Decimal(10), by=author
    )


def _refer(founder, author, approver):
    """Let one organization have come by another's link, and terms wait for a second person."""
    facts = {"currency": "SEK", "referrer_amount": Decimal(100), "newcomer_amount": Decimal(50)}
    referral_terms.approve(referral_terms.propose(by=author, **facts), by=approver)
    referral_terms.propose(by=author, **{**facts, "referrer_amount": Decimal(80)})
    one = organizations.found(name="Referrer", owner=founder, country="KZ")
    code = referrals.code(one, by=founder).code
    friend = User.objects.create_user("friend@waiting.example")
    referred = organizations.found(name="Referred", owner=friend, country="KZ", referral=code)
    referrals.begin(referred.pk)


def _propose(kind, version, *, by):
    words = "## Who we are\n\nSteppe Telecom, *Astana*.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    today = timezone.localdate()
    return legal.propose(kind, version=version, texts={"en": words}, effective_on=today, by=by)
