#!/usr/bin/env python3
"""An external grader for Midpoint that calls math-verify (pip install "math-verify[antlr4_13_2]").

    [reward]
    kind = "external"
    external_command = ["python3", "resources/graders/math_verify_grader.py"]

Reads one JSON object per line on standard input and answers each with one line on standard output. Nothing else may be
printed there: what a library prints goes to standard error.
"""
import json
import sys

answers = sys.stdout
sys.stdout = sys.stderr

from math_verify import parse, verify  # noqa: E402 (after standard output is out of the way)


def grade(request):
    # Time limits by signals are switched off: Midpoint's deadline does that from outside.
    reference = parse("$" + request["reference"] + "$", parsing_timeout=None)
    if not reference:
        return {"verdict": "unparseable-reference", "rule": "math-verify reads nothing in the reference"}
    found = parse(request["response"], parsing_timeout=None)
    if not found:
        return {"verdict": "truncated" if request.get("truncated") else "unparseable", "rule": "math-verify finds no answer"}
    is_correct = verify(reference, found, timeout_seconds=None)
    return {"verdict": "correct" if is_correct else "wrong", "extracted": str(found[-1]), "normal_form": str(found[0]), "rule": "math-verify"}


for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = grade(request)
    except Exception as error:  # one sample, not the process
        answer = {"verdict": "grader-failed", "rule": repr(error)[:200]}
    answer["id"] = request["id"]
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
