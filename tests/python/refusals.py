"""What is wrong with a call is said in an exception that names the argument and what was expected: types, shapes, symbols,
handles that are closed, and libraries that are none or of another version."""
import os
import subprocess
import sys
import unittest

import numpy as np

import trm
from support import MODEL, PUZZLE, main


class Puzzles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.solver = trm.Solver(MODEL, threads=1, max_steps=1, halt=False)

    def refused(self, kind, words, function, *arguments, **named):
        with self.assertRaisesRegex(kind, words) as caught:
            function(*arguments, **named)
        error = caught.exception
        self.assertTrue(error.where and error.message and error.status, error)

    def test_puzzles(self):
        numbers = np.zeros((9, 9), int)
        for puzzle, kind, words in (
                (None, TypeError, "puzzle: found NoneType"), (5, TypeError, "found int"), ({1}, TypeError, "found set"),
                (np.zeros((9, 9)), TypeError, "float64, expected integers"),
                (np.zeros((9, 9), bool), TypeError, "bool, expected integers"),
                (np.zeros((3, 27), int), ValueError, r"shape \(3, 27\), expected \(81,\) or \(9, 9\)"),
                (numbers[:8], ValueError, r"shape \(8, 9\)"), (numbers + 10, ValueError, "row 1, column 1: found 10"),
                ([[1, 2], [3]], ValueError, "rows that differ"), ([object()] * 81, ValueError, "rows that differ"),
                (["q"] * 81, ValueError, 'row 1, column 1: found "q", expected one of ".123456789"'),
                (PUZZLE[:-1], ValueError, "puzzle: .*80 cells, expected 81"), ("", ValueError, "puzzle"),
                ("\0" * 81, ValueError, "NUL"), (PUZZLE.replace("7", "q"), ValueError, "q"), ([], ValueError, "shape"),
                ([2**70] * 81, ValueError, "rows that differ"), (np.array(PUZZLE), ValueError, "shape")):
            self.refused(kind, words, self.solver.solve, puzzle)
            self.refused(kind, words.replace("puzzle: ", "puzzle 2.*"), self.solver.solve_batch, [PUZZLE, puzzle])
        self.refused(trm.ArgumentTypeError, "puzzles: found one text", self.solver.solve_batch, PUZZLE)
        self.refused(trm.ArgumentTypeError, "puzzles: found int", self.solver.solve_batch, 3)

    def test_tokens_and_identifiers(self):
        good = np.ones((2, 81), np.int32)
        for inputs, words in ((good[0], r"shape \(81,\), expected \[n\]"), (good * 0.5, "float64"),
                              (good * 11, "expected tokens from 0 to 10"), (-good, "from 0 to 10"), (good[:, :80], "80"),
                              ("x", "<U1"), (None, "NoneType")):
            self.refused(trm.InputError, words, self.solver.solve_tokens, inputs)
        for names, words in ((np.zeros(3, int), "expected 2 or one"), ([0.5, 1], "float64"), ([0, -1], "expected 0 or more"),
                             ([0, 1], "knows 0 to 0"), ("x", "integers")):
            self.refused(trm.InputError, words, self.solver.solve_tokens, good, names)
        self.assertEqual(len(self.solver.solve_tokens(np.empty((0, 81), int))[0]), 0)
        self.assertEqual(self.solver.solve_batch([]), [])

    def test_options(self):
        for options, kind, words in (
                (dict(max_stepz=1), trm.UsageError, 'did you mean "max_steps"'), (dict(max_steps=-1), trm.UsageError, "max_steps"),
                (dict(dtype="int3"), trm.UsageError, "bfloat16"), (dict(max_steps=[1]), trm.ArgumentTypeError, "max_steps"),
                (dict(threads=-1), trm.UsageError, "threads: found -1"), (dict(threads="2x"), trm.UsageError, "2x"),
                (dict(device="toaster"), trm.UsageError, "toaster"), (dict(isa="6502"), trm.UsageError, "6502"),
                (dict(runtime=3), trm.ArgumentTypeError, "found int, expected trm.Runtime"), (dict(size=8), trm.UsageError, "size")):
            self.refused(kind, words, trm.Solver, MODEL, **options)
        for model, kind, words in (("absent.safetensors", trm.FileError, "absent"), (3, trm.ArgumentTypeError, "found int"),
                                   (os.path.dirname(MODEL), trm.TrmError, "models"), (__file__, trm.InputError, "refusals.py")):
            self.refused(kind, words, trm.Solver, model)

    def test_tasks(self):
        self.refused(trm.UsageError, "expected 4, 6, 9 or 16", trm.Task.sudoku, 5)
        self.refused(trm.InputError, "25 cells", trm.check, [1] * 25)
        self.refused(trm.UsageError, "chess", trm.check, PUZZLE, task="chess")
        self.refused(trm.UsageError, "max_clue: is not known, expected min_clues", trm.generate, max_clue=3)
        self.refused(trm.UsageError, "min_clues", trm.generate, min_clues=2**80)
        self.refused(trm.ArgumentTypeError, "seed", trm.generate, seed="x")
        self.refused(trm.InputError, "answer", trm.check, PUZZLE, PUZZLE[:-2])
        task = trm.Task.sudoku(9)
        self.refused(trm.InputError, "expected 0 to 10", task.text, [11] * 81)
        self.refused(trm.InputError, "81 cells", task.judge, [1] * 80, [1] * 81)
        self.refused(trm.ArgumentTypeError, "found dict", trm.Task, {})

    def test_sessions(self):
        with trm.Session(self.solver, PUZZLE) as session:
            self.refused(trm.UsageError, "no step", lambda: session.last)
            self.refused(trm.UsageError, "row: found 10, expected 1 to 9", session.pin, 10, 1, 5)
            self.refused(trm.UsageError, "column: found 0", session.clear, 1, 0)
            self.refused(trm.UsageError, 'symbol: found \'x\', expected one of ".123456789"', session.pin, 1, 1, "x")
            self.refused(trm.UsageError, "steps: found 0", session.step, 0)
            self.refused(trm.UsageError, "step", session.at, 3)
            self.refused(trm.UsageError, "step", session.back, 3)
        self.refused(trm.ArgumentTypeError, "solver: found str", trm.Session, "x", PUZZLE)
        self.refused(trm.UsageError, "identifier", trm.Session, self.solver, PUZZLE, identifier=-1)
        self.refused(trm.TrmError, "absent", trm.Session.load, self.solver, "absent")


class Closed(unittest.TestCase):
    def test_closed_handles(self):
        runtime = trm.Runtime(threads=1)
        model, solver = trm.Model(MODEL), trm.Solver(MODEL, runtime=runtime)
        session = trm.Session(solver, PUZZLE)
        session.step()
        with self.assertRaisesRegex(trm.UsageError, "close them before"):
            runtime.close()
        solver.close()
        for call in (lambda: session.step(), lambda: session.steps, lambda: session.at(1), lambda: session.question,
                     lambda: solver.solve(PUZZLE), lambda: solver.hint(PUZZLE), lambda: solver.stats,
                     lambda: next(solver.steps(PUZZLE)), lambda: trm.Session(solver, PUZZLE)):
            with self.assertRaisesRegex(trm.ClosedError, "solver: this solver is closed"):
                call()
        session.close()
        runtime.close()
        runtime.close()
        model.close()
        for call, what in ((runtime.describe, "runtime"), (lambda: model.config, "model"), (lambda: model.task, "model"),
                           (lambda: session.steps, "solver"), (lambda: trm.Solver(MODEL, runtime=runtime), "runtime"),
                           (lambda: trm.Solver(model), "model"), (lambda: trm.state_dict(model), "model")):
            with self.assertRaisesRegex(trm.ClosedError, what):
                call()


class Libraries(unittest.TestCase):
    def load(self, path):
        found = subprocess.run([sys.executable, "-c", "import trm; print(trm.solve)"], capture_output=True, text=True,
                               env={**os.environ, "TRM_LIBRARY": path})
        self.assertNotEqual(found.returncode, 0)
        return found.stderr.splitlines()[-1]

    def changed(self, name, *changes):
        with open(os.environ["TRM_LIBRARY"], "rb") as file:
            data = file.read()
        for old, new in changes:
            self.assertEqual(len(old), len(new))
            self.assertIn(old, data)
            data = data.replace(old, new)
        with open(name, "wb") as file:
            file.write(data)
        return os.path.abspath(name)

    def test_other_libraries(self):
        self.assertRegex(self.load("/absent/libtrm.so"), "LibraryError: libtrm: cannot be loaded; tried /absent.*TRM_LIBRARY")
        version = trm.__version__.encode()
        other = self.changed("other.so", (b"\0" + version + b"\0", b"\0" + b"7" + version[1:] + b"\0"))
        self.assertRegex(self.load(other), "LibraryError: .*other.so: is libtrm 7.1.0, expected 0.1.0; install")
        nameless = self.changed("nameless.so", (b"trm_abi_json", b"trm_abi_jsom"))
        self.assertRegex(self.load(nameless), "LibraryError: .*is libtrm 0.1.0")
        strange = self.changed("strange.so", (b"int64_t (*)\0", b"int32_t (*)\0"))
        self.assertRegex(self.load(strange), "LibraryError: .*lays it out otherwise")
        with open("/proc/self/maps") as maps:
            libc = [line.split()[-1] for line in maps if "/libm.so" in line or "/libc.so" in line][0]
        self.assertRegex(self.load(libc), "LibraryError: .*is not libtrm")


main()
