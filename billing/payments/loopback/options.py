"""The command line: what the simulator is told at start."""

import argparse
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Options:
    """Everything the process needs to know; it reads no environment variable."""

    port: int
    state: Path
    api_key: str
    public_url: str
    webhook_url: str | None = None
    webhook_secret: str | None = None
    host: str = "127.0.0.1"
    merchant: str = "Tessera"
    settle_after: float = 30.0
    retry_base: float = 1.0
    retry_cap: float = 300.0
    retry_limit: int = 20


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Return the options, or end the process with one sentence that says what is wrong."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if bool(given.webhook_url) != bool(given.webhook_secret):
        parser.error("--webhook-url and --webhook-secret belong together.")
    given.public_url = given.public_url or f"http://localhost:{given.port}"
    return Options(**vars(given))


def is_loopback(url: str) -> bool:
    """Tell whether an address names this machine; the simulator talks to no other."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m billing.payments.loopback",
        description="A simulated Stripe on this machine. No real money moves.",
    )
    add = parser.add_argument
    add("--port", type=int, required=True)
    add("--host", default="127.0.0.1", help="address to listen on")
    add("--state", type=Path, required=True, help="folder that keeps everything")
    add("--api-key", type=_api_key, required=True, help="sk_test_…")
    add("--public-url", type=_public_url, help="address browsers use; default localhost:PORT")
    add("--webhook-url", type=_webhook_url, help="where events go; must be this machine")
    add("--webhook-secret", type=_webhook_secret, help="whsec_…")
    add("--merchant", default="Tessera", help="name on the payment page")
    add(
        "--settle-after",
        type=float,
        default=30.0,
        help="seconds until a bank debit settles by itself; 0: only on command",
    )
    add("--retry-base", type=float, default=1.0, help="seconds before the first retry")
    add("--retry-cap", type=float, default=300.0, help="longest pause between retries")
    add("--retry-limit", type=int, default=20, help="attempts before a delivery is given up")
    return parser


def _api_key(value: str) -> str:
    if not value.startswith("sk_test_"):
        raise argparse.ArgumentTypeError("must start with sk_test_; never give a live key here.")
    return value


def _webhook_secret(value: str) -> str:
    if not value.startswith("whsec_"):
        raise argparse.ArgumentTypeError("must start with whsec_.")
    return value


def _public_url(value: str) -> str:
    if urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).hostname:
        raise argparse.ArgumentTypeError(f"'{value}' is not a web address.")
    return value.rstrip("/")


def _webhook_url(value: str) -> str:
    if urlsplit(value).scheme != "http" or not is_loopback(value):
        raise argparse.ArgumentTypeError("must be an http address of this machine.")
    return value
