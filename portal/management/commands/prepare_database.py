"""Bring a database to where this code needs it: roles, migrations, grants, and a check of them."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from common.database import OWNER
from portal import environment
from portal.embedded import roles
from portal.variables import ConfigurationError


class Command(BaseCommand):
    """Make roles, migrate as the owner, close partitions, and refuse roles that are too strong."""

    help = "Create the database roles, migrate, and check that the roles are held back."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Do all four; running it again changes nothing."""
        env = environment.load()
        if env.owner is None:
            raise ConfigurationError(
                "DATABASE_ADMIN_URL is missing; accepted: the address of the role that owns the "
                "tables, because migrations need it."
            )
        roles.connect("DATABASE_ADMIN_URL", env.owner).close()
        roles.create(env)
        call_command("migrate", database=OWNER, verbosity=options["verbosity"], interactive=False)
        roles.close_partitions(env.owner)
        roles.verify(env)
