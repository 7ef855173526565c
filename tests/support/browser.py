"""A whole Tessera and Chromium windows for its people, shared by all browser journeys."""

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

from portal.environment import ROOT
from tests.support import servers
from tests.support.instance import Instance

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
STANDARDS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
EVERYTHING = (*STANDARDS, "best-practice")
RUN_AXE = "(wanted) => axe.run({runOnly: wanted, resultTypes: ['violations']})"
#: A folder in which the journeys leave pictures of what they saw; none are taken without it.
SHOTS = os.environ.get("JOURNEY_SHOTS")


class Site:
    """The running Tessera: its address, its demo sign-ins, and who has signed in already."""

    def __init__(self, instance):
        self.instance = instance
        self.origin = f"http://localhost:{instance.port}"
        self.demo = json.loads((instance.state / "demo.json").read_text())
        self.sessions = {}
        self.filled = set()
        #: The page of the dossier that a file was kept with.
        self.dossier = ""

    def manage(self, *arguments):
        """Run a command of `manage.py` beside it."""
        command = [sys.executable, "manage.py", *arguments]
        subprocess.run(command, cwd=ROOT, env=self.instance.environment, check=True)

    def ask(self, code):
        """Return the last line of what the code prints, run beside it."""
        command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", code]
        environment = self.instance.environment
        told = subprocess.run(
            command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
        )
        return told.stdout.splitlines()[-1]


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """One Tessera for all journeys of a worker, started as people start it; ends with the tests."""
    state = tmp_path_factory.mktemp("journeys") / "state"
    servers.lend(state)
    # Receivers of webhooks listen beside it.
    instance = Instance(state, OUTSIDE_NETWORKS="127.0.0.0/8")
    try:
        instance.wait_until_ready()
        yield Site(instance)
    finally:
        instance.process.poll() is None and instance.end()
    assert instance.processes() == []


@pytest.fixture(scope="module")
def chromium():
    """Chromium; closed with its module, because its event loop would be in the way of others."""
    arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        yield browser
        browser.close()


class Witness:
    """Notes what a window's pages complain about, and whom they talk to."""

    def __init__(self, context):
        self.complaints = []
        self.documents = set()
        context.on("request", self.see)
        context.on("console", self.hear)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))

    def see(self, request):
        """Note a request that leaves this machine."""
        address = urlsplit(request.url)
        if request.is_navigation_request():
            self.documents.add(request.url)
        if address.scheme in ("http", "https") and address.hostname != "localhost":
            self.complaints.append(f"asked {request.url}")

    def hear(self, message):
        """Note what the console says; that a page, or its call of ``/v1``, was refused is for the test."""
        address = message.location["url"]
        is_for_the_test = address in self.documents or urlsplit(address).path.startswith("/v1/")
        if is_for_the_test and message.text.startswith("Failed to load resource"):
            return
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} ({message.location['url']})")


@pytest.fixture
def window(chromium, site):
    """Open a window of its own for a person; what its pages complain about fails the test."""
    windows = []

    def begin(**options):
        context = chromium.new_context(
            base_url=site.origin, reduced_motion="reduce", **{"locale": "en-GB", **options}
        )
        context.set_default_timeout(15_000)
        windows.append((context, Witness(context)))
        return context.new_page()

    yield begin
    for context, _witness in windows:
        context.close()
    assert [text for _context, witness in windows for text in witness.complaints] == []


def accessibility_problems(page, rules=(), tags=EVERYTHING):
    """Return what axe-core finds, run beside the page so that its policy stays as it is.

    Looked for is what the rules name, or, where none is named, what the tags mean.
    """
    if not page.evaluate("() => 'axe' in window"):
        script = AXE.read_text(encoding="utf-8")
        page.evaluate(f"() => {{ {script}; window.axe = axe; }}")
    wanted = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": tags}
    found = page.evaluate(RUN_AXE, wanted)
    return [
        " ".join(
            f"{problem['id']}: {node['any'][0]['message'] if node['any'] else ''} {node['html']}".split()
        )
        for problem in found["violations"]
        for node in problem["nodes"]
    ]


def take_picture(page, name):
    """Keep what the page looks like, where pictures are asked for."""
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)
