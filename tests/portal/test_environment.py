"""What the environment may say, and the one sentence that answers what it may not."""

import stat

import pytest

from portal import environment, state
from portal.variables import ConfigurationError, database

WRONG = [
    ("PORT", "80", "a whole number from 1024 to 65532"),
    ("PORT", "eight", "a whole number from 1024 to 65532"),
    ("PORT", "65533", "a whole number from 1024 to 65532"),
    ("PUBLIC_URL", "ai.example.com", "https://ai.example.com"),
    ("PUBLIC_URL", "https://ai.example.com/portal", "https://ai.example.com"),
    ("SECRET_KEY", "short", "40 or more random characters"),
    ("DATABASE_URL", "mysql://u:p@host/db", "postgresql://user:password@host:5432/database"),
    ("DATABASE_URL", "postgresql://host/db", "postgresql://user:password@host:5432/database"),
    ("DATABASE_URL", "postgresql://u:p@host:port/db", "postgresql://user:password@host"),
    ("DATABASE_ADMIN_URL", "postgresql://u:p@host/db", "both"),
    ("REDIS_URL", "http://host", "redis://host:6379/0"),
    ("REDIS_URL", "redis://host/name", "redis://host:6379/0"),
    ("ENGINE_URL", "localhost:11434", "https://ai.example.com/v1"),
    ("ENGINE_URL", "http:///v1", "https://ai.example.com/v1"),
    ("ENGINE_URL", "http://host/v1?key=1", "https://ai.example.com/v1"),
    ("ENGINE_API_KEY", "secret", "both"),
    ("ENGINE_API_KEY", "schlüssel", "printable ASCII"),
    ("STRIPE_API_KEY", "pk_test_1", "sk_… or rk_…"),
    ("STRIPE_API_KEY", "sk_test_1", "whsec_… from the webhook's page"),
    ("STRIPE_WEBHOOK_SECRET", "whsec_1", "sk_… or rk_…"),
    ("DATABASE_SERVICE_URL", "postgresql://u:p@host/db", "both"),
    ("REDIS_URL", "redis://host:port", "redis://host:6379/0"),
    ("EMAIL_URL", "host", "smtp://user:password@host:587/?tls=true"),
    ("EMAIL_URL", "smtp://host/?tls=perhaps", "true or false"),
    ("EMAIL_URL", "smtps://", "smtp://user:password@host:587/?tls=true"),
    ("EMAIL_URL", "smtp://host?ssl=true", "smtp://user:password@host:587/?tls=true"),
    ("OPERATOR_ACCENT", "red", "a colour such as #0b5fff"),
    ("OPERATOR_CONTACT", "call us", "an e-mail address"),
    ("OPERATOR_LOGO", "missing.svg", "the path of an existing .svg, .png or .webp file"),
    ("METERING_DURABILITY", "none", "journal or commit"),
    ("DEBUG", "maybe", "true or false"),
    ("TESSERA_STATE", "/proc/tessera", "a folder that this user may create or write"),
]


@pytest.fixture
def read(tmp_path):
    """Read these variables in a state folder of the test's own."""
    return lambda **given: environment.read({"TESSERA_STATE": str(tmp_path / "state"), **given})


@pytest.mark.parametrize(("name", "value", "accepted"), WRONG)
def test_a_wrong_value_is_told_in_one_sentence(read, name, value, accepted):
    with pytest.raises(ConfigurationError) as caught:
        read(**{name: value})

    sentence = str(caught.value)
    assert "STRIPE" in sentence if "STRIPE" in name else sentence.startswith(name)
    assert accepted in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_a_password_never_stands_in_a_sentence_or_a_repr(read):
    with pytest.raises(ConfigurationError) as caught:
        read(DATABASE_URL="mysql://user:geheim@host/db")
    env = read(DATABASE_URL="postgresql://user:geheim@host/db", REDIS_URL="redis://:geheim@host")

    assert "geheim" not in str(caught.value)
    assert "geheim" not in repr(env)
    assert env.secret_key not in repr(env)


def test_without_variables_everything_is_embedded(read):
    env = read()

    assert (env.embedded_database, env.embedded_redis) == (True, True)
    assert (env.embedded_engine, env.embedded_stripe) == (True, True)
    assert env.demo is True
    assert env.public_url == "http://localhost:8000"
    assert env.app.user == "tessera_app"
    assert env.app.host == str(env.sockets)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("DATABASE_URL", "postgresql://u:p@db/tessera", False),
        ("REDIS_URL", "redis://valkey", False),
        ("ENGINE_URL", "http://vllm:8000", True),
        ("EMAIL_URL", "smtp://mail", True),
    ],
)
def test_one_part_is_replaced_and_the_others_stay_embedded(read, name, value, kept):
    env = read(**{name: value})

    embedded = {
        "DATABASE_URL": env.embedded_database,
        "REDIS_URL": env.embedded_redis,
        "ENGINE_URL": env.embedded_engine,
        "EMAIL_URL": env.mail is None,
        "STRIPE_API_KEY": env.embedded_stripe,
    }
    assert [each for each, is_embedded in embedded.items() if not is_embedded] == [name]
    assert env.demo is kept


def test_stripe_is_replaced_by_a_key_and_a_secret(read):
    env = read(STRIPE_API_KEY="rk_live_1", STRIPE_WEBHOOK_SECRET="whsec_1")

    assert (env.stripe_api_key, env.stripe_webhook_secret) == ("rk_live_1", "whsec_1")
    assert env.stripe_url == "https://api.stripe.com"
    assert (env.embedded_stripe, env.demo) == (False, False)


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("http://localhost:11434", "http://localhost:11434/v1"),
        ("http://localhost:11434/", "http://localhost:11434/v1"),
        ("https://engine.example/openai/v1/", "https://engine.example/openai/v1"),
        ("https://engine.example/v1beta/openai", "https://engine.example/v1beta/openai"),
    ],
)
def test_an_engine_stands_at_v1_unless_it_says_otherwise(read, given, address):
    assert read(ENGINE_URL=given).engine_url == address


def test_the_secret_key_is_made_once_and_closed_to_others(read):
    first, second = read(), read()

    assert first.secret_key == second.secret_key
    assert stat.S_IMODE((first.state / "secret_key").stat().st_mode) == 0o600


def test_the_service_role_is_derived_from_the_app_role(read):
    env = read(DATABASE_URL="postgresql://tessera_app:p@db:5432/tessera?sslmode=require")

    assert env.service.user == "tessera_service"
    assert (env.service.host, env.service.port, env.service.name) == ("db", "5432", "tessera")
    assert env.service.options == {"sslmode": "require"}
    assert env.service.password not in ("", "p")
    assert env.owner is None
    assert env.demo is False


def test_a_database_address_survives_being_written_and_read():
    for text in (
        "postgresql://us%40er:p%2Fw@host:5433/data?sslmode=require",
        "postgresql://user@/data?host=%2Frun%2Fpg",
        "postgresql://user:p@[::1]:5432/data",
    ):
        parts = database("DATABASE_URL", text)
        assert database("DATABASE_URL", parts.url()) == parts


def test_two_addresses_of_one_role_are_refused(read):
    address = "postgresql://tessera_app:p@db/tessera"

    with pytest.raises(ConfigurationError, match="DATABASE_ADMIN_URL names the same user"):
        read(DATABASE_URL=address, DATABASE_ADMIN_URL=address)


@pytest.mark.parametrize("name", ["DATABASE_ADMIN_URL", "DATABASE_SERVICE_URL"])
def test_two_addresses_of_different_databases_are_refused(read, name):
    addresses = {"DATABASE_URL": "postgresql://app:p@db/tessera", name: "postgresql://o:p@db/other"}

    with pytest.raises(ConfigurationError, match=f"{name} names another database than"):
        read(**addresses)


def test_celery_gets_the_socket_in_its_own_words(read):
    embedded = read()
    numbered = read(REDIS_URL="unix:///run/valkey.sock?db=3")
    remote = read(REDIS_URL="rediss://host:6380/1")

    assert embedded.broker_url == f"redis+socket://{embedded.sockets}/valkey.sock"
    assert numbered.broker_url == "redis+socket:///run/valkey.sock?virtual_host=3"
    assert remote.broker_url == "rediss://host:6380/1"


def test_a_deep_state_folder_gets_a_short_socket_folder(tmp_path):
    shallow, deep = tmp_path, tmp_path / ("d" * 90)
    deep.mkdir()

    folder = state.prepare_sockets(deep)

    assert state.sockets(shallow) == shallow / "run"
    assert len(str(folder / ".s.PGSQL.5432.lock")) < 107
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.rmdir()


def test_mail_is_read_with_its_encryption(read):
    plain = read(EMAIL_URL="smtp://host").mail
    starttls = read(EMAIL_URL="smtp://us%40er:p@host/?tls=true").mail
    tls = read(EMAIL_URL="smtps://host").mail

    assert (plain.port, plain.starttls, plain.tls) == (587, False, False)
    assert (starttls.user, starttls.starttls) == ("us@er", True)
    assert (tls.port, tls.starttls, tls.tls) == (465, False, True)


@pytest.mark.parametrize(
    ("name", "value"),
    [("EMAIL_URL", "ftp://host"), ("OPERATOR_ACCENT", "red"), ("SECRET_KEY", "short")],
)
def test_a_refused_start_leaves_nothing_behind(tmp_path, name, value):
    folder = tmp_path / "new"

    with pytest.raises(ConfigurationError):
        environment.read({"TESSERA_STATE": str(folder), name: value})

    assert not folder.exists()


def test_the_secret_of_a_folder_is_made_once(tmp_path):
    given = {"TESSERA_STATE": str(tmp_path / "new")}

    first, second = environment.read(given), environment.read(given)

    assert first.secret_key == second.secret_key != environment.UNMADE
