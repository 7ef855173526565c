"""The wall between tenants: which organization's rows the app role sees now."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections, transaction

from common.database import APP, SERVICE, NestedRoles, current_alias, scoped_organization
from tenants.models import Organization


@contextmanager
def scope(organization: Organization | uuid.UUID) -> Iterator[None]:
    """Run the block in a transaction that sees this organization's rows and no others.

    The setting is local to the transaction, so a pooled connection carries nothing on to its next
    user. Scopes of the same organization may nest; of two organizations, or inside ``service()``,
    they raise ``NestedRoles``.
    """
    wanted = organization.pk if isinstance(organization, Organization) else organization
    present = scoped_organization.get()
    if current_alias() == SERVICE or present not in (None, wanted):
        raise NestedRoles("a scope was entered inside other work")
    token = scoped_organization.set(wanted)
    try:
        with transaction.atomic(using=APP):
            if present is None:
                with connections[APP].cursor() as cursor:
                    cursor.execute(
                        "SELECT set_config('tessera.organization', %s, true)", [str(wanted)]
                    )
            yield
    finally:
        scoped_organization.reset(token)
