"""What only Slurm's door must know: its dialects, its words, what its answers leave open.

The files in ``golden`` agree with the schemas that Slurm publishes of each dialect.
"""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from compute.scheduler import JobSpec, Outcome, Phase, Rejected, Unreachable
from compute.schedulers.slurm import dialects
from compute.schedulers.slurm.client import Client
from compute.schedulers.slurm.dialects import Record
from compute.schedulers.slurm.options import SlurmOptions, token_of
from compute.schedulers.slurm.scheduler import SlurmScheduler
from compute.schedulers.slurm.states import status_of
from tests.support.clusters import spec
from tests.support.slurm_clusters import FakeSlurmCluster

GOLDEN = Path(__file__).with_name("golden")
OPTIONS = SlurmOptions(
    user="tessera", folder="/shared/jobs", partition="h100", qos="tuning", account="t-{tenant}",
    has_accounting=True, house="/opt/tessera",
)  # fmt: skip
SPEC = JobSpec(
    "ft-0a1b-a1", ("python3", "-m", "trainer", "it's"), {"STUDIO_EPOCHS": "3"}, time_limit=5430,
    cpus=8, gpus=2, memory_mb=65_536, gpu_type="h100", tenant="acme",
)  # fmt: skip
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def golden(name):
    """Return a file of facts."""
    return json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))


def seen(*states, **facts):
    """Return a job that ran for an hour, in these states."""
    usual = Record(
        7,
        "ft-one-a1",
        "tessera",
        "",
        frozenset(states),
        "None",
        0,
        0,
        NOON,
        NOON,
        NOON,
        1,
        0,
        has_run=True,
    )
    return replace(usual, **facts)


@pytest.mark.parametrize(
    ("version", "name"), [("38", "request-38"), ("43", "request-43"), ("45", "request-43")]
)
def test_a_job_is_asked_for_in_the_words_of_the_dialect(version, name):
    assert dialects.request(SPEC, OPTIONS, version) == golden(name)


@pytest.mark.parametrize("version", ["38", "43", "45"])
def test_a_job_reads_the_same_in_every_dialect(version):
    (told,) = golden(f"jobs-{version}")["jobs"]

    record = dialects.record(told)

    assert status_of(record).outcome == Outcome.USER_ERROR
    assert (record.exit_code, record.cpus, record.gpus) == (65, 8, 2)
    assert (record.begins_at, record.ends_at) == (NOON, NOON.replace(hour=13))


@pytest.mark.parametrize("version", ["43", "45"])
def test_accounting_tells_what_a_run_held(version):
    (told,) = golden(f"accounting-{version}")["jobs"]

    record = dialects.accounted(told)

    assert (record.states, record.exit_code) == ({"NODE_FAIL"}, 0)
    assert (record.cpus, record.gpus, record.user) == (8, 2, "tessera")


@pytest.mark.parametrize(
    ("states", "facts", "outcome"),
    [
        (["COMPLETED"], {}, Outcome.SUCCEEDED),
        (["FAILED"], {"exit_code": 70}, Outcome.CRASHED),
        (["FAILED"], {"signal": 15}, Outcome.CANCELLED),
        (["FAILED"], {"signal": 11}, Outcome.CRASHED),
        (["FAILED"], {"reason": "JobLaunchFailure"}, Outcome.LAUNCH_FAILED),
        (["CANCELLED"], {}, Outcome.CANCELLED),
        (["TIMEOUT"], {"signal": 15}, Outcome.TIMEOUT),
        (["DEADLINE"], {}, Outcome.TIMEOUT),
        (["OUT_OF_MEMORY"], {"exit_code": 125}, Outcome.OUT_OF_MEMORY),
        (["PREEMPTED"], {}, Outcome.PREEMPTED),
        (["NODE_FAIL"], {}, Outcome.NODE_FAILED),
        (["BOOT_FAIL"], {}, Outcome.NODE_FAILED),
        (["CANCELLED", "SOMETHING_NEW"], {}, Outcome.CANCELLED),
    ],
)
def test_every_end_has_its_meaning(states, facts, outcome):
    status = status_of(seen(*states, **facts))

    assert (status.phase, status.outcome) == (Phase.ENDED, outcome)
    assert bool(status.reason) == (outcome != Outcome.SUCCEEDED)


@pytest.mark.parametrize(
    ("states", "phase"),
    [
        (["RUNNING"], Phase.RUNNING),
        (["SUSPENDED"], Phase.RUNNING),
        (["RUNNING", "SIGNALING"], Phase.RUNNING),
        (["COMPLETED", "COMPLETING"], Phase.RUNNING),
        (["COMPLETING"], Phase.RUNNING),
        (["RUNNING", "CONFIGURING"], Phase.PENDING),
        (["PENDING", "COMPLETING"], Phase.PENDING),
        (["PENDING", "REQUEUED"], Phase.PENDING),
        (["REQUEUE_HOLD"], Phase.PENDING),
        (["FAILED", "SPECIAL_EXIT"], Phase.PENDING),
        (["SOMETHING_NEW"], Phase.RUNNING),
    ],
)
def test_what_has_not_ended_is_not_said_to(states, phase):
    assert status_of(seen(*states)).phase == phase


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Resources", "Waiting for free machines. Expected to begin at 2026-11-26 12:00 UTC."),
        ("AssocGrpGRES", "The organization's limit on this cluster is reached."),
        ("QOSMaxJobsPerUserLimit", "The organization's limit on this cluster is reached."),
        ("SomethingNew", "Slurm says: SomethingNew."),
    ],
)
def test_why_a_job_waits_is_said_in_plain_words(reason, words):
    assert status_of(seen("PENDING", reason=reason)).reason.startswith(words)


def test_a_job_that_was_submitted_and_whose_number_was_lost_is_found(slurm_43):
    slurm_43.slurm.failing["job/submit"] = "after"
    with pytest.raises(Unreachable):
        slurm_43.scheduler.submit(spec())

    found = slurm_43.scheduler.find("ft-one-a1")

    assert found == slurm_43.scheduler.submit(spec())
    assert len(slurm_43.slurm.jobs) == 1


def test_a_submission_that_was_not_heard_leaves_nothing(slurm_38):
    slurm_38.slurm.failing["job/submit"] = "before"
    with pytest.raises(Unreachable):
        slurm_38.scheduler.submit(spec())

    assert slurm_38.scheduler.find("ft-one-a1") is None


def test_what_slurm_refuses_is_refused_in_its_words(slurm_45):
    elsewhere = FakeSlurmCluster(slurm_45.slurm, partition="nowhere")

    with pytest.raises(Rejected, match="Invalid partition name"):
        elsewhere.scheduler.submit(spec())


def test_a_job_that_starts_again_leaves_at_once(slurm_38):
    handle = slurm_38.scheduler.submit(spec())
    (slurm_38.root / handle.name).mkdir()

    status = slurm_38.ended(handle)

    assert (status.outcome, slurm_38.scheduler.find(handle.name)) == (Outcome.PREEMPTED, handle)


def test_what_the_controller_forgot_accounting_still_knows(slurm_43):
    slurm_43.slurm.has_accounting = True
    known = FakeSlurmCluster(slurm_43.slurm, has_accounting=True)
    handle = known.scheduler.submit(spec(cpus=2))
    before = known.ended(handle)
    known.scheduler.usage(handle)
    known.forget(handle)

    assert known.scheduler.status([handle])[handle].outcome == before.outcome
    assert known.scheduler.find(handle.name) == handle
    assert [run.cpus for run in known.scheduler.usage(handle)] == [2]


def test_accounting_that_does_not_answer_proves_nothing(slurm_43):
    known = FakeSlurmCluster(slurm_43.slurm, has_accounting=True)

    with pytest.raises(Unreachable):
        known.scheduler.find("ft-one-a1")
    assert known.scheduler.check()


def test_many_jobs_are_looked_at_in_one_question(slurm_45):
    handles = [slurm_45.scheduler.submit(spec(f"ft-{number}-a1")) for number in range(12)]
    slurm_45.slurm.asked.clear()

    seen = slurm_45.scheduler.status(handles)

    assert {status.phase for status in seen.values()} == {Phase.PENDING}
    assert slurm_45.slurm.asked == [("GET", "jobs/")]


def test_a_wrong_token_is_told_from_an_absent_service(slurm_38):
    wrong = Client(slurm_38.slurm.address, "tessera", "wrong")
    nowhere = Client("http://127.0.0.1:9", "tessera", "right")

    troubles = [SlurmScheduler(each, slurm_38.options).check() for each in (wrong, nowhere)]

    assert "refuses our token" in troubles[0]
    assert troubles[1] == "Nobody listens at http://127.0.0.1:9."


def test_a_token_is_minted_where_the_key_is_stored():
    key = "key:" + base64.b64encode(b"k" * 32).decode()

    token = token_of(key, "tessera")

    facts = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert (facts["sun"], facts["exp"] - facts["iat"]) == ("tessera", 300)
    assert token_of("given", "tessera") == "given"


@pytest.mark.parametrize(
    "wrong",
    [
        {"user": "root; rm"},
        {"folder": "relative"},
        {"folder": "/a/../b"},
        {"partition": "a b"},
        {"account": "{tenant} x"},
        {"nodes": "all"},
    ],
)
def test_an_option_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SlurmOptions.read({"user": "tessera", "folder": "/shared", **wrong})


@pytest.mark.parametrize(
    "wrong",
    [{"command": ("a\0b",)}, {"environment": {"A B": ""}}, {"environment": {"A": "\0"}}],
)
def test_what_cannot_be_written_down_is_never_sent(wrong):
    with pytest.raises(Rejected):
        dialects.request(replace(SPEC, **wrong), OPTIONS, "43")
