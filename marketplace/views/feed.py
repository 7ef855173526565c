"""The feed of changes: what everybody may see of the catalogue's history, as Atom."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.syndication.views import Feed
from django.db.models import F
from django.urls import reverse
from django.utils import timezone
from django.utils.feedgenerator import Atom1Feed
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketplace import changes, showcase
from marketplace.changes import Change, NewPrice, What
from marketplace.models import Price, ServiceTier, TokenPart
from marketplace.queries import DEFAULT_CURRENCY
from tenants import ports

#: How far back it goes, and how many entries it has at most.
REACH = timedelta(days=180)
MOST = 100


class Changes(Feed[Change, None]):
    """New, deprecated and retired models, new versions and prices, the newest first."""

    feed_type = Atom1Feed
    title = gettext_lazy("Models and prices: what changed")
    subtitle = gettext_lazy(
        "New models and versions, prices for everybody, and models that will go."
    )

    def link(self) -> str:
        """Lead to the catalogue."""
        return f"{settings.PUBLIC_URL}{reverse('marketplace:catalogue')}"

    def feed_url(self) -> str:
        """Say where the feed itself is."""
        return f"{settings.PUBLIC_URL}{reverse('marketplace:changes')}"

    def feed_guid(self) -> str:
        """Name the feed, wherever it moves to."""
        return f"{_tag()}:changes"

    def author_name(self) -> str:
        """Say who publishes it."""
        return ports.operator.face().name

    def items(self) -> list[Change]:
        """Return what everybody may know."""
        now = timezone.now()
        return everybodys(now - REACH, now)[:MOST]

    def item_title(self, item: Change) -> str:
        """Say in a line what changed."""
        return _title(item)

    def item_description(self, item: Change) -> str:
        """Say the rest."""
        return _details(item)

    def item_link(self, item: Change) -> str:
        """Lead to the model."""
        page = reverse("marketplace:model-detail", args=[item.model.slug])
        return f"{settings.PUBLIC_URL}{page}"

    def item_guid(self, item: Change) -> str:
        """Name the entry, for ever."""
        return f"{_tag()}:{item.key}"

    def item_pubdate(self, item: Change) -> datetime:
        """Say since when it is known."""
        return item.known_at

    def item_updateddate(self, item: Change) -> datetime:
        """Say the same: what changed is another entry."""
        return item.known_at

    def item_categories(self, item: Change) -> list[str]:
        """Say of which kind it is, so that readers can choose."""
        return [item.what.value]


def everybodys(since: datetime, now: datetime) -> list[Change]:
    """Return what everybody may know of the catalogue since then, the newest first."""
    models = showcase.live_models() | showcase.gone_models()
    found = changes.of_models(models, since, now)
    prices = Price.objects.listed(DEFAULT_CURRENCY).filter(
        offer__model_version__model__in=showcase.live_models(),
        effective_from__gte=F("offer__model_version__model__published_at"),
    )
    found += changes.of_prices(prices.select_related("offer__model_version__model"), since)
    return sorted(found, key=lambda it: (it.known_at, it.key), reverse=True)


def _tag() -> str:
    """Return what ids of the operator begin with (RFC 4151)."""
    return f"tag:{urlsplit(settings.PUBLIC_URL).hostname},2026"


def _title(change: Change) -> str:
    facts = {"name": change.model.name, "version": change.version, "day": _day(change.holds_at)}
    match change.what:
        case What.PUBLISHED:
            words = _("New: %(name)s")
        case What.VERSION:
            words = _("New version of %(name)s: %(version)s")
        case What.PRICE:
            words = _("Prices of %(name)s from %(day)s")
        case What.DEPRECATED if change.model.retires_at:
            words = _("%(name)s retires on %(day)s")
            facts["day"] = _day(change.model.retires_at)
        case What.DEPRECATED:
            words = _("%(name)s is deprecated")
        case What.RETIRED:
            words = _("%(name)s was retired on %(day)s")
    return words % facts


def _details(change: Change) -> str:
    if change.what == What.PRICE:
        return " ".join(_line(it, change.currency) for it in change.prices)
    successor = change.model.replaced_by
    if change.what in (What.DEPRECATED, What.RETIRED) and successor is not None:
        return _("Use %(name)s instead.") % {"name": successor.name}
    return change.model.said_summary.text


def _line(price: NewPrice, currency: str) -> str:
    part = str(TokenPart(price.part).label)
    if price.service_tier != ServiceTier.STANDARD:
        part = f"{part} · {ServiceTier(price.service_tier).label}"
    words = _("%(part)s: %(new)s %(currency)s per 1 M tokens, before %(old)s.")
    amounts = {"new": f"{price.new.normalize():f}", "old": f"{price.old.normalize():f}"}
    return words % {"part": part, "currency": currency, **amounts}


def _day(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "DATE_FORMAT")
