"""The examples of docs/python.md run, each in a folder of its own, and print what the page says; README's runs. UPDATE=1
writes what they print into the page."""
import os
import re
import subprocess
import sys

from support import SOURCE

PAGE = os.path.join(SOURCE, "docs", "python.md")
EXAMPLE = re.compile(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```$", re.M | re.S)


def run(number, code):
    folder = f"example-{number}"
    os.mkdir(folder)
    found = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    if found.returncode:
        sys.exit(f"docs/python.md: example {number} fails\n{found.stderr}")
    return found.stdout


def main():
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()
    examples = EXAMPLE.findall(page)
    if len(examples) != page.count("```python") or len(examples) < 4:
        sys.exit(f"docs/python.md: {len(examples)} examples with their output, expected all {page.count('```python')}, at least 4")
    printed = [run(i + 1, code) for i, (code, _) in enumerate(examples)]
    if os.environ.get("UPDATE") == "1":
        parts = iter(printed)
        with open(PAGE, "w", encoding="utf-8") as file:
            file.write(EXAMPLE.sub(lambda m: f"```python\n{m[1]}```\n\n```text\n{next(parts)}```", page))
        return
    for i, ((_, expected), found) in enumerate(zip(examples, printed)):
        if expected != found:
            sys.exit(f"docs/python.md: example {i + 1} prints\n{found}\nThe page says\n{expected}")
    with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as file:
        for i, code in enumerate(re.findall(r"^```python\n(.*?)^```$", file.read(), re.M | re.S)):
            if not run(f"readme-{i}", code).startswith("5 3 4 | 6 7 8 | 9 1 2\n"):
                sys.exit("README.md: its example does not print the solution")
    print(f"{len(examples)} examples print what the page says")


main()
