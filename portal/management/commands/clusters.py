"""``manage.py clusters``: list, add, renew, check, cordon, drain, open the operator's clusters."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common.database import service
from common.errors import DomainError
from compute.models import Cluster, ComputeJob
from compute.services import clusters
from tenants.models import Region

Intake = Cluster.Intake
TURNS = {"open": Intake.OPEN, "cordon": Intake.CORDONED, "drain": Intake.DRAINING}


class Command(BaseCommand):
    """Says and changes where jobs may run."""

    help = "List, add, renew, check, cordon, drain and open the operator's clusters."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what is to be done, with which cluster."""
        acts = parser.add_subparsers(dest="act", required=True)
        acts.add_parser("list", help="every cluster, and what it does")
        for act in ("check", "renew", *TURNS):
            acts.add_parser(act).add_argument("slug", metavar="SLUG")
        add = acts.add_parser("add", help="a cluster; its credential is read from standard input")
        add.add_argument("slug", metavar="SLUG")
        add.add_argument("--name", required=True)
        add.add_argument("--kind", required=True, choices=[*Cluster.Kind.values])
        add.add_argument("--region", required=True, help="code of a region")
        add.add_argument("--isolation", required=True, choices=[*Cluster.Isolation.values])
        add.add_argument("--address", default="", help="as CLUSTER_ADDRESSES names it")
        add.add_argument("--gpus", type=int, default=0)
        add.add_argument("--gpu-type", default="")
        add.add_argument("--jobs-each", type=int, help="jobs of an organization at a time")
        add.add_argument("--gpus-each", type=int, help="GPUs of an organization at a time")
        add.add_argument("--option", action="append", default=[], metavar="NAME=VALUE")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it."""
        act = options["act"]
        if act == "list":
            self._list()
        elif act == "add":
            self._add(options)
        elif act == "check":
            self._check(_named(options["slug"]))
        elif act == "renew":
            self._renew(_named(options["slug"]))
        else:
            with service():
                cluster = clusters.turn(_named(options["slug"]), TURNS[act], by=None)
            self.stdout.write(f"{cluster.slug}: {cluster.get_intake_display()}")

    def _list(self) -> None:
        with service():
            for cluster in Cluster.objects.select_related("region"):
                jobs = ComputeJob.objects.open().filter(cluster=cluster).count()
                words = [cluster.slug, cluster.kind, cluster.region_id, cluster.intake]
                trouble = cluster.trouble or "no trouble seen"
                self.stdout.write(f"{'  '.join(words)}  {jobs} jobs  {trouble}")

    def _add(self, options: dict[str, Any]) -> None:
        names = ("slug", "name", "kind", "isolation", "address", "gpus", "gpu_type")
        facts = {name: options[name] for name in (*names, "jobs_each", "gpus_each")}
        facts["options"] = dict(_option(text) for text in options["option"])
        facts["credential"] = _credential()
        with service():
            region = Region.objects.filter(code=options["region"]).first()
            if region is None:
                raise CommandError(f"There is no region {options['region']!r}.")
            try:
                cluster = clusters.add({**facts, "region": region}, by=None)
            except DomainError as refusal:
                raise CommandError(str(refusal)) from refusal
        self._check(cluster)

    def _renew(self, cluster: Cluster) -> None:
        try:
            with service():
                cluster = clusters.renew(cluster, _credential(), by=None)
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        self._check(cluster)

    def _check(self, cluster: Cluster) -> None:
        if trouble := clusters.check(cluster):
            raise CommandError(f"{cluster.slug}: {trouble}")
        self.stdout.write(f"{cluster.slug} answers, and can take jobs.")


def _credential() -> str:
    return "" if sys.stdin.isatty() else sys.stdin.read().strip()


def _named(slug: str) -> Cluster:
    with service():
        cluster = Cluster.objects.filter(slug=slug).first()
    if cluster is None:
        raise CommandError(f"There is no cluster {slug!r}.")
    return cluster


def _option(text: str) -> tuple[str, Any]:
    """Return an option; what reads as a number or a truth is one."""
    name, _, value = text.partition("=")
    try:
        read = json.loads(value)
    except ValueError:
        return name, value
    return name, read if isinstance(read, bool | int) and name != "version" else value
