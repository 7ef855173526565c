"""What fills the memory of a gateway process."""

import subprocess
import sys

from portal.environment import ROOT

#: Tens of megabytes each; for pages, documents and jobs.
HEAVY = {"facturx", "pypdf", "stripe", "weasyprint", "xlsxwriter"}
LOADED = """
import os, sys
import django
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
django.setup()
import gateway.management.commands.gateway
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def loaded(command):
    """Return what a process loads that is started with this command of `manage.py`."""
    program = [sys.executable, "-c", LOADED, command]
    told = subprocess.run(program, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return set(told.stdout.split())


def test_a_gateway_loads_nothing_for_pages_documents_and_jobs():
    assert loaded("gateway") & HEAVY == set()


def test_other_processes_know_every_task():
    assert {"stripe", "weasyprint"} <= loaded("shell")
