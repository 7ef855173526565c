"""What replaces an embedded part is asked before anything starts."""

import json
import socketserver
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from portal import environment, reachability
from portal.variables import ConfigurationError, mail
from tests.support import processes

ANSWERS = {
    b"EHLO": b"250-hello\r\n250 AUTH PLAIN\r\n",
    b"AUTH": b"535 no\r\n",
    b"QUIT": b"221 bye\r\n",
}
MODELS = {"object": "list", "data": [{"id": "tiny", "object": "model"}]}


class Engine(BaseHTTPRequestHandler):
    """Answers what the test has put on the server."""

    def do_GET(self):
        self.server.seen = (self.path, self.headers.get("Authorization"))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *arguments):
        pass


class MailServer(socketserver.StreamRequestHandler):
    """Greets, and refuses every password."""

    def handle(self):
        self.wfile.write(b"220 ready\r\n")
        for line in self.rfile:
            word = line.split()[0].upper()
            self.wfile.write(ANSWERS.get(word, b"250 fine\r\n"))


@pytest.fixture
def serve():
    """Run a server on a free port for the test."""
    running = []

    def begin(server):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        return server

    yield begin
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def engine(serve):
    """An engine with one model."""
    server = serve(ThreadingHTTPServer(("127.0.0.1", 0), Engine))
    server.status, server.body = 200, json.dumps(MODELS).encode()
    return server


def address(server):
    return f"127.0.0.1:{server.server_address[1]}"


@pytest.mark.parametrize(("key", "sent"), [("secret", "Bearer secret"), ("", None)])
def test_an_engine_is_asked_for_its_models_with_its_key(engine, key, sent):
    models = reachability.engine_models(f"http://{address(engine)}/v1", key)

    assert models == MODELS["data"]
    assert engine.seen == ("/v1/models", sent)


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (401, b"{}", "ENGINE_API_KEY is refused by the engine (401); accepted: a key it knows."),
        (404, b"", "ENGINE_URL answers 404 to /v1/models without a list of models; accepted:"),
        (200, b"<html>", "ENGINE_URL answers 200 to /v1/models without a list of models;"),
        (200, b"[]", "ENGINE_URL answers 200 to /v1/models without a list of models; accepted: t"),
        (200, b'{"data": ["tiny"]}', "ENGINE_URL answers 200 to /v1/models without a list of"),
        (200, b"[" * 100_000, "ENGINE_URL answers 200 to /v1/models without a list of models;"),
    ],
)
def test_what_is_no_engine_is_told(engine, status, body, sentence):
    engine.status, engine.body = status, body

    with pytest.raises(ConfigurationError) as caught:
        reachability.engine_models(f"http://{address(engine)}/v1", "")

    assert str(caught.value).startswith(sentence)


def test_stripe_is_asked_whether_it_knows_the_key(engine):
    url = f"http://{address(engine)}"

    reachability.check_stripe(url, "sk_test_1")
    assert engine.seen == ("/v1/balance", "Bearer sk_test_1")
    # A restricted key need not be allowed to read the balance.
    engine.status = 403
    reachability.check_stripe(url, "rk_test_1")
    engine.status = 401
    with pytest.raises(ConfigurationError, match="STRIPE_API_KEY is refused by Stripe"):
        reachability.check_stripe(url, "sk_test_1")


def test_a_start_does_not_need_stripe_to_answer():
    reachability.check_stripe(f"http://127.0.0.1:{processes.free_port()}", "sk_test_1")


def test_a_mail_server_is_greeted(serve):
    server = serve(socketserver.ThreadingTCPServer(("127.0.0.1", 0), MailServer))

    reachability.check_mail(mail("EMAIL_URL", f"smtp://{address(server)}"))
    for options in ("user:password@{}", "{}/?tls=true"):
        with pytest.raises(ConfigurationError, match="EMAIL_URL does not lead to a mail server"):
            reachability.check_mail(mail("EMAIL_URL", f"smtp://{options.format(address(server))}"))


def test_valkey_is_asked_to_answer(valkey):
    reachability.check_redis(environment.load().redis_url)

    with pytest.raises(ConfigurationError, match="REDIS_URL does not answer PING"):
        reachability.check_redis("unix:///nowhere.sock")


def test_a_database_without_its_owner_is_refused(db):
    env = environment.load()

    reachability.check_database(env)
    with pytest.raises(ConfigurationError, match="DATABASE_ADMIN_URL is missing"):
        reachability.check_database(replace(env, owner=None))
