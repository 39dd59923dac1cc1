"""A run of the package has the bytes of a run of the program; stopped and resumed it has them too; callbacks see it and stop
it; bad options are refused by name."""
import os
import unittest

import numpy as np

import trm
from support import json_lines, main, program

SIZES = dict(hidden_size=32, L_layers=1, expansion=2, batch=8, lr=4e-3, H_cycles=2, L_cycles=2, seed=3)


def flags(options):
    return [word for name, given in options.items() for word in (f"--{name.replace('_', '-')}", given)]


class Training(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.data = trm.make_dataset("four", size=4, train=16, test=8)

    def test_same_bytes_as_the_program(self):
        program("train", "--preset", "sudoku-6x6", "--data", "four", "--run", "theirs", "--steps", 10, "--quiet",
                *flags(SIZES))
        seen = []
        found = trm.train({"preset": "sudoku-6x6", "data": "four", **SIZES}, lambda at: seen.append((at.step, at.loss)),
                          run="ours", steps=10)
        self.assertEqual([step for step, _ in seen if step][:10], list(range(1, 11)))
        self.assertEqual((found.step, found.stopped), (10, False))
        weights = [trm.state_dict(run) for run in ("theirs", "ours")]
        self.assertEqual(weights[0].keys(), weights[1].keys())
        for name in weights[0]:
            self.assertEqual(weights[0][name].tobytes(), weights[1][name].tobytes(), name)

        # Stopped by its callback after 4 updates, and gone on.
        first = trm.train(preset="sudoku-6x6", data="four", run="parts", steps=10, **SIZES, callback=lambda at: at.step < 4)
        self.assertEqual((first.step, first.stopped), (4, True))
        second = trm.train({"run": "parts"}, resume=True)
        self.assertEqual((second.step, second.updates, second.stopped), (10, 6, False))
        for name, array in trm.state_dict("parts").items():
            self.assertEqual(array.tobytes(), weights[0][name].tobytes(), name)

        # What was trained solves and is evaluated.
        self.assertEqual(trm.evaluate("ours", "four", limit=5, threads=1).puzzles, 5)
        with trm.Solver("ours", threads=1) as solver:
            self.assertEqual(solver.task, self.data.task)
            self.assertEqual(len(solver.solve(self.data[0].question).answer), 16)
        trm.plot(["ours", "parts"], "curves.svg")
        self.assertTrue(os.path.getsize("curves.svg") > 100)

    def test_callback_that_fails(self):
        def broken(at):
            if at.step == 2:
                raise RuntimeError("mine")
        with self.assertRaisesRegex(RuntimeError, "mine"):
            trm.train(preset="sudoku-6x6", data="four", run="broken", steps=6, **SIZES, callback=broken)
        self.assertEqual(trm.train(run="broken", resume=True).step, 6)

    def test_refusals(self):
        for options, kind, words in (
                (dict(data="four", run="no", stepz=3), trm.UsageError, 'did you mean "steps"'),
                (dict(data="four", run="no", batch=-1), trm.UsageError, "batch"),
                (dict(data="absent", run="no"), trm.FileError, "absent"),
                (dict(data="four", run="no", preset="sudoku-7x7"), trm.UsageError, "sudoku-6x6"),
                (dict(data="four", run="x" * 2000), trm.TrmError, "run"),
                (dict(data="four", run="no", lr=[1]), trm.ArgumentTypeError, "lr"),
                (dict(data="four", run="no", callback=3), trm.ArgumentTypeError, "callback"),
                (dict(resume=True), trm.UsageError, "run directory"),
                (dict(resume=True, run="absent"), trm.TrmError, "absent")):
            with self.assertRaisesRegex(kind, words, msg=options):
                trm.train(**options)
        self.assertFalse(os.path.exists("no"))
        self.assertIn("sudoku-6x6", trm.presets())


class Mazes(unittest.TestCase):
    def test_smaller_mazes_are_solved_in_the_models_grid(self):
        trm.make_dataset("mazes", task="maze", size=8, train=8, test=2)
        trm.train(data="mazes", run="maze", puzzle_emb_ndim=0, puzzle_emb_len=0, hidden_size=16, num_heads=2, L_layers=1,
                  expansion=1, H_cycles=1, L_cycles=1, batch=4, steps=1)
        small = ["#####", "#S  #", "# # #", "#  G#", "#####"]
        with trm.Solver("maze", threads=1, max_steps=2, halt=False) as solver:
            seen = []
            found = solver.solve(small, on_step=lambda step: seen.append((step.tokens.shape, step.confidence.shape)))
            self.assertEqual((len(found.answer), len(found.answer[0]), found.task.width), (5, 5, 5))
            self.assertTrue(found.checked and all(s == ((25,), (25,)) for s in seen))
            self.assertEqual(solver.solve_batch(["\n".join(small), small])[1].tokens.tolist(), found.tokens.tolist())
            # Steps, sessions and hints are of the maze's own cells too, also when a session comes back from a file.
            stepped = list(solver.steps(small))
            self.assertEqual([s.tokens.shape for s in stepped], [(25,)] * 2)
            self.assertEqual(stepped[-1].answer, found.answer)
            with trm.Session(solver, small) as session:
                session.pin(2, 4, "#")
                self.assertEqual(session.question.reshape(5, 5)[1, 3], session.task.alphabet.index("#") + 1)
                self.assertEqual(session.step(), 1)
                self.assertEqual((len(session.last.answer), session.last.confidence.shape), (5, (25,)))
                self.assertEqual(session.last.question.tolist(), session.question.tolist())
                self.assertRaises(trm.UsageError, session.pin, 6, 1, "#")
                session.save("small.session")
                with trm.Session.load(solver, "small.session") as again:
                    self.assertEqual((again.task, again.steps), (session.task, 1))
                    self.assertEqual(again.question.tolist(), session.question.tolist())
                    self.assertEqual([again.step(), session.step()], [1, 1])
                    self.assertEqual(again.last.tokens.tolist(), session.last.tokens.tolist())
                    self.assertEqual(again.last.confidence.tolist(), session.last.confidence.tolist())
                    again.clear(2, 4)
                    self.assertEqual(again.question[8], session.task.alphabet.index(" ") + 1)
            hint = solver.hint(small)
            self.assertIn(hint.by, ("network", "none"))
            self.assertTrue(hint.row is None or (1 <= hint.row <= 5 and 1 <= hint.column <= 5))
            with self.assertRaises(trm.InputError):
                next(solver.steps("\n".join(["#########"] + ["#S     G#"] + ["#       #"] * 6 + ["#########"])))
        self.assertTrue(trm.check(small, ["#####", "#Soo#", "# #o#", "#  G#", "#####"]))


class Data(unittest.TestCase):
    def test_arrays_and_examples(self):
        with open("some.csv", "w") as file:
            file.write("question,answer,rating\n4.322314...33.4.,4132231414233241,7\n.3..1...4.3....1,2314142341323241,5\n")
        data = trm.load_dataset("some.csv")
        self.assertEqual((len(data), data.inputs.shape, data.inputs.dtype, data.ratings.tolist()), (2, (2, 16), np.int32, [7, 5]))
        self.assertEqual(data[-1], trm.Example(".3..1...4.3....1", "2314142341323241", 0, 5.0))
        self.assertEqual(data.task.text(data.inputs[0]), "4.322314...33.4.")
        self.assertEqual([e.question for e in data], [data.task.text(x) for x in data.inputs])
        imported = trm.import_dataset("some.csv", "imported", test_fraction=0.5)
        self.assertEqual(len(imported), 1)
        self.assertEqual(trm.check_dataset("some.csv").bad_answers, 0)
        with self.assertRaises(IndexError):
            data[2]
        with self.assertRaises(trm.ArgumentTypeError):
            data["0"]
        with self.assertRaisesRegex(trm.InputError, "some.csv"):
            trm.load_dataset("some.csv", task="maze")
        data.close()
        with self.assertRaises(trm.ClosedError):
            data[0]


main()
