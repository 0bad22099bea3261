#!/usr/bin/env python3
"""Makes the data of the second demo task, loop programs learned from a noisy teacher.

    generate.py [--seed N] [--out FOLDER]     writes everything below FOLDER (default: the folder of this file)
    generate.py --check [--out FOLDER]        reads it all again and recomputes every answer from the text

A prompt asks for a body of operations applied R times, modulo 7, 10 or 13; the answer is the last two values:

    mod13 6 +3 *4 x3 ? <think>
    x3 +3 9 *4 10 x2 +3 0 *4 0 x1 +3 3 *4 12 # 3 12 <eos>

What is written: tokenizer.json, base-config.json, pool.jsonl, heldout.jsonl, and for `midpoint warmup` (not kept in git)
demonstrations/stage1.jsonl .. stage3.jsonl; those of stage 3 make mistakes and stop early. The same seed gives the same
bytes: only Random.random(), whose sequence Python guarantees, is drawn from.
"""

import argparse
import json
import random
import sys
from pathlib import Path

MODULI = (7, 10, 13)
MOST_OPERATIONS = 5
MOST_ROUNDS = 12
BODIES = ("+", "*", "+*")  # additive, multiplicative, mixed
EARLY_STOPS_TOLD_APART = 3  # instances that stop this many rounds early with the right answer are rejected
BATCH = 64
STAGE_STEPS = (500, 100, 90)
STAGE_LONGEST = (12, 30, 24)  # operations in all, R * b
STAGE_SKEW = (1.3, 1.0, 1.0)
WRONG_PRODUCT = {7: 0.5, 10: 0.75, 13: 1.0}  # times .07 (d - 1): chance that the teacher gets *d wrong
WRONG_PRODUCT_STEP = 0.07
STOPS_EARLY = {7: 0.05, 10: 0.10, 13: 0.16}  # after any round, if there are more than four
STOPS_EARLY_FROM = 5
POOL_SIZE = 5000
HELD_OUT_SIZE = 512
POOL_KINDS = (("easy", 0.60), ("frontier", 0.12), ("beyond", 0.28))
MOST_TRIES = 200_000


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

    def shuffle(self, items):
        for i in range(len(items) - 1, 0, -1):
            j = self.below(i + 1)
            items[i], items[j] = items[j], items[i]


def step(value, operation, modulus):
    operand = int(operation[1:])
    return (value * operand if operation[0] == "*" else value + operand) % modulus


class Program:
    def __init__(self, draw, kind, length, rounds):
        self.modulus = draw.choice(MODULI)
        self.start = draw.below(self.modulus)
        self.rounds = rounds
        choices = [f"+{i}" for i in range(1, 10)] if "+" in kind else []
        choices += [f"*{i}" for i in range(2, 10)] if "*" in kind else []
        draw.shuffle(choices)
        self.body = choices[:length]

    def size(self):
        return self.rounds * len(self.body)

    def prompt(self):
        return f"mod{self.modulus} {self.start} {' '.join(self.body)} x{self.rounds} ? <think>"

    def pair_after(self, rounds):
        values = [self.start, self.start]
        for operation in self.body * rounds:
            values.append(step(values[-1], operation, self.modulus))
        return values[-2:]

    def is_told_apart(self):
        earliest = max(0, self.rounds - EARLY_STOPS_TOLD_APART)
        return self.size() > 1 and all(
            self.pair_after(rounds) != self.pair_after(self.rounds) for rounds in range(earliest, self.rounds))

    def answer(self):
        return "{} {}".format(*self.pair_after(self.rounds))

    def failure(self):
        """Nominal chance that the noisy teacher fails."""
        right = 1.0
        for operation in self.body * self.rounds:
            right *= 1 - self.wrong_chance(operation)
        if self.rounds >= STOPS_EARLY_FROM:
            right *= (1 - STOPS_EARLY[self.modulus]) ** (self.rounds - 1)
        return 1 - right

    def wrong_chance(self, operation):
        if operation[0] != "*":
            return 0.0
        return WRONG_PRODUCT_STEP * (int(operation[1:]) - 1) * WRONG_PRODUCT[self.modulus]

    def demonstration(self, noise=None):
        words, values = [], [self.start, self.start]
        for left in range(self.rounds, 0, -1):
            words.append(f"x{left}")
            for operation in self.body:
                value = step(values[-1], operation, self.modulus)
                if noise and noise.random() < self.wrong_chance(operation):
                    value = noise.below(self.modulus)
                values.append(value)
                words += [operation, str(value)]
            if noise and self.rounds >= STOPS_EARLY_FROM and left > 1 and noise.random() < STOPS_EARLY[self.modulus]:
                break
        return " ".join([*words, "#", str(values[-2]), str(values[-1]), "<eos>"])


def sized_program(draw, low, high, skew=1.0):
    """A program whose number of operations R * b is drawn from low..high and then split into rounds and body."""
    size = low + int((high - low + 1) * draw.random() ** skew)
    splits = [b for b in range(1, MOST_OPERATIONS + 1) if size % b == 0 and size // b <= MOST_ROUNDS]
    if not splits:
        return None
    length = draw.choice(splits)
    return Program(draw, draw.choice(BODIES), length, size // length)


def pool_program(draw, kind):
    if kind == "easy":
        rounds, length = draw.between(1, 4), draw.between(1, MOST_OPERATIONS)
        return Program(draw, "+", length, rounds) if rounds * length <= 5 else None
    if kind == "beyond":
        return sized_program(draw, 24, 44)
    program = sized_program(draw, 4, 16)
    return program if program and 0.25 <= program.failure() <= 0.95 else None


def new_program(draw, make, taken):
    for _ in range(MOST_TRIES):
        program = make(draw)
        if program and program.is_told_apart() and program.prompt() not in taken:
            return program
    sys.exit("generate.py: there are not enough different programs of one kind; ask for a smaller pool")


def make_set(draw, kinds, taken):
    programs = []
    for kind in kinds:
        programs.append(new_program(draw, lambda source, kind=kind: pool_program(source, kind), taken))
        taken.add(programs[-1].prompt())
    draw.shuffle(programs)
    return [{"question": program.prompt(), "answer": program.answer()} for program in programs]


def make_demonstrations(draw, stage, held_out):
    for _ in range(STAGE_STEPS[stage] * BATCH):
        program = new_program(
            draw, lambda source: sized_program(source, 1, STAGE_LONGEST[stage], STAGE_SKEW[stage]), held_out)
        yield {"prompt": program.prompt(), "response": program.demonstration(draw if stage == 2 else None)}


def vocabulary():
    words = ["<pad>", "<eos>", "<think>", *(str(value) for value in range(max(MODULI)))]
    words += [f"+{i}" for i in range(1, 10)] + [f"*{i}" for i in range(2, 10)]
    return words + [f"x{i}" for i in range(1, MOST_ROUNDS + 1)] + ["#", "?"] + [f"mod{modulus}" for modulus in MODULI]


def tokenizer():
    special = [{"id": i, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                "special": True} for i, content in enumerate(("<pad>", "<eos>"))]
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": special, "normalizer": None,
            "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None, "decoder": None,
            "model": {"type": "WordLevel", "vocab": {word: i for i, word in enumerate(vocabulary())}, "unk_token": "<unk>"}}


def base_config():
    return {
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": len(vocabulary()),
        "hidden_size": 128, "intermediate_size": 352, "num_hidden_layers": 3, "num_attention_heads": 4,
        "num_key_value_heads": 2, "hidden_act": "silu", "max_position_embeddings": 160, "rope_theta": 10000.0,
        "rms_norm_eps": 1e-6, "tie_word_embeddings": True, "attention_dropout": 0.0, "use_sliding_window": False,
        "initializer_range": 0.1, "use_cache": True, "eos_token_id": 1, "pad_token_id": 0, "torch_dtype": "float32",
    }


def write_lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row) + "\n")


def generate(folder, seed):
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in (("tokenizer.json", tokenizer()), ("base-config.json", base_config())):
        (folder / name).write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    held_out = set()
    write_lines(folder / "heldout.jsonl", make_set(Draw(seed, "heldout"), ["frontier"] * HELD_OUT_SIZE, held_out))
    kinds = [kind for kind, share in POOL_KINDS for _ in range(round(POOL_SIZE * share))]
    write_lines(folder / "pool.jsonl", make_set(Draw(seed, "pool"), kinds, set(held_out)))
    for stage in range(3):
        rows = make_demonstrations(Draw(seed, "stage", stage), stage, held_out)
        write_lines(folder / "demonstrations" / f"stage{stage + 1}.jsonl", rows)


def expected_answer(prompt):
    """From the text alone, sharing no code with Program."""
    words = prompt.split()
    modulus, value, rounds = int(words[0][3:]), int(words[1]), int(words[-3][1:])
    before = value
    for _ in range(rounds):
        for word in words[2:-3]:
            before = value
            value = eval(f"{value}{word}") % modulus if word[0] in "+*" and word[1:].isdigit() else None
    return f"{before} {value}"


def check(folder):
    """The number of problems, each printed."""
    problems = 0
    prompts = {}
    for name in ("pool", "heldout"):
        rows = [json.loads(line) for line in (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
        prompts[name] = {row["question"] for row in rows}
        wrong = [i for i, row in enumerate(rows, 1) if row["answer"] != expected_answer(row["question"])]
        problems += len(wrong) + (len(prompts[name]) != len(rows))
        print(f"{name:8} {len(rows):5} rows, {len(prompts[name])} different, wrong answers in lines {wrong[:10] or 'none'}")
    for stage in (1, 2):  # the teacher of stage 3 is meant to be wrong
        path = folder / "demonstrations" / f"stage{stage}.jsonl"
        if not path.exists():
            print(f"stage{stage}   not there; generate.py writes it")
            continue
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        wrong = [i for i, row in enumerate(rows, 1)
                 if not row["response"].endswith(f" # {expected_answer(row['prompt'])} <eos>")]
        problems += len(wrong)
        longest = max(len(row["response"].split()) for row in rows)
        print(f"stage{stage}   {len(rows):5} rows, longest response {longest} tokens, wrong in lines {wrong[:10] or 'none'}")
        problems += len({row["prompt"] for row in rows} & prompts["heldout"])
    problems += len(prompts["pool"] & prompts["heldout"])
    print(f"problems: {problems}")
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
