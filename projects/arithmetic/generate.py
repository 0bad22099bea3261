#!/usr/bin/env python3
"""Makes the data of the demo task, variable programs.

    generate.py [--seed N] [--out FOLDER]     writes everything below FOLDER (default: the folder of this file)
    generate.py --check [--out FOLDER]        reads it all again and recomputes every answer from the text

A prompt states variables, each from the one before it in alphabetical order, perhaps shuffled, and asks for the last:

    mod13 a 6 b +3 c *4 ? <think>

Arithmetic is modulo 10, 13 or 20. A demonstration writes down every value and ends with the last two:

    a 6 b 9 c 10 # 9 10 <eos>

What is written:

    tokenizer.json, base-config.json       75 words; a Qwen2 model of 564,224 parameters
    pool-a.jsonl, heldout-a.jsonl          the default: half easy, held-out prompts from the frontier alone
    pool-b.jsonl, heldout-b.jsonl          nearly half at the frontier, held-out prompts of the same mixture
    demonstrations/stage1.jsonl .. 3       for `midpoint warmup`, in training order; not kept in git

The same seed gives the same bytes: only Random.random(), whose sequence Python guarantees, is drawn from.
"""

import argparse
import json
import math
import random
import sys
from pathlib import Path

MODULI = (10, 13, 20)
LETTERS = "abcdefghijklmnopqrst"
OPERATION_SETS = ("+", "+-", "*", "+-*")
SHUFFLED_SHARE = 0.3
LONGEST_TAUGHT = 16  # operations; the programs "beyond" are longer than anything in warm-up
LONGEST = 19

POOL_SIZE = 10_000
HELD_OUT_SIZE = 512
FRONTIER_MODULI = (4, 3, 3)  # weights of MODULI
POOLS = {  # shares of easy, frontier and beyond; the kinds of the held-out set
    "a": {"shares": (0.5, 0.2, 0.3), "held_out": (0.0, 1.0, 0.0)},
    "b": {"shares": (0.35, 0.45, 0.2), "held_out": (0.35, 0.45, 0.2)},
}
KINDS = ("easy", "frontier", "beyond")

BATCH = 64
STAGE_STEPS = (620, 60, 170)
STAGE_MODULI = ((5, 2, 1), FRONTIER_MODULI, FRONTIER_MODULI)
LENGTH_SKEW = 1.5
LAZY_FROM = {10: 5.5, 13: 3.5, 20: 2.5}  # length at which half of the demonstrations of stage 3 skip the working
LAZY_WIDTH = 1.2


class Draw:
    """Uniform draws made of Random.random() alone."""

    def __init__(self, *key):
        self.random = random.Random("/".join(str(part) for part in key)).random

    def below(self, count):
        return int(self.random() * count)

    def between(self, low, high):
        return low + self.below(high - low + 1)

    def choice(self, items):
        return items[self.below(len(items))]

    def weighted(self, items, weights):
        left = self.random() * sum(weights)
        for item, weight in zip(items, weights):
            left -= weight
            if left < 0:
                return item
        return items[-1]

    def shuffle(self, items):
        for i in range(len(items) - 1, 0, -1):
            j = self.below(i + 1)
            items[i], items[j] = items[j], items[i]


class Program:
    """One instance of the task: a modulus, a first value and a chain of operations such as ("+", 3)."""

    def __init__(self, draw, modulus, length):
        allowed = draw.choice(OPERATION_SETS)
        self.modulus = modulus
        self.first = draw.below(modulus)
        self.operations = []
        for _ in range(length):
            sign = draw.choice(allowed)
            self.operations.append((sign, draw.between(2 if sign == "*" else 1, 9)))
        self.order = list(range(length + 1))
        if draw.random() < SHUFFLED_SHARE:
            draw.shuffle(self.order)

    def values(self):
        values = [self.first]
        for sign, operand in self.operations:
            last = values[-1]
            result = last * operand if sign == "*" else last + operand if sign == "+" else last - operand
            values.append(result % self.modulus)
        return values

    def prompt(self):
        statements = [f"a {self.first}"]
        statements += [f"{LETTERS[i + 1]} {sign}{operand}" for i, (sign, operand) in enumerate(self.operations)]
        return f"mod{self.modulus} {' '.join(statements[i] for i in self.order)} ? <think>"

    def answer(self):
        return "{} {}".format(*self.values()[-2:])

    def demonstration(self, with_working=True):
        working = "".join(f"{LETTERS[i]} {value} " for i, value in enumerate(self.values())) if with_working else ""
        return f"{working}# {self.answer()} <eos>"


def make_kind(draw, kind):
    if kind == "easy":
        return Program(draw, 10, draw.between(1, 3))
    modulus = draw.weighted(MODULI, FRONTIER_MODULI)
    if kind == "frontier":
        return Program(draw, modulus, draw.between(1, LONGEST_TAUGHT))
    return Program(draw, modulus, draw.between(LONGEST_TAUGHT + 1, LONGEST))


def make_set(draw, size, shares, taken):
    """`size` programs with prompts outside `taken`, to which they are added; the kinds are mixed evenly through the set."""
    kinds = [kind for kind, share in zip(KINDS, shares) for _ in range(round(size * share))]
    kinds += ["frontier"] * (size - len(kinds))  # what rounding left over
    draw.shuffle(kinds)
    programs = []
    for kind in kinds:
        program = make_kind(draw, kind)
        while program.prompt() in taken:
            program = make_kind(draw, kind)
        taken.add(program.prompt())
        programs.append(program)
    return programs


def make_demonstrations(draw, stage, held_out):
    for _ in range(STAGE_STEPS[stage] * BATCH):
        while True:
            modulus = draw.weighted(MODULI, STAGE_MODULI[stage])
            if stage == 0:
                length = 1 + int(LONGEST_TAUGHT * draw.random() ** LENGTH_SKEW)
            else:
                length = draw.between(1, LONGEST_TAUGHT)
            program = Program(draw, modulus, length)
            if program.prompt() not in held_out:
                break
        with_working = True
        if stage == 2:
            with_working = draw.random() < 1 / (1 + math.exp((length - LAZY_FROM[modulus]) / LAZY_WIDTH))
        yield {"prompt": program.prompt(), "response": program.demonstration(with_working)}


def vocabulary():
    words = ["<pad>", "<eos>", "<think>"]
    words += [str(value) for value in range(max(MODULI))]
    words += list(LETTERS)
    words += [f"{sign}{operand}" for sign in "+-*" for operand in range(1, 10)]
    words += ["#", "?"] + [f"mod{modulus}" for modulus in MODULI]
    return words


def tokenizer():
    def special(token_id, content):
        return {"id": token_id, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
                "normalized": False, "special": True}

    words = vocabulary()
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [special(0, "<pad>"), special(1, "<eos>")],
        "normalizer": None, "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "vocab": {word: i for i, word in enumerate(words)}, "unk_token": "<unk>"},
    }


def base_config():
    return {
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": len(vocabulary()),
        "hidden_size": 128, "intermediate_size": 352, "num_hidden_layers": 3, "num_attention_heads": 4,
        "num_key_value_heads": 2, "hidden_act": "silu", "max_position_embeddings": 128, "rope_theta": 10000.0,
        "rms_norm_eps": 1e-6, "tie_word_embeddings": True, "attention_dropout": 0.0, "use_sliding_window": False,
        "initializer_range": 0.1, "use_cache": True, "eos_token_id": 1, "pad_token_id": 0, "torch_dtype": "float32",
    }


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def write_lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row) + "\n")


def rows_of(programs):
    return [{"question": program.prompt(), "answer": program.answer()} for program in programs]


def generate(folder, seed):
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "tokenizer.json", tokenizer())
    write_json(folder / "base-config.json", base_config())
    held_out = set()  # of both pools: no pool and no demonstration contains one of them
    for name, pool in POOLS.items():
        rows = rows_of(make_set(Draw(seed, "held-out", name), HELD_OUT_SIZE, pool["held_out"], held_out))
        write_lines(folder / f"heldout-{name}.jsonl", rows)
    for name, pool in POOLS.items():
        rows = rows_of(make_set(Draw(seed, "pool", name), POOL_SIZE, pool["shares"], set(held_out)))
        write_lines(folder / f"pool-{name}.jsonl", rows)
    for stage in range(3):
        write_lines(folder / "demonstrations" / f"stage{stage + 1}.jsonl", make_demonstrations(Draw(seed, "stage", stage), stage, held_out))


def interpret(prompt):
    """Values of all variables, from the text alone and sharing no code with Program."""
    words = prompt.split()
    if words[-2:] != ["?", "<think>"]:
        raise ValueError("does not end with '? <think>'")
    modulus = int(words[0].removeprefix("mod"))
    stated = dict(zip(words[1:-2:2], words[2:-2:2]))
    names = sorted(stated)
    if names != list(LETTERS[: len(names)]) or 2 * len(names) != len(words) - 3:
        raise ValueError("does not state each variable once")
    values = []
    for name in names:
        text = stated[name]
        if not values:
            values.append(int(text) % modulus)
        elif text[0] == "*":
            values.append(values[-1] * int(text[1:]) % modulus)
        else:
            values.append((values[-1] + int(text)) % modulus)
    return names, values


def read_lines(path):
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def check_demonstration(row):
    names, values = interpret(row["prompt"])
    end = f"# {values[-2]} {values[-1]} <eos>"
    full = " ".join(f"{name} {value}" for name, value in zip(names, values)) + " " + end
    if row["response"] not in (end, full):
        raise ValueError(f"response '{row['response']}' is neither '{full}' nor '{end}'")


def check_answer(row):
    _, values = interpret(row["question"])
    if row["answer"] != f"{values[-2]} {values[-1]}":
        raise ValueError(f"answer '{row['answer']}', expected '{values[-2]} {values[-1]}'")


def check(folder):
    """The number of problems, each printed with file and line."""
    problems = 0
    words = set(json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"])
    files = {f"{part}-{name}": folder / f"{part}-{name}.jsonl" for name in POOLS for part in ("pool", "heldout")}
    files |= {f"stage{i + 1}": folder / "demonstrations" / f"stage{i + 1}.jsonl" for i in range(3)}
    expected = {"pool": POOL_SIZE, "heldout": HELD_OUT_SIZE}
    expected |= {f"stage{i + 1}": steps * BATCH for i, steps in enumerate(STAGE_STEPS)}
    prompts = {}
    for name, path in files.items():
        if name.startswith("stage") and not path.exists():
            print(f"{name:12} not there; generate.py writes it")
            continue
        rows = read_lines(path)
        prompts[name] = [row.get("question", row.get("prompt")) for row in rows]
        for number, row in enumerate(rows, 1):
            try:
                check_demonstration(row) if name.startswith("stage") else check_answer(row)
                unknown = set(" ".join(row.values()).split()) - words
                if unknown:
                    raise ValueError(f"words without a token: {sorted(unknown)}")
            except ValueError as error:
                problems += 1
                print(f"{path}:{number}: {error}", file=sys.stderr)
        if len(rows) != expected[name.rsplit("-", 1)[0]]:
            problems += 1
            print(f"{path}: {len(rows)} rows, expected {expected[name.rsplit('-', 1)[0]]}", file=sys.stderr)
        if not name.startswith("stage") and len(set(prompts[name])) != len(rows):
            problems += 1
            print(f"{path}: prompts occur twice", file=sys.stderr)
        print(f"{name:12} {len(rows):6} rows, longest prompt {max(len(p.split()) for p in prompts[name])} tokens")
    for held_out in (name for name in prompts if name.startswith("heldout")):
        for other in (name for name in prompts if not name.startswith("heldout")):
            shared = set(prompts[held_out]) & set(prompts[other])
            if shared:
                problems += 1
                print(f"{held_out} and {other} share {len(shared)} prompts", file=sys.stderr)
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--check", action="store_true", help="check what is there instead of writing it")
    arguments = parser.parse_args()
    if not arguments.check:
        generate(arguments.out, arguments.seed)
    sys.exit(1 if check(arguments.out) else 0)


if __name__ == "__main__":
    main()
