"""A stop, a kill and a second start lose nothing."""

import subprocess
import sys
import time

import pytest

from tests.billing.loopback.driver import ROOT, Loopback, Shop, wait_until
from tests.support.processes import free_port

CUT_OFF = """
import sys
from tests.billing.loopback.driver import client
from tests.support.processes import free_port
client(sys.argv[1]).v1.customers.create({}, {"idempotency_key": "a"})
"""


@pytest.fixture
def own_shop():
    shop = Shop()
    yield shop
    shop.close()


@pytest.fixture
def start(tmp_path, request):
    """Start a server of the test's own over one folder."""

    def begin(webhook_url=None, **options):
        server = Loopback(tmp_path / "state", webhook_url, **options).start()
        request.addfinalizer(server.stop)
        return server

    return begin


def test_a_killed_server_finds_everything_again(start):
    server = start()
    customer = server.client.v1.customers.create({"name": "Ann"}, {"idempotency_key": "a"})
    session = server.session(customer=customer.id)
    server.control(f"checkout/sessions/{session.id}/pay")

    server.kill()
    server.start()

    stripe = server.client.v1
    assert stripe.checkout.sessions.retrieve(session.id).payment_status == "paid"
    assert len(stripe.charges.list().data) == 1
    again = stripe.customers.create({"name": "Ann"}, {"idempotency_key": "a"})
    assert again.id == customer.id


def test_events_of_an_outage_arrive_after_a_restart(start, own_shop):
    nobody = f"http://localhost:{free_port()}/webhooks/stripe/"
    server = start(nobody)
    server.client.v1.customers.create({"name": "Ann"})
    wait_until(lambda: server.deliveries()[0]["attempts"] >= 1)
    server.stop()

    start(own_shop.url)

    [event] = own_shop.wait_for(1)
    assert event["data"]["object"]["name"] == "Ann"


def test_a_hanging_shop_does_not_hold_the_stop_up(start, own_shop):
    own_shop.pause = 8.0
    server = start(own_shop.url)
    server.client.v1.customers.create({"name": "Ann"})
    wait_until(lambda: own_shop.together == 1)

    begin = time.monotonic()
    server.stop()

    assert time.monotonic() - begin < 4


def test_a_key_whose_request_was_cut_off_by_a_kill_can_be_used_again(start):
    server = start()
    server.control("faults", kind="latency", milliseconds=60_000, path="/v1/customers")
    sender = subprocess.Popen(
        [sys.executable, "-c", CUT_OFF, server.url], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    wait_until(lambda: server.control("state", "GET")["keys_in_flight"] == 1)

    server.kill()
    sender.wait(15)
    server.start()

    assert server.client.v1.customers.create({}, {"idempotency_key": "a"}).id.startswith("cus_")
    assert len(server.client.v1.customers.list().data) == 1


def test_a_debit_settles_by_itself_after_a_while(start):
    server = start(settle_after=1)

    arriving = server.paid_intent(payment_method="pm_sepaDebit")
    session = server.session()
    server.control(f"checkout/sessions/{session.id}/pay", iban="DE62370400440532013001")

    intents = server.client.v1.payment_intents
    wait_until(lambda: intents.retrieve(arriving.id).status == "succeeded")
    wait_until(lambda: "checkout.session.async_payment_failed" in server.event_types())


def test_two_servers_do_not_share_a_folder(start):
    server = start()

    second = Loopback(server.state)
    command = [sys.executable, "-m", "billing.payments.loopback", "--api-key=sk_test_x"]
    command += [f"--state={second.state}", f"--port={second.port}"]
    outcome = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=15, check=False
    )

    assert outcome.returncode == 1
    assert "in use by another loopback Stripe" in outcome.stderr


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--api-key=sk_live_x", "never give a live key"),
        ("--webhook-url=https://example.com/", "must be an http address of this machine"),
        ("--webhook-url=http://localhost:1/", "belong together"),
        ("--webhook-secret=secret", "must start with whsec_"),
        ("--public-url=somewhere", "is not a web address"),
        ("--port=many", "invalid int value"),
    ],
)
def test_a_wrong_option_ends_the_start_with_one_sentence(tmp_path, option, sentence):
    command = [sys.executable, "-m", "billing.payments.loopback", "--port=1", "--api-key=sk_test_x"]
    command += [f"--state={tmp_path}", option]

    outcome = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=15, check=False
    )

    assert outcome.returncode == 2
    assert sentence in outcome.stderr
    assert "Traceback" not in outcome.stderr
