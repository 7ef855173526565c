"""A loopback Stripe in a process of its own, and a shop that receives its webhooks."""

import http.client
import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import stripe

from tests.support.processes import free_port

API_KEY = "sk_test_loopback"
SECRET = "whsec_loopback"
ROOT = Path(__file__).parents[3]
PATIENCE = 15.0


class Loopback:
    """One server process; it can be killed and started again over the same folder."""

    def __init__(self, state, webhook_url=None, **options):
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.state = state
        self.client = client(self.url)
        self._options = {"settle_after": 0, "retry_base": 0.05, "retry_cap": 0.2} | options
        if webhook_url:
            self._options |= {"webhook_url": webhook_url, "webhook_secret": SECRET}
        self._process = None

    def start(self):
        options = {"port": self.port, "state": self.state, "api_key": API_KEY} | self._options
        arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        command = [sys.executable, "-m", "billing.payments.loopback", *arguments]
        self._process = subprocess.Popen(command, cwd=ROOT)
        wait_until(lambda: self.get("/healthz").status == 200, errors=OSError)
        return self

    def stop(self):
        self._process.terminate()
        self._process.wait(PATIENCE)

    def kill(self):
        self._process.kill()
        self._process.wait(PATIENCE)

    def request(self, method, path, body=None, **headers):
        """Send one plain HTTP request; redirects are not followed."""
        connection = http.client.HTTPConnection("localhost", self.port, timeout=PATIENCE)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        response.text = response.read().decode()
        connection.close()
        return response

    def get(self, path, **headers):
        return self.request("GET", path, **headers)

    def api(self, method, path, body=None, **headers):
        """Call the API without the official client, where that would not send such a thing."""
        headers = {"Authorization": f"Bearer {API_KEY}"} | headers
        return self.request(method, path, body, **headers)

    def control(self, path, /, method="POST", **arguments):
        """Call the control API and return its answer; a refusal fails the test."""
        response = self.api(method, f"/_test/{path}", json.dumps(arguments))
        assert response.status == 200, response.text
        return json.loads(response.text)

    def deliveries(self, **filters):
        query = "&".join(f"{name}={value}" for name, value in filters.items())
        return self.control(f"deliveries?{query}", "GET")["data"]

    def submit(self, path, **fields):
        """Send a page's form as a browser does."""
        body = "&".join(f"{name}={value}" for name, value in fields.items())
        kind = "application/x-www-form-urlencoded"
        return self.request("POST", path, body.replace(" ", "+"), Content_Type=kind)

    def session(self, **changes):
        """Open a checkout session over €50.00."""
        return self.client.v1.checkout.sessions.create(checkout(**changes))

    def paid_intent(self, amount=5000, **changes):
        """Collect money with a test card at once."""
        wanted = {"amount": amount, "currency": "eur", "payment_method": "pm_card_visa"}
        return self.client.v1.payment_intents.create({"confirm": True, **wanted, **changes})

    def event_types(self, **filters):
        """Return the types of all events, oldest first."""
        events = self.client.v1.events.list({"limit": 100, **filters}).data
        return [event.type for event in reversed(events)]


class Shop:
    """The merchant's webhook address: it notes what arrives and answers as it is told."""

    def __init__(self):
        self.received = []
        self.statuses = []
        self.pause = 0.0
        self.arrivals = threading.Condition()
        self.together = 0
        self.most_together = 0
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<!doctype html><link rel=icon href=data:,><p>The shop")

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(shop.take(body, self.headers))
                self.end_headers()

            def log_message(self, *arguments):
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://localhost:{self._server.server_port}"
        self.url = f"{self.origin}/webhooks/stripe/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, body, headers):
        with self.arrivals:
            self.together += 1
            self.most_together = max(self.most_together, self.together)
        time.sleep(self.pause)
        with self.arrivals:
            self.together -= 1
            status = self.statuses.pop(0) if self.statuses else 200
            self.received.append((json.loads(body), body, headers, status))
            self.arrivals.notify_all()
        return status

    def wait_for(self, count, event_type=None):
        """Return the first ``count`` events (of a type) that arrive, or fail."""
        with self.arrivals:
            enough = self.arrivals.wait_for(lambda: len(self.events(event_type)) >= count, PATIENCE)
        assert enough, self.types()
        return self.events(event_type)

    def events(self, event_type=None):
        return [event for event, *_ in self.received if event_type in {None, event["type"]}]

    def types(self):
        return [event["type"] for event, *_ in self.received]

    def subjects(self):
        return {event["data"]["object"]["id"] for event in self.events()}

    def forget(self):
        with self.arrivals:
            self.received.clear()
            self.statuses.clear()
            self.pause = 0.0
            self.most_together = 0

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def client(url, key=API_KEY, **options):
    """Return the official client, told only another address."""
    return stripe.StripeClient(key, base_addresses={"api": url}, **options)


def checkout(**changes):
    """Return the parameters of a session over €50.00."""
    return {
        "mode": "payment",
        "success_url": "http://localhost:9/paid?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://localhost:9/back",
        "line_items": [line()],
    } | changes


def line(amount=5000, quantity=1, **changes):
    """Return the parameters of one line."""
    price = {"currency": "eur", "unit_amount": amount, "product_data": {"name": "Bundle M"}}
    return {"price_data": price, "quantity": quantity} | changes


def wait_until(true, errors=()):
    """Wait until something holds; it is looked at every 20 ms."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if true():
                return
        except errors:
            pass
        time.sleep(0.02)
    raise AssertionError("waited in vain")
