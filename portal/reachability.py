"""Whether what replaces an embedded part is really there: asked once, before anything starts."""

import json
import smtplib
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from redis import Redis
from redis.exceptions import RedisError

from portal.embedded import roles
from portal.environment import Environment
from portal.variables import ConfigurationError, Mail

PATIENCE = 5.0
OLDEST_POSTGRESQL = 150000


def check(env: Environment) -> None:
    """Raise ConfigurationError for the first part that does not answer as it should."""
    if not env.embedded_database:
        check_database(env)
    if not env.embedded_redis:
        check_redis(env.redis_url)
    if not env.embedded_engine:
        engine_models(env.engine_url, env.engine_api_key)
    if not env.embedded_stripe:
        check_stripe(env.stripe_url, env.stripe_api_key)
    if env.mail:
        check_mail(env.mail)


def check_database(env: Environment) -> None:
    """The owner's way in works, and leads to a PostgreSQL that is new enough."""
    if env.owner is None:
        raise ConfigurationError(
            "DATABASE_ADMIN_URL is missing; accepted: the address of the role that owns the "
            "tables, because migrations need it."
        )
    with roles.connect("DATABASE_ADMIN_URL", env.owner) as connection:
        version = connection.info.server_version
    if version < OLDEST_POSTGRESQL:
        raise ConfigurationError(
            f"DATABASE_ADMIN_URL leads to PostgreSQL {version // 10000}; accepted: 15 or newer."
        )


def check_redis(url: str) -> None:
    """The server answers PING."""
    try:
        with Redis.from_url(url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE) as it:
            it.ping()
    except (RedisError, OSError) as error:
        raise ConfigurationError(
            f"REDIS_URL does not answer PING ({error}); accepted: the address of a Valkey or "
            "Redis that takes these credentials."
        ) from None


def engine_models(url: str, key: str) -> list[dict[str, Any]]:
    """Return the models that the engine lists."""
    accepted = "the address of an OpenAI-compatible server, such as http://host:8000/v1"
    try:
        status, body = get(url, "/models", key)
    except (OSError, HTTPException) as error:
        raise ConfigurationError(
            f"ENGINE_URL does not answer ({error}); accepted: {accepted}."
        ) from None
    if status in (401, 403):
        raise ConfigurationError(
            f"ENGINE_API_KEY is refused by the engine ({status}); accepted: a key it knows."
        )
    models = listed(body) if status == 200 else None
    if models is None:
        raise ConfigurationError(
            f"ENGINE_URL answers {status} to {urlsplit(url).path}/models without a list of models; "
            f"accepted: {accepted}."
        )
    return models


def get(url: str, path: str, key: str) -> tuple[int, bytes]:
    """Return status and body of a GET."""
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=PATIENCE)
    try:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        connection.request("GET", parts.path + path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read(1_000_000)
    finally:
        connection.close()


def listed(body: bytes) -> list[dict[str, Any]] | None:
    """Return the models of OpenAI's list; None when the body is no such list."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list) or not all(isinstance(each, dict) for each in data):
        return None
    return data


def check_stripe(url: str, key: str) -> None:
    """Stripe knows the key; where Stripe cannot be asked, the key may well be right."""
    try:
        status, _body = get(url, "/v1/balance", key)
    except (OSError, HTTPException):
        return
    if status == 401:
        raise ConfigurationError(
            "STRIPE_API_KEY is refused by Stripe (401); accepted: a secret key of your account "
            "that has not been revoked."
        )


def check_mail(mail: Mail) -> None:
    """The mail server greets us, and takes the credentials it is given."""
    kind = smtplib.SMTP_SSL if mail.tls else smtplib.SMTP
    try:
        with kind(mail.host, mail.port, timeout=PATIENCE) as server:
            if mail.starttls:
                server.starttls()
            if mail.user:
                server.login(mail.user, mail.password)
            server.noop()
    except (OSError, smtplib.SMTPException) as error:
        raise ConfigurationError(
            f"EMAIL_URL does not lead to a mail server that takes us ({error}); accepted: an "
            "address such as smtp://user:password@host:587/?tls=true."
        ) from None
