"""Addresses that a model's page could not be reached at: another page stands there."""

from django.urls import Resolver404, resolve

#: Where models have pages: on the site, and in the management API.
PLACES = ("/models/{}/", "/api/v1/models/{}")


def is_reserved(slug: str) -> bool:
    """Whether a page of the portal's own stands where the model's would."""
    return any(not _leads_to(place.format(slug), slug) for place in PLACES)


def _leads_to(path: str, slug: str) -> bool:
    try:
        return resolve(path).kwargs.get("slug") == slug
    except Resolver404:
        return False
