"""Models side by side."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from marketplace import readers, side_by_side
from marketplace.side_by_side import Chosen


@require_safe
def compare(request: HttpRequest) -> HttpResponse:
    """Show up to four models in one table; the address says which, and works without scripts."""
    reader = readers.of(request)
    entries = readers.listings_seen_by(reader)
    found = side_by_side.chosen(entries, request.GET.getlist(side_by_side.PARAMETER))
    chosen = Chosen(readers.whole(reader, found.entries), found.beyond, found.unknown)
    rows = side_by_side.rows(chosen.entries)
    only_differences = request.GET.get("only") == "differences" and len(chosen.entries) > 1
    context = {
        "chosen": chosen,
        "most": side_by_side.MOST,
        "rows": [row for row in rows if row.differs] if only_differences else rows,
        "only_differences": only_differences,
        "others": [it for it in entries if it.api_name not in chosen.names],
        "nav_section": "catalogue",
    }
    return render(request, "marketplace/compare.html", context)
