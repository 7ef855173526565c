"""All that Tessera reads from the environment, in one frozen value.

Every variable is optional: what is not named is embedded, or has the default written here.
"""

import functools
import hashlib
import hmac
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

from portal import state as state_folder
from portal import variables
from portal.variables import ConfigurationError, Database, Mail

ROOT = Path(__file__).resolve().parent.parent
EMBEDDED_DATABASE = "tessera"
APP_ROLE = "tessera_app"
SERVICE_ROLE = "tessera_service"
OWNER_ROLE = "tessera_owner"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
#: Stands for the secret of a state folder that has none yet.
UNMADE = "-" * 40


@dataclass(frozen=True, slots=True)
class Environment:
    """What the operator has decided outside the code."""

    state: Path
    port: int
    public_url: str
    allowed_hosts: tuple[str, ...]
    debug: bool
    demo: bool
    secret_key: str = field(repr=False)

    app: Database
    service: Database
    owner: Database | None
    redis_url: str = field(repr=False)
    engine_url: str
    engine_api_key: str = field(repr=False)
    stripe_api_key: str = field(repr=False)
    stripe_webhook_secret: str = field(repr=False)
    stripe_url: str
    mail: Mail | None

    operator_name: str
    operator_logo: Path | None
    operator_accent: str
    operator_contact: str
    metering_durability: str
    files_region: str
    trainer_python: str
    cluster_addresses: tuple[str, ...]
    metrics_address: tuple[str, int] | None
    metrics_token: str = field(repr=False)
    request_log: str
    is_traced: bool
    usage_months: int
    price_notice: timedelta
    retirement_notice: timedelta
    evaluation_needed: bool
    conformance_needed: bool
    margin_floor: Decimal | None
    sale_jurisdictions: tuple[str, ...]
    #: Private networks that addresses given by customers (webhooks) may lead into.
    outside_networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    receipt_signing_key: str = field(repr=False)

    embedded_database: bool
    embedded_redis: bool
    embedded_engine: bool
    embedded_stripe: bool

    @property
    def gateway_port(self) -> int:
        """The gateway's own port."""
        return self.port + 1

    @property
    def stripe_port(self) -> int:
        """The loopback Stripe's port."""
        return self.port + 2

    @property
    def engine_port(self) -> int:
        """The demo engine's port."""
        return self.port + 3

    @property
    def broker_url(self) -> str:
        """The address of Redis in the words of Celery."""
        if not self.redis_url.startswith("unix://"):
            return self.redis_url
        address = self.redis_url.replace("unix://", "redis+socket://", 1)
        return address.replace("?db=", "?virtual_host=", 1)

    @property
    def sockets(self) -> Path:
        """The folder of the embedded parts' sockets."""
        return state_folder.sockets(self.state)


class Reader:
    """Reads variables by name; an empty one counts as not set."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self.given = given

    def __call__(self, name: str, default: str = "") -> str:
        return self.given.get(name, "").strip() or default


def read(given: Mapping[str, str]) -> Environment:
    """Return the environment these variables describe, or raise ConfigurationError.

    What is refused leaves nothing on the disk: the secret is made after all else was looked at.
    """
    text = Reader(given)
    state = (ROOT / Path(text("TESSERA_STATE", ".state")).expanduser()).resolve()
    if secret_key := text("SECRET_KEY"):
        return _described(text, state, secret_key)
    _described(text, state, UNMADE)
    return _described(text, state, state_folder.secret_key(state))


def _described(text: Reader, state: Path, secret_key: str) -> Environment:
    port = variables.port("PORT", text("PORT", "8000"))
    public_url = variables.web(
        "PUBLIC_URL", text("PUBLIC_URL", f"http://localhost:{port}"), path_allowed=False
    )
    if len(secret_key) < 40:
        raise variables.wrong("SECRET_KEY", "is too short", "40 or more random characters")
    app, service, owner = databases(text, state, secret_key)
    stripe = payments(text, port, secret_key)
    # An engine of one's own is still a demo: that of its models.
    embedded = not any(text(name) for name in ("DATABASE_URL", "REDIS_URL", "STRIPE_API_KEY"))
    demo = variables.boolean("DEMO", text("DEMO", "true" if embedded else "false"))
    return Environment(
        state=state,
        port=port,
        public_url=public_url,
        allowed_hosts=hosts(text, public_url),
        debug=variables.boolean("DEBUG", text("DEBUG", "false")),
        demo=demo,
        secret_key=secret_key,
        app=app,
        service=service,
        owner=owner,
        redis_url=variables.redis("REDIS_URL", text("REDIS_URL", f"unix://{valkey(state)}")),
        engine_url=engine(text("ENGINE_URL", f"http://localhost:{port + 3}/v1")),
        engine_api_key=engine_key(text),
        stripe_api_key=stripe[0],
        stripe_webhook_secret=stripe[1],
        stripe_url=stripe[2],
        mail=variables.mail("EMAIL_URL", text("EMAIL_URL")),
        operator_name=text("OPERATOR_NAME", "Tessera"),
        operator_logo=variables.picture("OPERATOR_LOGO", text("OPERATOR_LOGO")),
        operator_accent=variables.colour("OPERATOR_ACCENT", text("OPERATOR_ACCENT", "#0b5fff")),
        operator_contact=variables.contact("OPERATOR_CONTACT", text("OPERATOR_CONTACT")),
        metering_durability=variables.choice(
            "METERING_DURABILITY", text("METERING_DURABILITY", "journal"), ("journal", "commit")
        ),
        # The demo's only region; an operator says where the disk stands before files are taken.
        files_region=text("FILES_REGION", "eu-paris" if demo else ""),
        trainer_python=text("TRAINER_PYTHON"),
        cluster_addresses=variables.webs("CLUSTER_ADDRESSES", text("CLUSTER_ADDRESSES")),
        metrics_address=metrics(text),
        metrics_token=variables.bearer("METRICS_TOKEN", text("METRICS_TOKEN")),
        request_log=variables.choice(
            "REQUEST_LOG", text("REQUEST_LOG", "all"), ("all", "failures", "off")
        ),
        is_traced=has_collector(text),
        usage_months=variables.months("USAGE_MONTHS", text("USAGE_MONTHS", "0")),
        price_notice=variables.days("PRICE_NOTICE_DAYS", text("PRICE_NOTICE_DAYS", "30")),
        retirement_notice=variables.days(
            "RETIREMENT_NOTICE_DAYS", text("RETIREMENT_NOTICE_DAYS", "90")
        ),
        conformance_needed=variables.boolean(
            "CONFORMANCE_NEEDED", text("CONFORMANCE_NEEDED", "true")
        ),
        evaluation_needed=variables.boolean("EVALUATION_NEEDED", text("EVALUATION_NEEDED", "true")),
        margin_floor=variables.share("MARGIN_FLOOR", text("MARGIN_FLOOR")),
        sale_jurisdictions=variables.jurisdictions(
            "SALE_JURISDICTIONS", text("SALE_JURISDICTIONS")
        ),
        outside_networks=variables.networks("OUTSIDE_NETWORKS", text("OUTSIDE_NETWORKS")),
        receipt_signing_key=variables.signing_key(
            "RECEIPT_SIGNING_KEY", text("RECEIPT_SIGNING_KEY")
        ),
        embedded_database=not text("DATABASE_URL"),
        embedded_redis=not text("REDIS_URL"),
        embedded_engine=not text("ENGINE_URL"),
        embedded_stripe=not text("STRIPE_API_KEY"),
    )


@functools.cache
def load() -> Environment:
    """Return this process's environment; it is read once."""
    return read(os.environ)


def valkey(state: Path) -> Path:
    """Return the embedded Valkey's socket."""
    return state_folder.sockets(state) / "valkey.sock"


def hosts(text: Reader, public_url: str) -> tuple[str, ...]:
    """Return the host names we answer to: the given ones, else this machine and the public one."""
    given = [host.strip() for host in text("ALLOWED_HOSTS").split(",") if host.strip()]
    public = urlsplit(public_url).hostname or "localhost"
    return tuple(given or dict.fromkeys(("localhost", "127.0.0.1", "[::1]", public)))


def engine(text: str) -> str:
    """Return the engine's address down to what stands before ``/models``: ``/v1`` unless given."""
    address = variables.web("ENGINE_URL", text)
    return address if urlsplit(address).path else f"{address}/v1"


def engine_key(text: Reader) -> str:
    """Return the engine's key, which belongs to no other engine than the one that is named."""
    key = variables.bearer("ENGINE_API_KEY", text("ENGINE_API_KEY"))
    if key and not text("ENGINE_URL"):
        raise ConfigurationError("ENGINE_API_KEY is set without ENGINE_URL; accepted: both.")
    return key


def has_collector(text: Reader) -> bool:
    """Tell whether traces are wanted; OpenTelemetry reads the address, and more, by itself."""
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return any(variables.web(name, text(name)) for name in names if text(name))


def metrics(text: Reader) -> tuple[str, int] | None:
    """Return where metrics are served beside the gateway's port: for this host, or by token."""
    address = variables.listening("METRICS_ADDRESS", text("METRICS_ADDRESS"))
    if address and address[0] not in LOOPBACK and not text("METRICS_TOKEN"):
        raise variables.wrong(
            "METRICS_ADDRESS", "is open to the network", "127.0.0.1:PORT, or METRICS_TOKEN with it"
        )
    return address


def derived(secret_key: str, purpose: str) -> str:
    """Return a password that every process with this secret key derives alike."""
    return hmac.new(secret_key.encode(), purpose.encode(), hashlib.sha256).hexdigest()


def databases(
    text: Reader, state: Path, secret_key: str
) -> tuple[Database, Database, Database | None]:
    """Return the ways in of the app, the service and the owner role."""
    if not text("DATABASE_URL"):
        for name in ("DATABASE_ADMIN_URL", "DATABASE_SERVICE_URL"):
            if text(name):
                raise ConfigurationError(f"{name} is set without DATABASE_URL; accepted: both.")
        host = str(state_folder.sockets(state))
        embedded = Database(name=EMBEDDED_DATABASE, user="", password="", host=host, port="5432")
        roles = (APP_ROLE, SERVICE_ROLE, OWNER_ROLE)
        first, second, third = (replace(embedded, user=role) for role in roles)
        return first, second, third
    app = variables.database("DATABASE_URL", text("DATABASE_URL"))
    owner = None
    if text("DATABASE_ADMIN_URL"):
        owner = variables.database("DATABASE_ADMIN_URL", text("DATABASE_ADMIN_URL"))
        same_place("DATABASE_ADMIN_URL", app, owner)
    if text("DATABASE_SERVICE_URL"):
        service = variables.database("DATABASE_SERVICE_URL", text("DATABASE_SERVICE_URL"))
        same_place("DATABASE_SERVICE_URL", app, service)
        return app, service, owner
    user = SERVICE_ROLE if app.user == APP_ROLE else f"{app.user}_service"
    return app, replace(app, user=user, password=derived(secret_key, f"role {user}")), owner


def same_place(name: str, app: Database, other: Database) -> None:
    """Refuse two addresses that are not two roles on one database."""
    if other.name != app.name:
        raise variables.wrong(name, "names another database than DATABASE_URL", "the same one")
    if other.user == app.user:
        raise variables.wrong(name, "names the same user as DATABASE_URL", "another role")


def payments(text: Reader, port: int, secret_key: str) -> tuple[str, str, str]:
    """Return Stripe's key, webhook secret and address: the operator's, or the loopback's."""
    key, secret = text("STRIPE_API_KEY"), text("STRIPE_WEBHOOK_SECRET")
    if not key and not secret:
        own = derived(secret_key, "loopback stripe")
        return f"sk_test_{own[:32]}", f"whsec_{own[32:]}", f"http://localhost:{port + 2}"
    if not key.startswith(("sk_test_", "sk_live_", "rk_test_", "rk_live_")):
        raise variables.wrong(
            "STRIPE_API_KEY", "is no secret key" if key else "is missing", "sk_… or rk_…"
        )
    if not secret.startswith("whsec_"):
        raise variables.wrong(
            "STRIPE_WEBHOOK_SECRET",
            "is no signing secret" if secret else "is missing",
            "whsec_… from the webhook's page",
        )
    return key, secret, "https://api.stripe.com"
