"""How one environment variable is read: each reader returns a value or says what is wrong."""

import base64
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}
#: A year's comparison and its corrections need so many months of usage.
LEAST_MONTHS = 13
CONTACT = re.compile(r"https?://[^\s/]+\S*|[^\s@:/]+@[^\s@:/]+")
PERCENT = re.compile(r"-?\d{1,3}(\.\d{1,2})?", re.ASCII)
JURISDICTION = re.compile(r"[A-Z]{2}", re.ASCII)
MOST_DAYS = 5 * 366
ACCENT = re.compile(r"#[0-9a-fA-F]{6}")


class ConfigurationError(Exception):
    """One sentence that names a variable, what is wrong with it and what is accepted."""


@dataclass(frozen=True, slots=True)
class Database:
    """One role's way into PostgreSQL."""

    name: str
    user: str
    password: str = field(repr=False)
    host: str
    port: str
    options: Mapping[str, str] = field(default_factory=dict)

    def settings(self) -> dict[str, Any]:
        """Return what Django's DATABASES wants to know."""
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": self.name,
            "USER": self.user,
            "PASSWORD": self.password,
            "HOST": self.host,
            "PORT": self.port,
            "OPTIONS": dict(self.options),
        }

    def keywords(self) -> dict[str, Any]:
        """Return what psycopg.connect wants to know."""
        known = {"dbname": self.name, "user": self.user, "password": self.password}
        known |= {"host": self.host, "port": self.port, **self.options}
        return {name: value for name, value in known.items() if value}

    def url(self) -> str:
        """Return the address as one URL, which :func:`database` reads back."""
        options = dict(self.options)
        place = f"[{self.host}]" if ":" in self.host else self.host
        if self.host.startswith("/"):
            options["host"], place = self.host, ""
        secret = f":{quote(self.password, safe='')}" if self.password else ""
        port = f":{self.port}" if self.port else ""
        query = f"?{urlencode(options)}" if options else ""
        user = quote(self.user, safe="")
        return f"postgresql://{user}{secret}@{place}{port}/{quote(self.name)}{query}"


@dataclass(frozen=True, slots=True)
class Mail:
    """The operator's mail server."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    starttls: bool
    tls: bool


def wrong(name: str, problem: str, accepted: str) -> ConfigurationError:
    """Return the one sentence every wrong value is answered with."""
    return ConfigurationError(f"{name} {problem}; accepted: {accepted}.")


def split(name: str, text: str, schemes: tuple[str, ...], example: str) -> SplitResult:
    """Return the parts of an address whose scheme is one of these."""
    try:
        parts = urlsplit(text.strip())
        parts.port  # noqa: B018 - a wrong port is only found when it is asked for
    except ValueError as error:
        raise wrong(name, f"is no address ({error})", example) from None
    if parts.scheme not in schemes:
        raise wrong(name, f"starts with {parts.scheme or 'no scheme'!r}", example)
    return parts


def port(name: str, text: str) -> int:
    """Return a port that leaves room for the three of our other servers above it."""
    if not text.isascii() or not text.isdigit() or not 1024 <= int(text) <= 65532:
        raise wrong(name, f"is {text!r}", "a whole number from 1024 to 65532")
    return int(text)


def boolean(name: str, text: str) -> bool:
    """Return True or False for the usual spellings of either."""
    if text.lower() not in TRUE | FALSE:
        raise wrong(name, f"is {text!r}", "true or false")
    return text.lower() in TRUE


def months(name: str, text: str) -> int:
    """Return how many months usage is kept; 0 is for ever."""
    if not text.isascii() or not text.isdigit() or 0 < int(text) < LEAST_MONTHS:
        raise wrong(name, f"is {text!r}", f"{LEAST_MONTHS} or more, or 0 to keep all")
    return int(text)


def days(name: str, text: str) -> timedelta:
    """Return a number of days, none of it more than five years."""
    if not text.isascii() or not text.isdigit() or int(text) > MOST_DAYS:
        raise wrong(name, f"is {text!r}", f"a number of days up to {MOST_DAYS}")
    return timedelta(days=int(text))


def share(name: str, text: str) -> Decimal | None:
    """Return a percentage as a share of one; none where nothing is said."""
    if not text:
        return None
    if not PERCENT.fullmatch(text):
        raise wrong(name, f"is {text!r}", "a percentage such as 20 or 12.5, or nothing")
    return Decimal(text) / 100


def jurisdictions(name: str, text: str) -> tuple[str, ...]:
    """Return country codes, or EU, that are separated by commas."""
    found = tuple(it for it in (part.strip().upper() for part in text.split(",")) if it)
    if any(not JURISDICTION.fullmatch(it) for it in found):
        raise wrong(name, f"is {text!r}", "codes of countries or EU, such as FR,EU")
    return found


def choice(name: str, text: str, accepted: tuple[str, ...]) -> str:
    """Return the text when it is one of the accepted words."""
    if text not in accepted:
        raise wrong(name, f"is {text!r}", " or ".join(accepted))
    return text


def colour(name: str, text: str) -> str:
    """Return a colour of six hexadecimal digits."""
    if not ACCENT.fullmatch(text):
        raise wrong(name, f"is {text!r}", "a colour such as #0b5fff")
    return text.lower()


def contact(name: str, text: str) -> str:
    """Return an e-mail address or a page that people can turn to; empty when none is named."""
    text = text.strip()
    if text and not CONTACT.fullmatch(text):
        raise wrong(name, f"is {text!r}", "an e-mail address or an address such as https://…")
    return text


def bearer(name: str, text: str) -> str:
    """Return a key that can stand in a header."""
    if not text.isascii() or not text.isprintable():
        raise wrong(name, "has characters that no header carries", "printable ASCII")
    return text


def signing_key(name: str, text: str) -> str:
    """Return a private key of Ed25519: 32 bytes in base64; empty when none is named."""
    try:
        length = len(base64.b64decode(text, validate=True))
    except ValueError:
        length = -1
    if text and length != 32:
        raise wrong(name, "is no key", "32 random bytes in base64 (openssl rand -base64 32)")
    return text


def listening(name: str, text: str) -> tuple[str, int] | None:
    """Return a host and a port to listen on, None when none is named."""
    if not text:
        return None
    host, colon, number = text.rpartition(":")
    if not (colon and host and number.isascii() and number.isdigit() and int(number) < 65536):
        raise wrong(name, f"is {text!r}", "a host and a port such as 127.0.0.1:9400")
    return host.strip("[]"), int(number)


def picture(name: str, text: str) -> Path | None:
    """Return the path of an existing picture, None when none is named."""
    path = Path(text)
    if not text:
        return None
    if path.suffix not in {".svg", ".png", ".webp"} or not path.is_file():
        raise wrong(name, f"is {text!r}", "the path of an existing .svg, .png or .webp file")
    return path.resolve()


def networks(name: str, text: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """Return the networks that are named, separated by commas."""
    try:
        return tuple(ipaddress.ip_network(it.strip()) for it in text.split(",") if it.strip())
    except ValueError:
        raise wrong(name, "names no network", "10.20.0.0/16,fd00::/8") from None


def web(name: str, text: str, *, path_allowed: bool = True) -> str:
    """Return an http or https address without a slash at its end."""
    example = "an address such as https://ai.example.com" + ("/v1" if path_allowed else "")
    parts = split(name, text, ("http", "https"), example)
    if not parts.hostname:
        raise wrong(name, "names no host", example)
    if parts.path.strip("/") and not path_allowed:
        raise wrong(name, "has a path", example)
    if parts.query or parts.fragment:
        raise wrong(name, "has a query or a fragment", example)
    return text.strip().rstrip("/")


def webs(name: str, text: str) -> tuple[str, ...]:
    """Return the addresses that are named, separated by commas."""
    return tuple(web(name, it) for it in text.split(",") if it.strip())


def database(name: str, text: str) -> Database:
    """Return the parts of a PostgreSQL address; a socket folder stands in ?host=."""
    example = "an address such as postgresql://user:password@host:5432/database"
    parts = split(name, text, ("postgres", "postgresql"), example)
    options = dict(parse_qsl(parts.query))
    host = options.pop("host", None) or parts.hostname or ""
    if not (parts.username and host and parts.path.strip("/")):
        raise wrong(name, "lacks a user, a host or a database", example)
    return Database(
        name=unquote(parts.path.strip("/")),
        user=unquote(parts.username),
        password=unquote(parts.password or ""),
        host=host,
        port=str(parts.port or ""),
        options=options,
    )


def redis(name: str, text: str) -> str:
    """Return an address redis-py understands."""
    example = "an address such as redis://host:6379/0 or unix:///path/to/socket"
    parts = split(name, text, ("redis", "rediss", "unix"), example)
    if parts.scheme == "unix" and not parts.path:
        raise wrong(name, "names no socket", example)
    if parts.scheme != "unix" and not parts.hostname:
        raise wrong(name, "names no host", example)
    if parts.scheme != "unix" and not re.fullmatch(r"(/\d*)?", parts.path):
        raise wrong(name, f"names the database {parts.path!r}", example)
    return text.strip()


def mail(name: str, text: str) -> Mail | None:
    """Return the mail server, None when none is named."""
    if not text:
        return None
    example = "an address such as smtp://user:password@host:587/?tls=true or smtps://host"
    parts = split(name, text, ("smtp", "smtps"), example)
    options = dict(parse_qsl(parts.query))
    if not parts.hostname:
        raise wrong(name, "names no host", example)
    if unknown := set(options) - {"tls"}:
        raise wrong(name, f"has the unknown option {min(unknown)!r}", example)
    tls = parts.scheme == "smtps"
    return Mail(
        host=parts.hostname,
        port=parts.port or (465 if tls else 587),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        starttls=not tls and boolean(f"{name}'s tls", options.get("tls", "false")),
        tls=tls,
    )
