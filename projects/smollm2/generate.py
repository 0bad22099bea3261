#!/usr/bin/env python3
"""Makes one-line arithmetic questions that a small instruction-tuned model solves sometimes.

    generate.py [--seed N] [--out FOLDER]     writes pool.jsonl and heldout.jsonl (default: the folder of this file)
    generate.py --check [--out FOLDER]        reads both again and checks answers, sizes and that they share no problem

Sums and products of one-digit numbers are solved now and then, the other kinds seldom or never, so difficulty spreads by
itself. A problem is held out with its numbers, in whatever words and order: the model cannot have seen 7 + 8 as 8 plus 7.
The same seed gives the same bytes: only Random.random(), whose sequence Python guarantees, is drawn from.
"""

import argparse
import json
import random
import re
import sys
from pathlib import Path

POOL_SIZE = 3000
HELD_OUT_SIZE = 400
HELD_OUT_PROBLEMS = 0.15  # share of the problems of every kind
MOST_TRIES = 20_000  # for one new question; there are few one-digit problems, so a seed can be unlucky

SUM_PHRASES = (
    "What is {} + {}?", "What is {} plus {}?", "Calculate {} + {}.", "Add {} and {}.", "What is the sum of {} and {}?",
    "Compute {} + {}.", "How much is {} + {}?", "Find {} + {}.", "What do you get when you add {} and {}?", "{} + {} = ?",
)
PRODUCT_PHRASES = (
    "What is {} * {}?", "What is {} times {}?", "Calculate {} * {}.", "Multiply {} by {}.", "What is the product of {} and {}?",
    "Compute {} x {}.", "How much is {} times {}?", "Find {} * {}.", "What do you get when you multiply {} by {}?", "{} * {} = ?",
)
THREE_TERM_PHRASES = (
    "What is {} + {} + {}?", "Calculate {} + {} + {}.", "Add {}, {} and {}.", "What is the sum of {}, {} and {}?",
    "Compute {} + {} + {}.", "How much is {} + {} + {}?",
)
NAMES = ("Tom", "Anna", "Sam", "Mia", "Ben", "Lucy", "Max", "Ella")
THINGS = ("apples", "books", "coins", "pencils", "marbles", "stickers", "cookies", "cards")
MORE_STORIES = (  # {0} + {1}
    "{name} has {} {things} and buys {} more. How many {things} does {name} have now?",
    "There are {} {things} on the table and {} in a box. How many {things} are there in total?",
    "{name} found {} {things} in the morning and {} in the evening. How many {things} did {name} find?",
)
FEWER_STORIES = (  # {0} - {1}
    "{name} has {} {things} and gives away {}. How many {things} are left?",
    "There were {} {things} in a box and {name} took {} of them. How many {things} remain?",
)
TIMES_STORIES = (  # {0} * {1}
    "{name} has {} bags with {} {things} each. How many {things} does {name} have?",
    "A shelf holds {} rows of {} {things}. How many {things} does it hold?",
)


class Draw:
    """Uniform draws made of Random.random() alone."""

    def __init__(self, *key):
        self.random = random.Random("/".join(str(part) for part in key)).random

    def between(self, low, high):
        return low + int(self.random() * (high - low + 1))

    def choice(self, items):
        return items[self.between(0, len(items) - 1)]

    def shuffle(self, items):
        for i in range(len(items) - 1, 0, -1):
            j = self.between(0, i)
            items[i], items[j] = items[j], items[i]


def one_digit_sum(draw):
    a, b = draw.between(0, 9), draw.between(0, 9)
    return draw.choice(SUM_PHRASES).format(a, b), a + b


def one_digit_product(draw):
    a, b = draw.between(1, 9), draw.between(1, 9)
    return draw.choice(PRODUCT_PHRASES).format(a, b), a * b


def two_digit_sum(draw):
    a, b = draw.between(10, 99), draw.between(10, 99)
    return draw.choice(SUM_PHRASES).format(a, b), a + b


def three_term_sum(draw):
    terms = [draw.between(1, 20) for _ in range(3)]
    return draw.choice(THREE_TERM_PHRASES).format(*terms), sum(terms)


def word_problem(draw):
    stories = draw.choice((MORE_STORIES, FEWER_STORIES, TIMES_STORIES))
    if stories is TIMES_STORIES:
        a, b = draw.between(2, 9), draw.between(2, 9)
        answer = a * b
    elif stories is FEWER_STORIES:
        a = draw.between(5, 30)
        b = draw.between(1, a - 1)
        answer = a - b
    else:
        a, b = draw.between(2, 30), draw.between(2, 30)
        answer = a + b
    words = {"name": draw.choice(NAMES), "things": draw.choice(THINGS)}
    return draw.choice(stories).format(a, b, **words), answer


KINDS = {  # share of the pool and of the held-out set
    one_digit_sum: 0.20, one_digit_product: 0.20, two_digit_sum: 0.25, three_term_sum: 0.15, word_problem: 0.20,
}


def problem_of(question, answer):
    """What makes two questions the same problem: the numbers in any order and the result."""
    return tuple(sorted(int(number) for number in re.findall(r"\d+", question))), answer


def is_held_out(seed, problem):
    return Draw(seed, "held-out", problem).random() < HELD_OUT_PROBLEMS


def new_question(draw, kind, seed, taken, wants_held_out):
    for _ in range(MOST_TRIES):
        question, answer = kind(draw)
        if question not in taken and is_held_out(seed, problem_of(question, answer)) == wants_held_out:
            return question, answer
    sys.exit(f"generate.py: seed {seed} leaves too few questions of the kind {kind.__name__}; take another seed")


def make_set(seed, name, size, wants_held_out):
    draw = Draw(seed, name)
    rows, taken = [], set()
    for kind, share in KINDS.items():
        for _ in range(round(size * share)):
            question, answer = new_question(draw, kind, seed, taken, wants_held_out)
            taken.add(question)
            rows.append({"question": question, "answer": str(answer)})
    draw.shuffle(rows)
    return rows


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def generate(folder, seed):
    folder.mkdir(parents=True, exist_ok=True)
    write_lines(folder / "pool.jsonl", make_set(seed, "pool", POOL_SIZE, False))
    write_lines(folder / "heldout.jsonl", make_set(seed, "heldout", HELD_OUT_SIZE, True))


def expected_answer(question):
    """From the words and numbers alone, sharing no code with the makers above."""
    numbers = [int(number) for number in re.findall(r"\d+", question)]
    if re.search(r" left\?| remain\?", question):
        return numbers[0] - numbers[1]
    if re.search(r"\*| x |times|ultipl|product|each|rows of", question):
        return numbers[0] * numbers[1]
    return sum(numbers)


def check(folder):
    """The number of problems found, each printed with file and line."""
    problems = 0
    seen = {}
    for name, size in (("pool", POOL_SIZE), ("heldout", HELD_OUT_SIZE)):
        path = folder / f"{name}.jsonl"
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for number, row in enumerate(rows, 1):
            if row["answer"] != str(expected_answer(row["question"])):
                problems += 1
                print(f"{path}:{number}: answer '{row['answer']}', expected '{expected_answer(row['question'])}'", file=sys.stderr)
        if len(rows) != size or len({row["question"] for row in rows}) != size:
            problems += 1
            print(f"{path}: expected {size} different questions, found {len(rows)} rows", file=sys.stderr)
        seen[name] = {problem_of(row["question"], int(row["answer"])) for row in rows}
        print(f"{name:8} {len(rows):5} questions, {len(seen[name])} problems")
    shared = seen["pool"] & seen["heldout"]
    if shared:
        problems += 1
        print(f"{folder}: pool and held-out set share {len(shared)} problems, such as {min(shared)}", file=sys.stderr)
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
