"""`manage.py up`: all of Tessera in the foreground, on one machine."""

import json
import sys
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import CommandParser, call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from portal import environment, processes, reachability, state, static_files
from portal.embedded import postgres, valkey
from portal.environment import Environment
from portal.supervisor import ChildFailed, StateLock, Supervisor

PATIENCE = 120.0


class Command(BaseCommand):
    """Start everything, tell where it is, and stop all of it on Ctrl-C."""

    help = "Start everything in the foreground and stop it on Ctrl-C."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take one switch."""
        parser.add_argument("--verbose", action="store_true", help="show every line of every part")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until told to stop."""
        env = environment.load()
        state.prepare(env.state)
        lock = StateLock(env.state)
        processes.refuse_busy_ports(env)
        reachability.check(env)
        logs = env.state / "logs"
        logs.mkdir(exist_ok=True)
        supervisor = Supervisor(logs, sys.stdout, verbose=options["verbose"])
        supervisor.listen()
        try:
            self.run(env, supervisor)
        except ChildFailed as failure:
            raise CommandError(str(failure)) from None
        finally:
            stop(supervisor)
            lock.file.close()
        self.stdout.write("Tessera has stopped.")

    def run(self, env: Environment, supervisor: Supervisor) -> None:
        """Start the parts in order, and tend them until the end is asked for."""
        self.stdout.write("Tessera starts …")
        start_storage(env, supervisor)
        self.prepare(env, supervisor)
        for program in processes.servers(env):
            if not supervisor.stopping:
                supervisor.start(program)
        if supervisor.wait(lambda: processes.is_ready(env), seconds=PATIENCE):
            self.stdout.write(welcome(env))
            supervisor.run()

    def prepare(self, env: Environment, supervisor: Supervisor) -> None:
        """Collect static files, migrate, make the demo once; its catalogue follows PORT and ENGINE_URL."""
        if supervisor.stopping:
            return
        static_files.collect()
        call_command("prepare_database", verbosity=0)
        if env.demo:
            if not (env.state / "demo.json").exists():
                self.stdout.write("First start: the demo operator is made …")
            call_command("demo", stdout=StringIO())
        connections.close_all()


def start_storage(env: Environment, supervisor: Supervisor) -> None:
    """Start the embedded database and Valkey, and wait for both."""
    state.prepare_sockets(env.state)
    data = env.state / "postgres"
    if env.embedded_database and env.owner:
        postgres.initialise(data, env.owner.user)
        postgres.clear_stale(data, env.sockets)
    for program in processes.storage(env):
        supervisor.start(program)
    owner = env.owner
    if env.embedded_database and owner:
        supervisor.wait(lambda: postgres.answers(owner), seconds=PATIENCE)
        if not supervisor.stopping:
            postgres.create_database(owner)
    supervisor.wait(lambda: valkey.answers(env.redis_url), seconds=PATIENCE)


def stop(supervisor: Supervisor) -> None:
    """End the servers first and what they store in last."""
    storage = [child for child in supervisor.children if child.program.name in STORAGE]
    others = [child for child in supervisor.children if child not in storage]
    supervisor.stop(others, storage)


STORAGE = {"postgres", "valkey"}


def welcome(env: Environment) -> str:
    """Return what people need to know once everything runs."""
    lines = [
        "",
        f"Tessera runs: {env.public_url}",
        "",
        f"  Pages         {env.public_url}/",
        f"  API           {env.public_url}/v1        (OpenAI-compatible)",
        f"  Gateway       http://localhost:{env.gateway_port}/v1        (its own port)",
        f"  API docs      {env.public_url}/api/docs/",
    ]
    if not env.mail:
        lines.append(f"  Mailbox       {env.public_url}/mailbox/   (all mail it sends)")
    lines += sign_ins(env.state / "demo.json")
    lines += ["", "  Ctrl-C stops all of it.", ""]
    return "\n".join(lines)


def sign_ins(path: Path) -> list[str]:
    """Return how to sign in to the demo, as its seed has written it down."""
    if not path.exists():
        return []
    demo = json.loads(path.read_text("utf-8"))
    staff = [demo[each]["email"] for each in ("staff", "colleague") if each in demo]
    return [
        "",
        f"  Sign in with the password {demo['password']} as",
        *(f"    {each:<30} the operator's staff (second factor: see below)" for each in staff),
        *(f"    {person}" for person in demo["people"]),
        "",
        "  API keys and the staff's second factor stand in",
        f"    {path}",
    ]
