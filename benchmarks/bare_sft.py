"""What one would write without us: TRL's SFTTrainer on conversations, as its documentation has it.

``python -m benchmarks.bare_sft MODEL DATA RECIPE LENGTH BATCH AT_ONCE RECOMPUTES STEPS OUTPUT``, run
by ``benchmarks.training`` and measured beside our payload on the same data.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, TrainerCallback
from trl import SFTConfig, SFTTrainer


class Clock(TrainerCallback):
    """Notes when each step was over."""

    def __init__(self) -> None:
        self.moments: list[float] = []

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Begin."""
        self.moments.append(time.monotonic())

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """One more; what the GPU was asked for is done first."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.moments.append(time.monotonic())


def in_four_bits() -> BitsAndBytesConfig:
    """Return how weights are quantized."""
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def main(arguments: list[str]) -> None:
    """Train, and write what it took."""
    model, data, recipe, length, batch, at_once, recomputes, steps, output = arguments
    gpu = torch.cuda.is_available()
    rows = [json.loads(line) for line in Path(data).read_text("utf-8").splitlines()]
    tokenizer = AutoTokenizer.from_pretrained(model)
    half = torch.bfloat16 if gpu and recipe != "full" else torch.float32
    adapter = LoraConfig(
        r=16, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    clock = Clock()
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(
            model,
            dtype=half,
            device_map={"": 0} if gpu else None,
            attn_implementation="sdpa",
            quantization_config=in_four_bits() if recipe == "qlora" else None,
        ),
        args=SFTConfig(
            output_dir=output,
            max_length=int(length),
            max_steps=int(steps),
            per_device_train_batch_size=int(at_once),
            gradient_accumulation_steps=int(batch) // int(at_once),
            learning_rate=2e-5 if recipe == "full" else 2e-4,
            bf16=gpu,
            use_cpu=not gpu,
            gradient_checkpointing=bool(int(recomputes)),
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=None if recipe == "full" else adapter,
        callbacks=[clock],
    )
    trainer.train()
    tokens = [row["num_tokens"] for row in trainer.state.log_history if "num_tokens" in row]
    memory = torch.cuda.max_memory_allocated() >> 20 if gpu else 0
    found = {"moments": clock.moments, "cum_tokens": [0, *tokens], "gpu_memory_mib": memory}
    Path(output, "bare.json").write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
