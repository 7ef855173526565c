"""The model that is taught: read from a folder, never run code from it, never unpickled."""

import importlib.util
from typing import Any

import torch
from peft import LoraConfig
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from trainer.errors import BadOrder, NoInput
from trainer.orders import TrainingOrder


def has_gpu() -> bool:
    """Whether there is one to train on."""
    return bool(torch.cuda.is_available())


def memory() -> dict[str, int]:
    """Return how much of the GPU's memory was taken at most, in MiB; nothing without one."""
    return {"gpu_memory": torch.cuda.max_memory_allocated() >> 20} if has_gpu() else {}


def model(order: TrainingOrder) -> Any:
    """Return the weights, in half precision where they stay as they are and a GPU reads them."""
    stays = order.recipe != "full"
    options: dict[str, Any] = {}
    if order.recipe == "qlora":
        options["quantization_config"] = _quantized()
    try:
        return AutoModelForCausalLM.from_pretrained(
            order.base_model,
            dtype=torch.bfloat16 if stays and has_gpu() else torch.float32,
            device_map={"": 0} if has_gpu() else None,
            attn_implementation="sdpa",
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            **options,
        )
    except (OSError, ValueError) as error:
        raise NoInput(f"the base model cannot be read: {error}", code="base_model") from None


def precision(order: TrainingOrder) -> torch.dtype:
    """Return how exactly the numbers of its weights are written."""
    settings = AutoConfig.from_pretrained(
        order.base_model, local_files_only=True, trust_remote_code=False
    )
    return settings.dtype if isinstance(settings.dtype, torch.dtype) else torch.float32


def tokenizer(order: TrainingOrder) -> Any:
    """Return the tokenizer as the library wants one; we encode by our own (``tokenise``)."""
    found = AutoTokenizer.from_pretrained(
        order.base_model, local_files_only=True, trust_remote_code=False
    )
    found.pad_token = found.pad_token or found.eos_token
    return found


def adapter(order: TrainingOrder) -> LoraConfig | None:
    """Return what is learnt beside the weights; None where they themselves are taught."""
    if order.recipe == "full":
        return None
    return LoraConfig(
        r=order.rank,
        lora_alpha=order.alpha,
        lora_dropout=0.0,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def _quantized() -> BitsAndBytesConfig:
    if not has_gpu() or importlib.util.find_spec("bitsandbytes") is None:
        raise BadOrder("qlora needs a GPU and bitsandbytes", code="recipe_unavailable")
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
