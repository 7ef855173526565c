"""Every act that anything records is called by words that can be translated."""

import ast
import re

import pytest
from django.apps import apps
from django.utils import translation

from portal.environment import ROOT
from tenants import audit_words

APPS = ("billing", "compute", "files", "front", "gateway", "marketplace", "studio", "tenants")
ACT = re.compile(r"[a-z_]+\.[a-z_]+")
#: Functions that pass on what is done: named so in the modules that record.
WRITERS = {"_audit", "_record", "_tell", "_told", "_written", "record"}
#: Acts that are made of what something is by then: the first words, and whose field says the rest.
STATES = {
    "chargeback": ("billing.chargeback", "status"),
    "contract_end": ("billing.contractend", "status"),
    "correction": ("billing.correction", "status"),
    "fine_tuning_job": ("studio.finetuningjob", "state"),
    "legal_text": ("front.legaltext", "status"),
    "model": ("marketplace.aimodel", "status"),
    "model_change": ("marketplace.modelchange", "status"),
    "payment": ("billing.manualpayment", "status"),
    "payout": ("billing.payout", "status"),
    "price_move": ("marketplace.pricemove", "status"),
    "referral_terms": ("billing.referralterms", "status"),
    "refund": ("billing.refund", "status"),
    "server_change": ("marketplace.serverchange", "status"),
    "service_change": ("marketplace.applicationchange", "status"),
    "signal": ("tenants.abusesignal", "decision"),
    "trial_terms": ("billing.trialterms", "status"),
}


def acts(module):
    """Yield the acts that a module's calls name."""
    for call in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(call, ast.Call):
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            given = [it.value for it in call.keywords if it.arg == "action"]
            given += call.args if name in WRITERS else []
            texts = [getattr(it, "value", None) for it in given]
            yield from (it for it in texts if isinstance(it, str) and ACT.fullmatch(it))


def test_every_act_has_words():
    modules = [path for app in APPS for path in (ROOT / app).rglob("*.py")]
    recorded = {act for module in modules for act in acts(module)}

    assert len(recorded) > 100
    assert recorded - set(audit_words.ACTIONS) == set()


@pytest.mark.parametrize("prefix", STATES)
def test_an_act_has_words_whatever_comes_out(prefix):
    model, field = STATES[prefix]
    states = dict(apps.get_model(model)._meta.get_field(field).flatchoices)

    assert [it for it in states if f"{prefix}.{it}" not in audit_words.ACTIONS] == []


def test_what_a_key_is_reads_in_the_readers_language():
    with translation.override("fr"):
        (change,) = audit_words.changes({"state": "active"}, {"state": "revoked"})

    assert (change.before, change.after) == ("Active", "Révoquée")
