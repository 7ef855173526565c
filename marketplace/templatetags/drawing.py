"""Parts of a page that say the same of an offer to everybody who sees it at the same price."""

from functools import partial

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from marketplace import kept
from marketplace.showcase import PricedOffer

register = template.Library()


@register.simple_tag
def drawn(name: str, entry: PricedOffer) -> SafeString:
    """Return the template drawn with the offer as its ``entry`` and nothing of the page around it.

    Many are drawn for a page; of what everybody sees each is drawn once until it changes.
    """
    html = kept.drawn(entry, name, partial(render_to_string, name, {"entry": entry}))
    return mark_safe(html)  # noqa: S308 - drawn by a template, which escaped what it was given
