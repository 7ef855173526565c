"""What operators see of a gateway, who may see it, and that it is true."""

import os
import re
import subprocess
import sys

import httpx2 as httpx
import openai
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway import exposition
from gateway.metrics import MOST_MODELS, OTHERS, Histogram, Metrics
from portal import environment
from portal.celery import app as celery_app
from portal.environment import ROOT
from portal.task_counts import Counts
from portal.variables import ConfigurationError
from tests.gateway.conftest import hello, recorded, wait_for
from tests.support import processes

TOKEN = "token-of-the-operator"
#: What else has such a name.
DATABASES = {"tessera_app", "tessera_owner", "tessera_service"}


def scrape(address, **headers):
    """Return the samples by name and labels."""
    reply = httpx.get(address, headers=headers)
    assert reply.status_code == 200, reply.text
    families = text_string_to_metric_families(reply.text)
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(samples, name, **labels):
    """Return one sample, nothing when it is not there."""
    return samples.get((f"tessera_{name}", *sorted(labels.items())), 0)


def test_a_request_is_counted_by_model_with_its_tokens_and_times(client, gateway, model, engine):
    client.chat.completions.create(model=model, max_tokens=50, **hello())
    list(client.chat.completions.create(model=model, max_tokens=50, stream=True, **hello()))

    samples = scrape(gateway.url + "/metrics")

    assert value(samples, "requests_total", model=model, outcome="completed") == 2
    assert value(samples, "tokens_total", model=model, part="input") == 20
    assert value(samples, "tokens_total", model=model, part="output") == 10
    assert value(samples, "reserved_tokens_total", model=model) > 130
    reserved = value(samples, "reserved_amount_total", model=model, currency="EUR")
    cost = value(samples, "cost_amount_total", model=model, currency="EUR")
    assert (reserved > 0.001, cost) == (True, pytest.approx(0.00012))
    assert value(samples, "ttft_seconds_count", model=model) == 1
    assert value(samples, "request_seconds_count", model=model) == 2
    assert value(samples, "inter_token_seconds_count", model=model) <= 4
    assert value(samples, "running_requests", model=model) == 0
    assert value(samples, "leases_total") > 0
    assert samples[("process_resident_memory_bytes",)] > 10_000_000


def test_what_runs_is_seen_while_it_runs(client, gateway, model, engine):
    engine.pause = 0.1
    stream = client.chat.completions.create(model=model, stream=True, **hello())
    next(stream)

    samples = scrape(gateway.url + "/metrics")
    stream.close()

    assert value(samples, "running_requests", model=model) == 1
    assert value(samples, "open_streams", model=model) == 1
    assert value(samples, "engine_running", server=model, engine_model="engine-model") == 1
    wait_for(lambda: not value(scrape(gateway.url + "/metrics"), "running_requests", model=model))


def test_refusals_are_counted_by_code_and_by_models_that_exist(client, gateway, model):
    before = scrape(gateway.url + "/metrics")
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="of-nobody", **hello())
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=model, max_tokens=-1, **hello())

    after = scrape(gateway.url + "/metrics")

    unknown = {"model": "", "status": "404", "code": "model_not_found"}
    wrong = {"model": model, "status": "400", "code": "invalid_value"}
    for labels in (unknown, wrong):
        name = "refusals_total"
        assert value(after, name, **labels) - value(before, name, **labels) == 1
    assert "of-nobody" not in str(after)


def test_an_engine_that_is_gone_is_seen_with_its_breaker(client, gateway, make_offer):
    name = make_offer(base_url=f"http://127.0.0.1:{processes.free_port()}/v1").name
    for _time in range(6):
        with pytest.raises(openai.InternalServerError):
            client.chat.completions.create(model=name, **hello())

    samples = scrape(gateway.url + "/metrics")

    engine = {"server": name, "engine_model": "engine-model"}
    assert value(samples, "engine_failures_total", **engine, reason="unreachable") == 5
    assert value(samples, "engine_breaker", **engine, state="open") == 1
    assert value(samples, "engine_breaker", **engine, state="closed") == 0
    assert value(samples, "engine_shut_total", **engine) == 1


def test_batches_of_the_recorder_are_counted(client, gateway, model):
    before = scrape(gateway.url + "/metrics")
    client.chat.completions.create(model=model, **hello())
    recorded()

    def counted():
        after = scrape(gateway.url + "/metrics")
        name = "recorder_batch_events_sum"
        # What an earlier request left may be recorded meanwhile too.
        return value(after, name) - value(before, name) >= 1 and value(after, "journal_bytes")

    wait_for(counted)


def test_no_label_holds_a_key_an_organization_or_a_credential(client, gateway, model, key, acme):
    client.chat.completions.create(model=model, **hello())

    text = httpx.get(gateway.url + "/metrics").text

    for secret in (key, key[9:], "engine-secret", str(acme.pk), acme.slug, "127.0.0.1"):
        assert secret not in text


def test_metrics_are_for_this_host_and_not_for_whom_a_proxy_speaks_for(gateway, db):
    through_a_proxy = httpx.get(gateway.url + "/metrics", headers={"x-forwarded-for": "192.0.2.1"})

    assert httpx.get(gateway.url + "/metrics").status_code == 200
    assert through_a_proxy.status_code == 404


@pytest.mark.parametrize(
    ("headers", "address", "token", "may"),
    [
        ({}, "127.0.0.1", "", True),
        ({}, "::1", "", True),
        ({}, "10.0.0.1", "", False),
        ({}, "", "", False),
        ({}, "127.0.0.1", TOKEN, False),
        ({b"authorization": b"Bearer " + TOKEN.encode()}, "10.0.0.1", TOKEN, True),
        ({b"authorization": b"Bearer other"}, "127.0.0.1", TOKEN, False),
        ({b"authorization": b"Bearer "}, "127.0.0.1", TOKEN, False),
    ],
)
def test_who_may_read_them(headers, address, token, may):
    assert exposition.may_read(headers, address, token) is may


def test_processes_on_one_port_each_have_a_port_for_their_metrics(start_gateway, key, pay, model):
    pay("10")
    first = processes.free_port()
    place = {"METRICS_ADDRESS": f"127.0.0.1:{first}", "METRICS_TOKEN": TOKEN}
    gateways = [start_gateway(**place), start_gateway(**place)]
    for count, each in enumerate(gateways, start=1):
        for _time in range(count):
            each.client(key).chat.completions.create(model=model, **hello())

    bearer = {"authorization": f"Bearer {TOKEN}"}
    found = [scrape(f"http://127.0.0.1:{first + n}/metrics", **bearer) for n in range(2)]

    counted = [value(each, "requests_total", model=model, outcome="completed") for each in found]
    assert counted == [1, 2]
    assert httpx.get(f"http://127.0.0.1:{first}/metrics").status_code == 404
    assert httpx.get(f"http://127.0.0.1:{first}/", headers=bearer).status_code == 404


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"METRICS_ADDRESS": "0.0.0.0:9400"}, "open to the network"),
        ({"METRICS_ADDRESS": "9400"}, "METRICS_ADDRESS is '9400'"),
        ({"METRICS_ADDRESS": "127.0.0.1:port"}, "METRICS_ADDRESS is"),
        ({"REQUEST_LOG": "some"}, "all or failures or off"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector"}, "OTEL_EXPORTER_OTLP_ENDPOINT starts with"),
    ],
)
def test_settings_that_make_no_sense_stop_the_start(tmp_path, given, said):
    with pytest.raises(ConfigurationError, match=said):
        environment.read({"TESSERA_STATE": str(tmp_path), **given})


class Idle:
    """A process that does nothing."""

    draining, engines, waiting, journal_bytes = False, (), 0, 0


def families(collector=None):
    """Return the names of all that a gateway, or another, lets be scraped, as they are asked for."""
    found = list((collector or exposition.Watch(Idle())).collect())
    return {each.name + ("_total" if each.type == "counter" else "") for each in found}


def test_operators_are_told_of_every_metric_and_of_no_other():
    section = (ROOT / "docs" / "operator.md").read_text().split("## Watching the gateway")[1]
    table = section.split("| metric,")[1].split("\n\n")[0]
    rows = [row.split("|")[1] for row in table.splitlines()[2:]]
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row)}

    assert {f"tessera_{name}" for name in told if not name.startswith("process_")} == families()


@pytest.mark.parametrize("path", ["docs/operator.md", "docker/grafana.json"])
def test_what_is_asked_of_prometheus_is_there(path):
    asked = set(re.findall(r"\btessera_\w+", (ROOT / path).read_text()))
    histograms = {name.removesuffix("_bucket") for name in asked if name.endswith("_bucket")}
    counted = {name for name in asked if not name.endswith("_bucket")} | histograms

    assert counted - DATABASES <= families() | families(Counts(celery_app))


def test_models_beyond_many_share_a_label():
    metrics = Metrics()

    for number in range(MOST_MODELS + 10):
        metrics.of(f"private-{number}").running += 1

    assert len(metrics.models) == MOST_MODELS + 1
    assert metrics.models[OTHERS].running == 10


def test_a_histogram_counts_up_to_its_bounds():
    histogram = Histogram((1, 2))
    for number in (0.5, 1, 1.5, 2, 9):
        histogram.observe(number)

    assert histogram.buckets() == [("1", 2), ("2", 4), ("+Inf", 5)]
    assert histogram.total == 14


def test_without_a_collector_tracing_is_not_even_imported():
    code = "import django; django.setup(); import gateway.app, sys;"
    code += "print('gateway.spans' in sys.modules)"

    settings = {"DJANGO_SETTINGS_MODULE": "portal.settings"}

    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | settings,
    )

    assert found.stdout.strip() == "False"
