"""What somebody of the organization should look at, and what comes of leaving it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing import chargebacks
from billing.models import CreditGrant, Invoice
from billing.services import trials
from common.languages import listed
from common.money import Money, round_to_minor
from common.templatetags.formats import grouped
from front import face
from marketplace import access, announced, raised
from marketplace.models import Notice
from metering.queries import Usage
from portal import signals, tallies
from portal.finances import Finances
from tenants.models import AbuseSignal, ApiKey, Membership, Organization, Permission, Restriction
from tenants.restriction_words import WORDS
from tenants.services import organizations

#: What ends within this is worth a warning.
SOON = timedelta(days=30)
#: Of what is a gift, this.
VERY_SOON = timedelta(days=7)
#: More than this share of failures deserves a look.
MANY_FAILURES = Decimal("0.05")


@dataclass(frozen=True, slots=True)
class Attention:
    """One warning: what is the matter, and where to act."""

    tone: str
    title: str
    text: str
    url: str = ""
    action: str = ""
    #: Of what the operator did, which everybody has to know from the first day on.
    is_operators: bool = False


def warnings(membership: Membership, finances: Finances, last_day: Usage) -> list[Attention]:
    """Return the warnings that this member can do something about, the worst first."""
    looked_for = _looked_for(membership)
    # Mostly there is none of all: so all are counted at once.
    counts = tallies.counts(looked_for)
    found = [
        *_suspended(membership.organization),
        *(_held(looked_for["held"]) if counts.get("held") else ()),
        *_begun(membership, finances),
        *_credit(membership, finances),
        *_payments(membership, counts),
        *_failures(membership.organization, last_day),
        *(_keys(membership, looked_for["ending"]) if counts.get("ending") else ()),
        *(_abuse(membership, looked_for["abuse"]) if counts.get("abuse") else ()),
        *_notices(membership.organization),
        *(_terms(membership.organization) if counts.get("graces") else ()),
    ]
    return sorted(found, key=lambda one: one.tone != "bad")


def _looked_for(membership: Membership) -> dict[str, QuerySet[Any]]:
    """Return the rows that this member is warned of."""
    organization, now = membership.organization, timezone.now()
    holding = Restriction.objects.in_force(now).filter(organization=organization)
    signs = AbuseSignal.objects.open().of_customers().filter(organization=organization)
    found: dict[str, QuerySet[Any]] = {
        "held": holding.exclude(level=Restriction.Level.ALL),
        "abuse": signs,
        "graces": organization.access_graces.filter(until__gt=now),
    }
    if membership.can(Permission.BILLING_READ):
        found["taken_back"] = chargebacks.of(organization).waiting()
        owed = Invoice.objects.open().filter(organization=organization)
        found["overdue"] = owed.filter(due_at__lt=now)
    if membership.can(Permission.KEYS_READ):
        found["ending"] = organization.api_keys.made().usable().filter(expires_at__lte=now + SOON)
    return found


def _suspended(organization: Organization) -> Iterator[Attention]:
    if organization.status == Organization.Status.SUSPENDED:
        text = " ".join(_why(organization))
        yield Attention("bad", _("The organization is suspended"), text, is_operators=True)


def _held(restrictions: QuerySet[Restriction]) -> Iterator[Attention]:
    """Yield the warnings and stops below a suspension, with the operator's reason."""
    for it in restrictions:
        words = WORDS[it.level]
        facts = {"reason": _closed(it.reason)}
        text = [str(words.text), _("The operator's reason: %(reason)s") % facts]
        if it.ends_at:
            text.append(_("It ends on %(day)s.") % {"day": _day(it.ends_at)})
        tone = "warn" if it.level == Restriction.Level.WARN else "bad"
        yield Attention(tone, str(words.title), " ".join(text), is_operators=True)


def _begun(membership: Membership, finances: Finances) -> Iterator[Attention]:
    """Yield what a new customer got to try, and to what it is held until it buys something."""
    url, action = _bundles(membership)
    if membership.can(Permission.BILLING_READ):
        for grant in finances.grants:
            if grant.source_key == trials.SOURCE and grant.expires_at:
                left = grouped(round_to_minor(grant.remaining, grant.wallet.currency))
                facts = {"left": left, "currency": grant.wallet.currency}
                title = _("Trial credit: %(left)s %(currency)s left") % facts
                text = _("Use it until %(day)s. It is a gift: what is left then is not paid out.")
                text %= {"day": _day(grant.expires_at)}
                tone = "warn" if grant.expires_at <= timezone.now() + VERY_SOON else "note"
                yield Attention(tone, title, text, url, action, is_operators=True)
    if membership.organization.has_first_limits:
        limits = listed(_first_limits(membership.organization))
        text = _(
            "New customers begin with %(limits)s. This is lifted after your first purchase, or with a contract."
        )
        yield Attention(
            "note", _("First limits"), text % {"limits": limits}, url, action, is_operators=True
        )


def _first_limits(organization: Organization) -> Iterator[str]:
    if count := organization.first_rpm:
        words = ngettext("%(count)s request per minute", "%(count)s requests per minute", count)
        yield words % {"count": grouped(count)}
    if count := organization.first_tpm:
        words = ngettext("%(count)s token per minute", "%(count)s tokens per minute", count)
        yield words % {"count": grouped(count)}
    if count := organization.first_concurrency:
        words = ngettext(
            "%(count)s call at the same time", "%(count)s calls at the same time", count
        )
        yield words % {"count": grouped(count)}


def _bundles(membership: Membership) -> tuple[str, str]:
    """Return where bundles are bought, for those who may."""
    if not membership.can(Permission.BILLING_MANAGE):
        return "", ""
    url = reverse("billing:bundle-list", args=[membership.organization.slug])
    return url, _("Buy a bundle")


def _why(organization: Organization) -> Iterator[str]:
    yield _("Requests are refused.")
    if reason := organizations.reason_of_suspension(organization):
        yield _("The operator's reason: %(reason)s") % {"reason": _closed(reason)}
    operator = face.current()
    if contact := operator.contact:
        facts = {"operator": operator.name, "contact": contact}
        yield _("Get in touch with %(operator)s: %(contact)s") % facts
    else:
        yield _("Get in touch with the operator.")


def _closed(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."


def _credit(membership: Membership, finances: Finances) -> Iterator[Attention]:
    url, action = _bundles(membership)
    if finances.is_used_up:
        text = _("Requests are refused until somebody buys a bundle.")
        yield Attention("bad", _("There is no credit left"), text, url, action)
    elif finances.is_low:
        text = _("When it is used up, requests are refused.")
        yield Attention("warn", _("The credit runs low"), text, url, action)
    if membership.can(Permission.BILLING_READ):
        yield from _expiring(finances.grants, url, action)


def _expiring(grants: Sequence[CreditGrant], url: str, action: str) -> Iterator[Attention]:
    # Of credit to try it stands above.
    others = (grant for grant in grants if grant.source_key != trials.SOURCE)
    ends = [it.expires_at for it in others if it.expires_at and _is_soon(it.expires_at)]
    if ends:
        text = _("What is not used by %(day)s is lost.") % {"day": _day(min(ends))}
        title = ngettext("A credit expires soon", "%(count)d credits expire soon", len(ends))
        yield Attention("warn", title % {"count": len(ends)}, text, url, action)


def _payments(membership: Membership, counts: Mapping[str, int]) -> Iterator[Attention]:
    """Yield what is overdue, and what a bank is taking back."""
    organization = membership.organization
    url, action = reverse("billing:invoice-list", args=[organization.slug]), _("See the invoices")
    if counts.get("taken_back"):
        text = _(
            "It stays as it is until the bank has decided. If you did not mean it, tell your bank."
        )
        yield Attention("warn", _("Your bank is taking a payment back"), text, url, action)
    if count := counts.get("overdue"):
        title = ngettext("An invoice is overdue", "%(count)d invoices are overdue", count)
        text = _("What stays unpaid can slow requests down, and stop them in the end.")
        yield Attention("bad", title % {"count": count}, text, url, action)


def _failures(organization: Organization, last_day: Usage) -> Iterator[Attention]:
    if last_day.failures > MANY_FAILURES * last_day.requests:
        url = reverse("portal:usage", args=[organization.slug]) + "?period=7d"
        count = last_day.failures
        text = ngettext(
            "%(count)d request of the last 24 hours broke off.",
            "%(count)d requests of the last 24 hours broke off.",
            count,
        )
        title = _("Many answers are not completed")
        yield Attention("warn", title, text % {"count": count}, url, _("See them under Usage"))


def _keys(membership: Membership, keys: QuerySet[ApiKey]) -> Iterator[Attention]:
    ending = list(keys.order_by("expires_at"))
    url = reverse("tenants:key-list", args=[membership.organization.slug])
    names = listed(f"{key.name} ({_day(key.expires_at)})" for key in ending if key.expires_at)
    title = ngettext("A key expires soon", "%(count)d keys expire soon", len(ending))
    text = _("Programs that use it are refused from then on: %(names)s.") % {"names": names}
    yield Attention("warn", title % {"count": len(ending)}, text, url, _("See the keys"))


def _abuse(membership: Membership, found: QuerySet[AbuseSignal]) -> Iterator[Attention]:
    """Yield what looks like abuse and nobody of the operator's has decided about."""
    for signal in found.only("id", "kind", "api_key_id", "figures"):
        told = _leak(membership) if signal.kind == AbuseSignal.Kind.KEY else None
        told = told or _unusual(membership, signal)
        if told is not None:
            yield told


def _leak(membership: Membership) -> Attention | None:
    if not membership.can(Permission.KEYS_READ):
        return None
    text = _("Somebody found it where it should not be. Programs that use it are refused.")
    url = reverse("tenants:key-list", args=[membership.organization.slug])
    title, action = _("A key leaked and is revoked"), _("See the keys")
    return Attention("bad", title, text, url, action, is_operators=True)


def _unusual(membership: Membership, signal: AbuseSignal) -> Attention | None:
    spend = signals.spend(signal.figures)
    if spend is None or not membership.can(Permission.USAGE_READ):
        return None
    words = (
        _("%(spent)s in an hour; usual at this time of day is %(usual)s.")
        if spend.is_hour
        else _("%(spent)s in 24 hours; usual is %(usual)s.")
    )
    facts = {"spent": _amount(spend.spent), "usual": _amount(spend.usual)}
    url = reverse("portal:usage", args=[membership.organization.slug]) + "?period=7d"
    advice = _("If you did not expect it, revoke the key that is used.")
    text = f"{words % facts} {advice}"
    return Attention("warn", _("More is spent than usual"), text, url, _("See what was used"))


def _notices(organization: Organization) -> Iterator[Attention]:
    """Yield what will change of models that the organization used of late."""
    for notice in announced.to(organization):
        facts = {"model": notice.model.name, "day": _day(notice.happens_at)}
        url = reverse("marketplace:model-detail", args=[notice.model.slug])
        if notice.kind == Notice.Kind.PRICES:
            title = _("The prices of %(model)s rise on %(day)s")
            figures = "; ".join(map(str, raised.lines(notice)))
            kept = _("Requests before keep the price they had.")
            text = f"{figures}. {kept}"
        else:
            title = _("%(model)s is retired on %(day)s")
            successor = notice.model.replaced_by
            text = (
                _("Use %(name)s instead.") % {"name": successor.name}
                if successor
                else _("Calls to it are refused from then on.")
            )
        yield Attention("warn", title % facts, text, url, _("See the model"))


def _terms(organization: Organization) -> Iterator[Attention]:
    """Yield what models that the organization uses ask for, before calls are refused."""
    for standing in access.ending(organization):
        assert standing.grace is not None  # noqa: S101 - that is what ends
        facts = {"model": standing.model.name, "day": _day(standing.grace)}
        title = _("%(model)s asks for more from %(day)s on") % facts
        text = _("Without it, calls are refused from then on.")
        url = reverse("marketplace:access", args=[organization.slug, standing.model.slug])
        action = _("See what it asks for")
        yield Attention("warn", title, text, url, action, is_operators=True)


def _is_soon(moment: datetime) -> bool:
    return moment <= timezone.now() + SOON


def _day(moment: datetime) -> str:
    return formats.date_format(moment, "DATE_FORMAT")


def _amount(money: Money) -> str:
    return f"{grouped(round_to_minor(money.amount, money.currency))} {money.currency}"
