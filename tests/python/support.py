"""What the tests of the Python package share."""
import json
import os
import subprocess
import sys
import unittest

SOURCE = os.environ["TRM_SOURCE_DIR"]
MODEL = os.path.join(SOURCE, "models", "sudoku-9x9.safetensors")
PUZZLE = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
ANSWER = "534678912672195348198342567859761423426853791713924856961537284287419635345286179"


def program(*arguments, code=0, text=None):
    """Runs trm and returns what it printed."""
    found = subprocess.run([os.environ["TRM"], *map(str, arguments)], input=text, capture_output=True, text=True)
    if code is not None and found.returncode != code:
        sys.exit(f"trm {arguments[0]}: exit code {found.returncode}, expected {code}\n{found.stderr}")
    return found.stdout


def json_lines(text):
    return [json.loads(line) for line in text.splitlines()]


def puzzles(count, seed=1, **wanted):
    """Question and answer of so many new Sudokus."""
    import trm
    wanted = {"min_clues": 30, "max_clues": 40, **wanted}
    return [trm.generate("sudoku", seed=seed, number=i, **wanted) for i in range(count)]


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def main():
    unittest.main(module="__main__", verbosity=1)
