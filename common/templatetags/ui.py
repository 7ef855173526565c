"""What every page is furnished with: icons and entries of a menu."""

from functools import lru_cache
from typing import Any

from django import template
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
@lru_cache(maxsize=512)
def icon(name: str) -> SafeString:
    """Draw one of the icons named in ``static/icons.txt``; the words stand beside it."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static("vendor/lucide/sprite.svg"),
        name,
    )


@register.filter
def offers(membership: Any, url_name: str) -> bool:
    """Whether a page is offered to this membership: whoever only looks is led to few."""
    return bool(membership.is_shown(url_name))


@register.inclusion_tag("components/nav_entry.html", takes_context=True)
def nav_entry(
    context: template.Context,
    url_name: str,
    label: str,
    icon_name: str,
    section: str,
    permission: str = "",
) -> dict[str, Any]:
    """Link to a page of this shell; nothing where the page is missing or the role may not see it.

    Inside an organization its slug is filled in. The entry whose ``section`` the view named as
    ``nav_section`` is marked as the current one; a view that names none (they are not all ours)
    leaves it to the address.
    """
    request = context.get("request")
    membership = getattr(request, "membership", None)
    hidden = bool(permission and membership and not membership.can(permission))
    # Whoever only looks is led to the pages that they may look at.
    hidden = hidden or bool(membership and not membership.is_shown(url_name))
    url = "" if hidden else _address(url_name, getattr(request, "organization", None))
    named = context.get("nav_section")
    path = getattr(request, "path", "")
    return {
        "url": url,
        "label": label,
        "icon_name": icon_name,
        "is_current": section == named if named else bool(url) and path.startswith(url),
    }


def _address(url_name: str, organization: Any) -> str:
    arguments: list[dict[str, str]] = [{"org": organization.slug}] if organization else []
    for kwargs in [*arguments, {}]:
        try:
            return reverse(url_name, kwargs=kwargs)
        except NoReverseMatch:
            continue
    return ""
