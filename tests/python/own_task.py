"""The commands and the Python of docs/own-task.md run as they stand there, but for the numbers of updates and of puzzles to
evaluate, which are made small: from the script to the answers of the model that came of it, and of the one that ships."""
import os
import re
import subprocess
import sys

from support import SOURCE

PAGE = os.path.join(SOURCE, "docs", "own-task.md")


def run(words, **more):
    found = subprocess.run(words, capture_output=True, text=True, **more)
    if found.returncode:
        sys.exit(f"docs/own-task.md: exit code {found.returncode}\n{found.stdout}{found.stderr}")
    return found.stdout


def blocks(page, language):
    small = [(r"(--steps |steps=)\d+", r"\g<1>12"), (r"^(trm eval [^#\n]*)", r"\1 --limit 30"),
             (r"^(python3 examples/brackets.py programs)", r"\1 300")]
    for pattern, shorter in small:
        page = re.sub(pattern, shorter, page, flags=re.M)
    return [code for code in re.findall(rf"^```{language}\n(.*?)^```$", page, re.M | re.S)]


def main():
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()
    os.symlink(os.path.join(SOURCE, "examples"), "examples")
    os.symlink(os.path.join(SOURCE, "models"), "models")
    path = os.path.dirname(os.environ["TRM"]) + os.pathsep + os.environ["PATH"]
    shell = "".join(blocks(page, "sh"))
    assert shell.count("--steps 12 ") == 2, "two trainings in the shell"
    printed = run(["bash", "-euc", shell], env={**os.environ, "PATH": path})
    assert "\n000110001011\n" in printed, printed  # the last command of each task asks the model that ships
    assert "\ncorrect: the judge says so\n\na=b*(c+d)" in printed, printed
    python = blocks(page, "python")
    assert len(python) == 1 and python[0].count("steps=12") == 1, "one training in Python"
    printed = run([sys.executable, "-c", python[0]], env={**os.environ, "PYTHONPATH": os.environ["PYTHONPATH"] + ":examples"})
    expected = re.search(r"^```text\n(219 .*\n)```$", page, re.M).group(1)
    assert printed.splitlines()[-1] + "\n" == expected, (printed, expected)
    print("docs/own-task.md: its commands and its Python run")


main()
