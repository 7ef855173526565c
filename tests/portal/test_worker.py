"""The worker starts although nothing has loaded the pages before it."""

import os
import subprocess
import sys

from portal.environment import ROOT

CHECKS = """
import portal.celery
import django
django.setup()
from django.core.checks import run_checks
from rest_framework.checks import pagination_system_check
assert pagination_system_check(None) == []
assert run_checks() == []
"""


def test_the_checks_that_a_worker_makes_first_pass_in_a_fresh_process():
    variables = {**os.environ, "DJANGO_SETTINGS_MODULE": "portal.settings"}

    subprocess.run([sys.executable, "-c", CHECKS], cwd=ROOT, env=variables, check=True)
