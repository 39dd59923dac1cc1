#!/usr/bin/env python3
"""A task with rules of its own: small programs in which one bracket or operator is broken, to be repaired.

    brackets.py FOLDER [TRAIN]     writes train.jsonl (TRAIN programs, 60,000), valid.jsonl, test.jsonl and long.jsonl
    brackets.py judge              is a judge: reads {"question": [ROW], "answer": [ROW]}, one a line, and says of each
                                   {"right": true}, or {"right": false, "why": "..."}

A program is statements with ; between: NAME = EXPRESSION, or a block of statements in braces. An expression joins digits,
names, elements such as a[b+1] and (expressions) with + - * /. Those of train, valid and test have 5 to 12 cells, those of
long.jsonl 13 to 24. Of several repairs the answer shows the one furthest to the left, and there the first symbol in the
order of REPAIRS; the judge takes every change of one cell that repairs."""
import json
import os
import random
import sys

LEAST, MOST = 5, 12  # cells of a program to train on; long ones have twice as many
FILL, NAMES, DIGITS, REPAIRS = ".", "abcd", "0123", "+-*/=;()[]{}"  # FILL stands behind a program, up to 24 cells


class Wrong(Exception):
    """What is wrong with a program, and at which place."""


class Parser:
    def __init__(self, text):
        self.text, self.at = text + "$", 0

    def look(self):
        return self.text[self.at]

    def take(self, expected, what):
        if self.look() not in expected:
            found = "the end" if self.look() == "$" else self.look()
            raise Wrong(f"found {found} at place {self.at + 1}, expected {what}")
        self.at += 1

    def program(self):
        self.statement()
        while self.look() == ";":
            self.take(";", ";")
            self.statement()

    def statement(self):
        if self.look() == "{":
            self.take("{", "{")
            self.program()
            self.take("}", "}")
        else:
            self.take(NAMES, "a statement")
            self.take("=", "=")
            self.expression()

    def expression(self):
        self.term()
        while self.look() in "+-*/":
            self.take("+-*/", "an operator")
            self.term()

    def term(self):
        if self.look() == "(":
            self.take("(", "(")
            self.expression()
            self.take(")", ")")
        elif self.look() in NAMES:
            self.take(NAMES, "a name")
            if self.look() == "[":
                self.take("[", "[")
                self.expression()
                self.take("]", "]")
        else:
            self.take(DIGITS, "a digit, a name or (")


def fault(text):
    """What is wrong with a program, "" when nothing is."""
    parser = Parser(text)
    try:
        parser.program()
        parser.take("$", "an operator, ; or the end")
    except Wrong as wrong:
        return str(wrong)
    return ""


def judge(question, answer):
    """What is wrong with a repair, "" when nothing is."""
    changed = sum(q != a for q, a in zip(question, answer))
    if changed != 1:
        return f"{changed} cells are changed, expected 1"
    return fault(answer.strip(FILL))


def draw_expression(randoms, depth):
    """Three of ten terms are an element or stand in parentheses, as long as they are not nested too deeply."""
    terms = []
    for _ in range(randoms.choice((1, 2, 2, 3) if depth < 2 else (2, 2, 3))):
        kind = randoms.random() if depth else 1
        if kind < 0.2:
            terms.append(randoms.choice(NAMES) + "[" + draw_expression(randoms, depth - 1) + "]")
        elif kind < 0.45:
            terms.append("(" + draw_expression(randoms, depth - 1) + ")")
        else:
            terms.append(randoms.choice(NAMES + DIGITS))
    text = terms[0]
    for term in terms[1:]:
        text += randoms.choice("+-*/") + term
    return text


def draw_program(randoms, depth=1):
    statements = []
    for _ in range(randoms.choice((1, 1, 2, 3))):
        if depth and randoms.random() < 0.3:
            statements.append("{" + draw_program(randoms, depth - 1) + "}")
        else:
            statements.append(randoms.choice(NAMES) + "=" + draw_expression(randoms, 2))
    return ";".join(statements)


def repair(broken):
    """The repair that answers show, of all single changes."""
    for at, found in enumerate(broken):
        for symbol in REPAIRS:
            if symbol != found and not fault(broken[:at] + symbol + broken[at + 1:]):
                return broken[:at] + symbol + broken[at + 1:]
    return None


def draw(randoms, least, most):
    """A broken program of so many cells and its repair."""
    while True:
        program = draw_program(randoms)
        if not least <= len(program) <= most:
            continue
        at = randoms.choice([i for i, symbol in enumerate(program) if symbol in REPAIRS])
        broken = program[:at] + randoms.choice(NAMES + DIGITS + REPAIRS) + program[at + 1:]
        if fault(broken):
            return broken, repair(broken)


def shape(question):
    """Equal for programs that differ in names and digits alone."""
    others = {}
    return "".join(others.setdefault(s, chr(65 + len(others))) if s in NAMES + DIGITS else s for s in question)


def main(folder, train="60000"):
    randoms, held_out = random.Random(1), set()
    os.makedirs(folder, exist_ok=True)
    for name, count, least, most in (("test", 2000, LEAST, MOST), ("long", 2000, MOST + 1, 2 * MOST),
                                     ("valid", 500, LEAST, MOST), ("train", int(train), LEAST, MOST)):
        written = 0
        with open(os.path.join(folder, name + ".jsonl"), "w", encoding="ascii") as file:
            while written < count:
                question, answer = draw(randoms, least, most)
                if shape(question) in held_out:
                    continue
                if name != "train":
                    held_out.add(shape(question))
                written += 1
                print(json.dumps({"question": [question], "answer": [answer]}), file=file)


def judge_lines():
    for line in sys.stdin:
        asked = json.loads(line)
        why = judge("".join(asked["question"]), "".join(asked["answer"]))
        print(json.dumps({"right": False, "why": why} if why else {"right": True}), flush=True)


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 3:
        sys.exit("usage: brackets.py FOLDER [TRAIN] | judge")
    if sys.argv[1:] == ["judge"]:
        judge_lines()
    else:
        main(*sys.argv[1:])
