"""A model to teach: a random Llama of about 100,000 parameters, built on the spot.

model.py FOLDER     lays weights, tokenizer and chat template into the folder
"""

import sys
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from tests.engines.model import tokenizer


def build(folder: Path) -> None:
    """Lay model and tokenizer into the folder."""
    made = tokenizer()
    config = LlamaConfig(
        vocab_size=len(made),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        tie_word_embeddings=False,
        bos_token_id=made.bos_token_id,
        eos_token_id=made.eos_token_id,
        pad_token_id=made.pad_token_id,
    )
    torch.manual_seed(7)
    LlamaForCausalLM(config).save_pretrained(folder)
    made.save_pretrained(folder)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
