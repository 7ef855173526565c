"""What was done in the organization: the log, its search, and the whole of it as a file."""

import io
import json
from collections.abc import Iterator
from typing import IO, Any

from defusedcsv import csv
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from common.errors import DomainError
from tenants import audit_words
from tenants.access import TenantRequest, requires
from tenants.forms import AuditSearchForm
from tenants.models import AuditEntry, Permission
from tenants.queries import audit_entries

PAGE = 50
CHUNK = 2000
COLUMNS = (
    "id", "occurred_at", "actor_kind", "actor", "action", "target_kind", "target_id", "target",
    "before", "after", "ip_address",
)  # fmt: skip


@require_safe
@requires(Permission.AUDIT_READ)
def audit_log(request: TenantRequest) -> HttpResponse:
    """List what was done in the organization, newest first; the search stands in the address."""
    form = AuditSearchForm(request.GET)
    is_readable = form.is_valid()
    entries = audit_entries(request.organization, form.search()) if is_readable else ()
    page = Paginator(entries, PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "rows": [audit_words.row(entry) for entry in page],
        "is_filtered": bool(request.GET.get("q")),
        "nav_section": "audit",
    }
    return render(request, "tenants/audit_log.html", context, status=200 if is_readable else 422)


@require_safe
@requires(Permission.AUDIT_READ)
def audit_export(request: TenantRequest, form: str) -> HttpResponse:
    """Download what the search finds, all of it, as CSV or JSON."""
    if form not in WRITERS:
        raise Http404
    search = AuditSearchForm(request.GET)
    if not search.is_valid():
        raise DomainError(" ".join(map(str, search.errors["q"])))
    entries = audit_entries(request.organization, search.search())
    content_type, write = WRITERS[form]
    file = io.StringIO()
    write(file, _facts(entries))
    name = f"audit-{request.organization.slug}.{form}"
    return HttpResponse(
        file.getvalue(),
        content_type=content_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _facts(entries: Any) -> Iterator[dict[str, Any]]:
    """Yield the entries as plain facts, newest first, a chunk at a time."""
    entries = entries.order_by("-id")
    chunk = list(entries[:CHUNK])
    while chunk:
        yield from map(_fact, chunk)
        chunk = list(entries.filter(id__lt=chunk[-1].pk)[:CHUNK])


def _fact(entry: AuditEntry) -> dict[str, Any]:
    return {
        "id": str(entry.pk),
        "occurred_at": entry.occurred_at.isoformat().replace("+00:00", "Z"),
        "actor_kind": entry.actor_kind,
        "actor": entry.actor_label,
        "action": entry.action,
        "target_kind": entry.target_kind,
        "target_id": entry.target_id,
        "target": entry.target_label,
        "before": entry.before,
        "after": entry.after,
        "ip_address": entry.ip_address,
    }


def _as_csv(file: IO[str], facts: Iterator[dict[str, Any]]) -> None:
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for fact in facts:
        flat = fact | {name: json.dumps(fact[name]) for name in ("before", "after") if fact[name]}
        writer.writerow(["" if flat[name] is None else flat[name] for name in COLUMNS])


def _as_json(file: IO[str], facts: Iterator[dict[str, Any]]) -> None:
    for number, fact in enumerate(facts):
        file.write("[\n" if number == 0 else ",\n")
        json.dump(fact, file, ensure_ascii=False)
    file.write("\n]\n" if file.tell() else "[]\n")


WRITERS = {"csv": ("text/csv; charset=utf-8", _as_csv), "json": ("application/json", _as_json)}
