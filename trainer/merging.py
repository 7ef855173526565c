"""One folder of weights out of an adapter and the model it was learnt beside."""

import shutil
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from trainer.errors import NoInput
from trainer.result import TOKENIZER

DRAFT = ".draft"


def merge(base: Path, adapter: Path, merged: Path) -> None:
    """Write the weights with what was learnt in them, as safetensors; the folder is whole or absent.

    In full precision where a processor answers, in the model's own on a GPU.
    """
    draft = merged.with_name(f"{DRAFT}-{merged.name}")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            base,
            dtype="auto" if torch.cuda.is_available() else torch.float32,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
        )
    except (OSError, ValueError) as error:
        raise NoInput(f"the base model cannot be read: {error}", code="base_model") from None
    learnt = PeftModel.from_pretrained(model, adapter, local_files_only=True)
    learnt.merge_and_unload().save_pretrained(draft)
    for name in TOKENIZER:
        if (adapter / name).exists():
            shutil.copyfile(adapter / name, draft / name)
    draft.rename(merged)
