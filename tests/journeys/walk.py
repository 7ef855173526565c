"""Every page there is, taken from the URL resolver, so that a new one cannot be forgotten."""

import re
import uuid
from urllib.parse import urlsplit

from django.urls import Resolver404, URLPattern, get_resolver, resolve
from playwright.sync_api import TimeoutError

from tests.support.browser import (
    EVERYTHING,
    STANDARDS,
    accessibility_problems,
    take_picture,
)

#: For programs: what they answer is no page.
PROGRAMS = ("api/v1/", "v1/", "webhooks/")
#: The page that lists organizations leads on to the only one, unless it is asked for all.
ADDRESSES = {"organizations/": "/organizations/?all"}
PARAMETER = re.compile(r"<(?:\w+:)?\w+>")
DESKTOP, PHONE, NARROW = (1280, 800), (390, 844), (320, 640)
#: What colours alone decide; everything else is looked at once per size.
COLOURS = ("color-contrast", "link-in-text-block")
#: In a language that is written from the right, only what lies where can differ.
FROM_THE_RIGHT = ((DESKTOP, "light", None), (PHONE, "light", ()), (NARROW, "light", None))
#: Sizes, colours, and which rules: all of them (), a few, or only whether the page fits (None).
VIEWS = (
    (DESKTOP, "light", ()),
    (DESKTOP, "dark", COLOURS),
    (PHONE, "dark", ()),
    (PHONE, "light", COLOURS),
    (NARROW, "light", None),
)
#: The API reference is drawn by a script after the page has loaded.
DRAWN = "() => !document.querySelector('#swagger-ui:empty, #swagger-ui .loading-container')"
#: Swagger UI brings headings and landmarks of its own into ours.
REFERENCE = "api/docs/"
FITS = "() => document.documentElement.scrollWidth <= innerWidth"
#: Charts follow the window a moment later.
PATIENCE = 2_000
LINKS = "(links) => links.map((link) => link.href)"


def routes(resolver=None, prefix=""):
    """Return every route that people may open."""
    found = []
    for pattern in (resolver or get_resolver()).url_patterns:
        route = prefix + str(pattern.pattern).removeprefix("^")
        found += [route] if isinstance(pattern, URLPattern) else routes(pattern, route)
    return [route for route in found if not route.startswith(PROGRAMS)]


def match(address):
    """Return which route leads to an address, None outside the portal."""
    try:
        return resolve(urlsplit(address).path)
    except Resolver404:
        return None


def fits(page):
    """Tell whether the page needs no scrolling sideways."""
    try:
        page.wait_for_function(FITS, timeout=PATIENCE)
    except TimeoutError:
        return False
    return True


def look(page, name, views=VIEWS, tags=EVERYTHING):
    """Return what is wrong with the page, in every size and both colours."""
    problems = []
    for (width, height), scheme, rules in views:
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme)
        found = [] if rules is None else accessibility_problems(page, rules, tags)
        if not fits(page):
            found.append("wider than the window")
        if rules == ():
            take_picture(page, f"{name}-{width}-{scheme}")
        problems += [f"{width} {scheme}: {problem}" for problem in found]
    return problems


class Walk:
    """One person's way over the pages, and what was wrong with them."""

    def __init__(self, page, name, org="", views=VIEWS):
        self.page = page
        self.name = name
        self.org = org
        self.views = views
        self.addresses = dict(ADDRESSES)
        self.seen = set()
        self.elsewhere = set()
        self.problems = []

    def over(self, wanted):
        """Look at the routes, finding those with ids by links; return those no link led to."""
        waiting = set(wanted)
        while ready := sorted(route for route in waiting if self.address(route)):
            for route in ready:
                self.visit(route)
            waiting -= set(ready)
        return {route for route in waiting if not self.is_action(route)}

    def address(self, route):
        """Return an address of the route, None while none is known."""
        plain = route.replace("<slug:org>", self.org)
        own = None if PARAMETER.search(plain) else f"/{plain}"
        return self.addresses.get(route, own)

    def is_action(self, route):
        """Tell whether the route only takes what forms send."""
        filled = route.replace("<slug:org>", self.org).replace("<str:", "<")
        filled = PARAMETER.sub(str(uuid.uuid4()), filled)
        return self.page.request.get(f"/{filled}").status == 405

    def visit(self, route):
        """Look at a page; note what is not for this person, and pass by what is no page."""
        answer = self.page.request.get(self.address(route), max_redirects=0)
        if answer.status >= 500:
            self.problems.append(f"/{route} answers {answer.status}")
        elif answer.status not in (200, 405):
            self.elsewhere.add(route)
        elif answer.ok and answer.headers["content-type"].startswith("text/html"):
            self.page.goto(self.address(route))
            self.page.wait_for_function(DRAWN)
            self.look(route)

    def look(self, route):
        """Look at the page that is open, and note where its links lead."""
        self.seen.add(route)
        for link in self.page.locator("a[href]").evaluate_all(LINKS):
            found = match(link)
            if found and found.kwargs and found.kwargs.get("org", self.org) == self.org:
                self.addresses.setdefault(found.route, urlsplit(link).path)
        picture = re.sub(r"\W+", "-", f"{self.name}-{route}").strip("-")
        tags = STANDARDS if route == REFERENCE else EVERYTHING
        problems = look(self.page, picture, self.views, tags)
        self.problems += [f"/{route} {problem}" for problem in problems]
