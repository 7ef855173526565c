"""What is known of a model beyond its card, as pages show it, and as people write it line by line."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from marketplace import dossier_files
from marketplace.dossier_files import DossierFile
from marketplace.forms.words import LANGUAGES
from marketplace.models import AIModel, Dossier
from marketplace.models.dossier import SHOWN

FIELDS = ("name", "language", "score", "date", "source")
WORDS = dict(LANGUAGES)
#: No line is longer, and no dossier has more of them.
LONGEST, MOST = 400, 100


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One measurement of a model."""

    name: str
    language: str
    score: str
    measured_on: date
    source: str


def shown(model: AIModel) -> dict[str, Any] | None:
    """Return what customers read of the dossier; nothing where there is nothing to read."""
    found = Dossier.objects.filter(model_id=model.pk).values(*SHOWN).first()
    if found is None or not (found["evaluations"] or found["energy"] or found["files"]):
        return None
    public = dossier_files.read(found["files"], found["files"])
    return {**found, "evaluations": evaluations(found["evaluations"]), "files": public}


def files(model: AIModel) -> list[DossierFile]:
    """Return all files that staff keeps with the dossier; asked as the service role."""
    found = Dossier.objects.filter(model_id=model.pk).first()
    return dossier_files.read(found.kept_files, found.files) if found else []


def public_file(model: AIModel, sha256: str) -> DossierFile | None:
    """Return a file of the dossier that customers may have."""
    public = (shown(model) or {}).get("files", ())
    return next((it for it in public if it.sha256 == sha256), None)


def evaluations(kept: Iterable[Mapping[str, str]]) -> list[Evaluation]:
    """Return the measurements that a dossier keeps, in words."""
    return [
        Evaluation(
            it["name"],
            str(WORDS.get(it["language"], it["language"])),
            it["score"],
            date.fromisoformat(it["date"]),
            it["source"],
        )
        for it in kept
    ]


def written(kept: Iterable[Mapping[str, str]]) -> str:
    """Return the measurements as people write them: one a line."""
    return "\n".join(" | ".join(it[name] for name in FIELDS) for it in kept)


def read(text: str) -> tuple[list[dict[str, str]], list[str]]:
    """Return the measurements that the lines say, and what is wrong with the others."""
    found, faults = list[dict[str, str]](), list[str]()
    lines = [line.strip() for line in text.splitlines()]
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        fact = dict(zip(FIELDS, (part.strip() for part in line.split("|")), strict=False))
        if fault := _fault(line, fact):
            faults.append(_("Line %(number)d: %(fault)s") % {"number": number, "fault": fault})
        else:
            found.append(fact)
    if len(found) > MOST:
        faults.append(_("These are more than %(most)d lines.") % {"most": MOST})
    return found, faults


def _fault(line: str, fact: Mapping[str, str]) -> str:
    if len(line) > LONGEST or line.count("|") != len(FIELDS) - 1 or not all(fact.values()):
        return _("write name | language | score | date | source.")
    if fact["language"] not in WORDS:
        codes = ", ".join(WORDS)
        return _("the language is one of: %(codes)s.") % {"codes": codes}
    try:
        date.fromisoformat(fact["date"])
    except ValueError:
        return _("write the date as 2026-03-31.")
    return ""


def plain(energy: Decimal | None) -> str | None:
    """Return the energy as proposals keep it."""
    return None if energy is None else f"{energy.normalize():f}"
