"""What a run leaves: what was learnt, how it went, and a manifest that names and hashes it all."""

import json
import shutil
from pathlib import Path
from typing import Any

from trainer import base, reports, states
from trainer.lesson import Lesson
from trainer.orders import TrainingOrder
from trainer.pace import Pace
from trainer.reports import MANIFEST
from trainer.teaching import Teacher
from trainer.writing import described, files_below, write_json

#: Where what was learnt stands, by recipe: beside the weights, or as weights.
LEARNT = {"lora": "adapter", "qlora": "adapter", "full": "model"}
#: What makes text of tokens, copied as it was given.
TOKENIZER = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja",
)  # fmt: skip


def write(order: TrainingOrder, lesson: Lesson, teacher: Teacher, pace: Pace) -> None:
    """Write the result; who finds the manifest has it all."""
    learnt = order.output / LEARNT[order.recipe]
    _save(order, teacher, learnt)
    _copy_tokenizer(order, learnt)
    told = reports.Reports(order.output, lesson.plan)
    told.conclude()
    told.committed(lesson.plan.steps)
    marks = [_mark(order, lesson, epoch) for epoch in range(1, order.epochs + 1)]
    # States have served; the result is what remains.
    shutil.rmtree(order.output / states.FOLDER, ignore_errors=True)
    files = [path for path in files_below(order.output) if path.name != MANIFEST]
    write_json(
        order.output / MANIFEST,
        {
            "recipe": order.recipe,
            "trains": True,
            "tokens": lesson.plan.tokens,
            "steps": lesson.plan.steps,
            "plan": lesson.plan.digest(),
            "at_once": pace.at_once,
            "recomputes": pace.recomputes,
            "training": lesson.training.facts(),
            "validation": lesson.validation.facts() if lesson.validation else None,
            "learnt": LEARNT[order.recipe],
            "checkpoints": marks,
            "result_file": reports.RESULT,
            "files": described(order.output, files),
        },
    )


def _save(order: TrainingOrder, teacher: Teacher, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    model = teacher.accelerator.unwrap_model(teacher.model)
    if order.recipe == "full":
        # Taught in full precision; as large as its base again where it is served.
        model = model.to(base.precision(order))
    model.save_pretrained(folder)
    # Whoever serves an adapter looks for its model by name; where it lay here says nothing there.
    settings = folder / "adapter_config.json"
    if settings.exists():
        facts = json.loads(settings.read_text("utf-8"))
        write_json(settings, {**facts, "base_model_name_or_path": order.base_name})
    (folder / "README.md").unlink(missing_ok=True)


def _copy_tokenizer(order: TrainingOrder, folder: Path) -> None:
    for name in TOKENIZER:
        if (order.base_model / name).exists():
            shutil.copyfile(order.base_model / name, folder / name)


def _mark(order: TrainingOrder, lesson: Lesson, epoch: int) -> dict[str, Any]:
    """Write down how well it went at the end of a pass."""
    step = lesson.plan.epoch_ends[epoch - 1]
    rows = [row for row in reports.read(order.output) if row["step"] == step]
    mark = {"epoch": epoch, "step": step, "tokens": lesson.plan.cum_tokens[step]}
    measured = {name: value for row in rows for name, value in row.items() if name not in mark}
    path = f"checkpoint-{epoch}.json"
    write_json(order.output / path, {**mark, "metrics": measured})
    return {**mark, "path": path}
