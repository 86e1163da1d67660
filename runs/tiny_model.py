"""Make a tiny Llama with a tokenizer of its own, for tests against a real server without downloading weights.

    .live/bin/python runs/tiny_model.py .live/tiny

Random weights (seeded, 0.13 M parameters) and a byte-level BPE learned from a few sentences: it babbles, and a server
treats it like any other model. Needs torch and transformers, so it runs in the live tests' environment.
"""

import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SENTENCES = [
    "Come in, the kettle is on. What sort of day are you bringing with you?",
    "Plain words, short paragraphs, and time for a question back.",
    "The path round the lake takes an hour, the bench included.",
    "You told me your sister lives by the sea. How is she?",
] * 50
TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
MARKS = ["<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]


def make(folder: Path) -> None:
    """Write the model and its tokenizer into `folder`."""
    learned = Tokenizer(models.BPE())
    learned.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    learned.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    learned.train_from_iterator(
        SENTENCES, trainers.BpeTrainer(vocab_size=512, special_tokens=MARKS, initial_alphabet=alphabet)
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=learned, pad_token=MARKS[0], eos_token=MARKS[1])
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)

    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=2048,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    sys.stderr.write(f"{folder}: {sum(weight.numel() for weight in model.parameters()):,} parameters\n")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
