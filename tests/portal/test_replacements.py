"""An operator's own stores, engine, mail server and Stripe account in place of ours."""

import socketserver
import subprocess
import sys
import threading

import httpx2 as httpx
import pytest

from portal.embedded import launch
from tests.support import operator_stores, processes, servers
from tests.support.instance import Instance

pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("up")]

STRIPE = {"STRIPE_API_KEY": "sk_test_1", "STRIPE_WEBHOOK_SECRET": "whsec_1"}


class MailServer(socketserver.StreamRequestHandler):
    """Takes every mail, and keeps its lines."""

    def handle(self):
        self.wfile.write(b"220 ready\r\n")
        for line in self.rfile:
            self.server.lines.append(line)
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                self.server.lines.extend(iter(self.rfile.readline, b".\r\n"))
            self.wfile.write(
                b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 fine\r\n"
            )


@pytest.fixture
def mail():
    """A mail server that belongs to somebody else."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), MailServer) as server:
        server.lines = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def engine():
    """The address of an engine that belongs to somebody else."""
    port = processes.free_port()
    process = subprocess.Popen([sys.executable, "-m", "gateway.upstreams.demo", f"--port={port}"])
    assert launch.wait_until(lambda: not processes.is_free(port), seconds=20)
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """The variables of a PostgreSQL and a Valkey that belong to somebody else."""
    with operator_stores.run(tmp_path_factory.mktemp("stores")) as variables:
        yield variables


def test_everything_runs_on_the_operators_stores(stores, tmp_path):
    instance = Instance(tmp_path / "state", **stores)
    try:
        # Its database, which is the operator's, is migrated here.
        instance.wait_until_ready(seconds=360)

        assert instance.get("/readyz") == 200
        assert instance.child("pginstall18/bin/postgres") is None
        assert instance.child("valkey-server") is None
        assert not (instance.state / "postgres").exists()
        assert not (instance.state / "demo.json").exists()
    finally:
        instance.end()
    assert instance.processes() == []


def sign_up(instance):
    """Ask for an account, as a browser does."""
    page = f"http://localhost:{instance.port}/accounts/signup/"
    with httpx.Client() as browser:
        browser.get(page)
        facts = {"email": "ada@startup.example", "password1": "correct horse battery"}
        token = browser.cookies["csrf"]
        browser.post(page, data={**facts, "csrfmiddlewaretoken": token}, headers={"referer": page})


def test_an_engine_a_mail_server_and_a_stripe_account_replace_ours(tmp_path, engine, mail):
    address = f"smtp://127.0.0.1:{mail.server_address[1]}"
    variables = {"ENGINE_URL": engine, "EMAIL_URL": address, "DEMO": "true", **STRIPE}
    servers.lend(tmp_path / "state")
    instance = Instance(tmp_path / "state", **variables)
    try:
        instance.wait_until_ready()
        sign_up(instance)

        assert instance.child("gateway.upstreams.demo") is None
        assert instance.child("billing.payments.loopback") is None
        assert instance.child("pginstall18/bin/postgres") is not None
        assert instance.call("atlas-mini") > 0
        assert launch.wait_until(lambda: b"TO:<ada@startup.example>" in told(mail), seconds=20)
        assert instance.get("/mailbox/") == 404
        assert "/mailbox/" not in instance.output
    finally:
        instance.end()


def told(mail):
    """Return all that a mail server was told."""
    return b"".join(mail.lines)


@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_ADMIN_URL", "REDIS_URL"])
def test_a_wrong_password_is_told_in_one_sentence(stores, tmp_path, name):
    operator_stores.migrate(stores, tmp_path)
    wrong = stores[name].replace("sesame", "wrong").replace(":open@", ":wrong@")
    instance = Instance(tmp_path / "state", **{**stores, name: wrong})

    status = instance.process.wait(timeout=60)

    instance.reader.join()
    assert status == 2
    assert instance.lines[-1].startswith(f"Tessera cannot start: {name} does")
    assert "wrong" not in instance.output
    assert "Traceback" not in instance.output
    assert instance.processes() == []
