#!/usr/bin/env python
"""Run one of Tessera's commands; `manage.py up` starts all of it."""

import os
import sys

from django.core.management import execute_from_command_line

from portal.variables import ConfigurationError


def main() -> int:
    """Run the command; a wrong setting ends it with one sentence."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    try:
        execute_from_command_line(sys.argv)
    except ConfigurationError as error:
        sys.stderr.write(f"Tessera cannot start: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
