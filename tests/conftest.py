"""What every test stands on: real servers, a closed network, and the people of tests.support.

The variables are set before Django reads its settings, so this file comes before all fixtures.
"""

import os

import django
import pytest
from hypothesis import HealthCheck, settings

from tests.support import network, servers

os.environ.update(servers.environment())
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
django.setup()

# A property is not a measurement: a busy machine makes no example wrong.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

pytest_plugins = ["tests.support.world", "tests.support.people", "tests.support.browser"]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session):
    """Start the servers once per run, and give every worker its own database."""
    # pytest-xdist's workers inherit our variables; with this one pytest-django would read the
    # settings before this file has named the worker's own database.
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)
    if session.config.option.collectonly:
        return
    servers.start_valkey()
    if not servers.is_worker():
        servers.start()
    servers.copy_template()
    network.close()


def pytest_ignore_collect(collection_path, config):
    """Leave out the tests with a real engine, or real training, unless asked for by name."""
    if collection_path.name in ("engines", "training"):
        return not any(collection_path.name in argument for argument in config.args)
    return None
