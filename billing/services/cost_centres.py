"""Cost centres: places in the customer's own books, and which projects are charged to them."""

from collections.abc import Mapping

from django.db import IntegrityError
from django.utils.translation import gettext as _

from billing.models import CostCentre, CostCentreProject
from common.database import atomic
from common.errors import Conflict, DomainError
from tenants.models import ApiKey, Organization, Project, User
from tenants.services import audit


@atomic()
def add(
    organization: Organization, *, code: str, name: str, by: User, through: ApiKey | None = None
) -> CostCentre:
    """Note a cost centre; its code stands once."""
    try:
        with atomic():
            made = CostCentre.objects.create(organization=organization, code=code, name=name)
    except IntegrityError as error:
        raise DomainError(
            field_errors={"code": [_("There is one with this code already.")]}
        ) from error
    _told(made, "cost_centre.added", through or by, {"code": code, "name": name})
    return made


@atomic()
def remove(centre: CostCentre, *, by: User, through: ApiKey | None = None) -> None:
    """Take a cost centre off the list; one that projects are charged to stays."""
    centre = CostCentre.objects.locked(centre.pk)
    if centre.projects.exists():
        raise Conflict(_("Projects are charged to it; charge them to another one first."))
    _told(centre, "cost_centre.removed", through or by, {"code": centre.code, "name": centre.name})
    centre.delete()


@atomic()
def charge(
    organization: Organization,
    centres: Mapping[Project, CostCentre | None],
    *,
    by: User,
    through: ApiKey | None = None,
) -> int:
    """Charge each project to its cost centre, or to none; return how many changed.

    What is invoiced from now on says so; written invoices stay as they are.
    """
    wanted = {centre.pk for centre in centres.values() if centre}
    # In one order, and nobody removes one meanwhile.
    for pk in sorted(wanted):
        CostCentre.objects.locked(pk)
    present = {
        it.project_id: it
        for it in CostCentreProject.objects.filter(organization=organization).select_related(
            "cost_centre"
        )
    }
    changed = 0
    for project, centre in centres.items():
        held = present.get(project.pk)
        if (held.cost_centre if held else None) == centre:
            continue
        _charge(organization, project, centre)
        before = held.cost_centre.code if held else ""
        after = {"cost_centre": centre.code if centre else ""}
        _told(project, "project.charged", through or by, after, before)
        changed += 1
    return changed


def _charge(organization: Organization, project: Project, centre: CostCentre | None) -> None:
    if centre is None:
        CostCentreProject.objects.filter(organization=organization, project=project).delete()
        return
    CostCentreProject.objects.update_or_create(
        project=project, defaults={"organization": organization, "cost_centre": centre}
    )


def _told(
    target: CostCentre | Project,
    action: str,
    by: User | ApiKey,
    after: dict[str, str],
    before: str = "",
) -> None:
    audit.record(
        organization=target.organization,
        actor=by,
        action=action,
        target=target,
        before={"cost_centre": before} if before else None,
        after=after,
    )
