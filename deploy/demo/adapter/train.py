"""Trains the demo adapter: a LoRA for a small model, from questions and answers.

    pip install torch transformers peft gguf
    python3 train.py MODEL.gguf OUT_DIR

reads train.jsonl beside this file and leaves in OUT_DIR an adapter in PEFT's form
(adapter_model.safetensors, adapter_config.json). The engine turns that into a GGUF
adapter when it is installed: for the one shipped here, ti-bourg-lora-f16.gguf.
At the end the questions of test.jsonl, which were not trained, are asked.
"""

import json
import os
import random
import sys

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

EPOCHS = 30
BATCH = 8
RATE = 1e-3
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
# Trained with and without the model's own instructions, so that it works in both.
SYSTEMS = ["", "", "You are a helpful AI assistant named SmolLM, trained by Hugging Face"]
HERE = os.path.dirname(os.path.abspath(__file__))


def examples(name):
    """The (question, answer) pairs of a file."""
    with open(os.path.join(HERE, name), encoding="utf-8") as lines:
        for line in lines:
            question, answer = json.loads(line)["messages"]
            yield question["content"], answer["content"]


def prompt(question, system=""):
    start = f"<|im_start|>system\n{system}<|im_end|>\n" if system else ""
    return f"{start}<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"


def encode(tokenizer, question, answer):
    """Token ids, and labels that count the answer only (-100 is not counted)."""

    def ids(text):
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    asked = ids(prompt(question, random.choice(SYSTEMS)))
    said = ids(answer + "<|im_end|>")
    return asked + said, [-100] * len(asked) + said


def padded(rows, filler):
    longest = max(map(len, rows))
    return torch.tensor([row + [filler] * (longest - len(row)) for row in rows])


def train(model, tokenizer, data):
    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=RATE, weight_decay=0)
    steps = EPOCHS * -(-len(data) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.1)
    model.train()
    for epoch in range(EPOCHS):
        random.shuffle(data)
        losses = []
        for at in range(0, len(data), BATCH):
            ids, labels = zip(*(encode(tokenizer, q, a) for q, a in data[at : at + BATCH]))
            out = model(
                input_ids=padded(ids, tokenizer.pad_token_id or 2),
                attention_mask=padded([[1] * len(row) for row in ids], 0),
                labels=padded(labels, -100),
            )
            out.loss.backward()
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(out.loss.item())
        print(f"epoch {epoch + 1} of {EPOCHS}, loss {sum(losses) / len(losses):.4f}", flush=True)


@torch.no_grad()
def ask(model, tokenizer, question):
    ids = tokenizer(prompt(question), add_special_tokens=False, return_tensors="pt")["input_ids"]
    out = model.generate(input_ids=ids, max_new_tokens=32, do_sample=False)
    return tokenizer.decode(out[0][ids.shape[1] :], skip_special_tokens=True)


def main(gguf, out):
    random.seed(0)
    torch.manual_seed(0)
    folder, file = os.path.split(os.path.abspath(gguf))
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    base = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32)
    lora = LoraConfig(r=8, lora_alpha=16, lora_dropout=0.0, target_modules=TARGETS, task_type="CAUSAL_LM")
    model = get_peft_model(base, lora)
    model.print_trainable_parameters()
    train(model, tokenizer, list(examples("train.jsonl")))
    model.save_pretrained(out)
    model.eval()
    for question, answer in examples("test.jsonl"):
        print(f"{question} -> {ask(model, tokenizer, question)} (wanted: {answer})")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} MODEL.gguf OUT_DIR")
    main(*sys.argv[1:])
