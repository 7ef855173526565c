"""Links that take a model into the comparison, or out of it, and leave the rest of the address."""

from django import template
from django.urls import reverse

from marketplace import side_by_side

register = template.Library()


@register.simple_tag(takes_context=True)
def comparison_with(context: template.Context, name: str, page: str = "catalogue") -> str:
    """Return the page's address with the model taken in, or out where it is in."""
    query = side_by_side.toggled(context["request"].GET, name)
    return reverse(f"marketplace:{page}") + query
