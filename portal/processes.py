"""The programs `manage.py up` keeps running, and how one is told from the outside to be ready."""

import re
import signal
import socket
import sys
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from portal.embedded import launch, postgres, valkey
from portal.environment import ROOT, Environment
from portal.programs import Program
from portal.variables import ConfigurationError

HOST = "127.0.0.1"
STRIPE_WEBHOOK_PATH = "/webhooks/stripe/"
#: The stores call much a warning or an error that is none to people; these end them. That a
#: database still starts is no failure.
STORE_LOUD = re.compile(r"\b(PANIC|BUG|FATAL(?!: +the database system is starting up))\b")


def storage(env: Environment) -> list[Program]:
    """Return the embedded database and Valkey, as far as nothing replaces them."""
    programs = []
    if env.embedded_database:
        command = postgres.command(env.state / "postgres", env.sockets)
        programs.append(Program("postgres", command, stop_signal=signal.SIGINT, loud=STORE_LOUD))
    if env.embedded_redis:
        command = valkey.command(env.sockets / "valkey.sock", env.sockets)
        programs.append(Program("valkey", command, loud=STORE_LOUD))
    return programs


def servers(env: Environment) -> list[Program]:
    """Return everything that serves, works or stands in for the outside."""
    programs = [web(env), gateway(env), worker(), batches(), beat(env)]
    if env.embedded_stripe:
        programs.append(loopback_stripe(env))
    if env.embedded_engine:
        programs.append(demo_engine(env))
    if env.demo:
        programs.append(demo_cluster(env))
    return programs


def python(name: str, *arguments: str, death_signal: str = "TERM", **variables: str) -> Program:
    """Return a Python program of ours that dies with the supervisor."""
    command = launch.mortal([sys.executable, *arguments], signal=death_signal)
    return Program(name, command, variables={"PYTHONPATH": str(ROOT), **variables})


def web(env: Environment) -> Program:
    """The pages, and `/v1` beside them."""
    uvicorn = ["-m", "uvicorn", "portal.asgi:application", "--host", HOST, "--port", str(env.port)]
    uvicorn += ["--http", "gateway.wire:BoundedProtocol", "--ws", "none"]
    uvicorn += ["--loop", "uvloop", "--lifespan", "on"]
    uvicorn += ["--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "2"]
    uvicorn += ["--timeout-keep-alive", "75"]
    return python("web", *uvicorn)


def gateway(env: Environment) -> Program:
    """The gateway on its own port, as production runs it."""
    gateway = [str(ROOT / "manage.py"), "gateway", "--port", str(env.gateway_port)]
    return python("gateway", *gateway, "--grace", "2")


def worker() -> Program:
    """Celery's worker."""
    return _worker("worker", "--concurrency", "2")


def batches() -> Program:
    """The same for lines of batches, which run for long: they delay nobody else's task."""
    return _worker("batches", "--queues", "batches", "-n", "batches@%h", "--concurrency", "1")


def _worker(name: str, *arguments: str) -> Program:
    celery = ["-m", "celery", "--quiet", "-A", "portal", "worker", *arguments]
    celery += ["--loglevel", "WARNING", "--without-gossip", "--without-mingle"]
    # Tasks are doorbells and their rows the queue: work cut short is found again by a sweep, so
    # SIGTERM need not wait for tasks that run for minutes. A supervisor that was killed has taken
    # Valkey along: a worker that ends itself would wait for that one for ever.
    return python(name, *celery, death_signal="KILL", REMAP_SIGTERM="SIGQUIT")


def beat(env: Environment) -> Program:
    """Celery's clock."""
    celery = ["-m", "celery", "--quiet", "-A", "portal", "beat", "--loglevel", "WARNING"]
    return python("beat", *celery, "--pidfile=", "--schedule", str(env.state / "beat"))


def loopback_stripe(env: Environment) -> Program:
    """A Stripe of our own that plays by the real one's rules."""
    webhook = f"http://localhost:{env.port}{STRIPE_WEBHOOK_PATH}"
    stripe = ["-m", "billing.payments.loopback", "--port", str(env.stripe_port)]
    stripe += ["--state", str(env.state / "stripe"), "--api-key", env.stripe_api_key]
    stripe += ["--webhook-url", webhook, "--webhook-secret", env.stripe_webhook_secret]
    return python("stripe", *stripe, "--merchant", env.operator_name)


def demo_engine(env: Environment) -> Program:
    """An inference engine that simulates."""
    return python("engine", "-m", "gateway.upstreams.demo", "--port", str(env.engine_port))


def demo_cluster(env: Environment) -> Program:
    """A cluster of one machine, without walls between tenants."""
    root = env.state / "compute" / "local"
    return python("cluster", "-m", "compute.schedulers.local", "--root", str(root))


def ports(env: Environment) -> dict[int, str]:
    """Return the ports we are going to listen on, and for what."""
    wanted = {env.port: "the pages", env.gateway_port: "the gateway"}
    if env.embedded_stripe:
        wanted[env.stripe_port] = "the loopback Stripe"
    if env.embedded_engine:
        wanted[env.engine_port] = "the demo engine"
    return wanted


def refuse_busy_ports(env: Environment) -> None:
    """Say in one sentence when somebody else listens on a port of ours."""
    for number, purpose in ports(env).items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, number))
            except OSError:
                raise ConfigurationError(
                    f"PORT is {env.port}, but port {number} for {purpose} is in use; accepted: a "
                    "PORT with the three ports above it free."
                ) from None


def is_ready(env: Environment) -> bool:
    """Tell whether every server listens and the pages say they can do their work."""
    return all(listens(number) for number in ports(env)) and answers_ready(env)


def listens(number: int) -> bool:
    """Tell whether somebody takes connections on the port."""
    try:
        socket.create_connection((HOST, number), timeout=1).close()
    except OSError:
        return False
    return True


def answers_ready(env: Environment) -> bool:
    """Ask /readyz, in the name that browsers will use."""
    public = urlsplit(env.public_url)
    headers = {"Host": public.netloc, "X-Forwarded-Proto": public.scheme}
    connection = HTTPConnection(HOST, env.port, timeout=2)
    try:
        connection.request("GET", "/readyz", headers=headers)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
