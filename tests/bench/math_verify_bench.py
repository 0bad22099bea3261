#!/usr/bin/env python3
"""Times math-verify and `midpoint bench grade` on the same pairs, one after the other, on one thread each.

  python tests/bench/math_verify_bench.py build/release/bin/midpoint tests/fixtures/grading.jsonl [--repeats 3] [--json]

Needs math-verify 0.9 in the Python that runs it. Reports pairs per second (medians) and their quotient.
"""
import argparse
import json
import statistics
import subprocess
import time

from math_verify import parse, verify


def judge(pair):
    try:
        return bool(verify(parse(f"${pair['reference']}$"), parse(pair["response"])))
    except Exception:  # what math-verify cannot read is not correct, and counts as judged
        return False


def math_verify_speed(pairs):
    started = time.perf_counter()
    correct = sum(judge(pair) for pair in pairs)
    return len(pairs) / (time.perf_counter() - started), correct


def midpoint_speed(program, file):
    words = [program, "bench", "grade", "--file", file, "--threads", "1", "--repeats", "5", "--json"]
    return json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)["grades_per_second"]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("midpoint")
    arguments.add_argument("file")
    arguments.add_argument("--repeats", type=int, default=3)
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    with open(options.file, encoding="utf-8") as lines:
        pairs = [json.loads(line) for line in lines if line.strip()]

    math_verify_speed(pairs[:50])  # imports and caches
    ours, theirs, correct = [], [], 0
    for _ in range(options.repeats):
        ours.append(midpoint_speed(options.midpoint, options.file))
        speed, correct = math_verify_speed(pairs)
        theirs.append(speed)
    result = {
        "pairs": len(pairs),
        "correct_for_math_verify": correct,
        "midpoint_pairs_per_second": statistics.median(ours),
        "math_verify_pairs_per_second": statistics.median(theirs),
        "times_as_fast": statistics.median(ours) / statistics.median(theirs),
    }
    if options.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name}: {value:,.1f}" if isinstance(value, float) else f"{name}: {value:,}")


if __name__ == "__main__":
    main()
