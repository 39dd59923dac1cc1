"""The package gives the answers of the program, in the kind of the question: one by one, in batches, step by step, in eight
threads. PUZZLES=1000 compares so many with the program (here: 60)."""
import json
import os
import pickle
import threading
import unittest

import numpy as np

import trm
from support import ANSWER, MODEL, PUZZLE, json_lines, main, program, puzzles

COUNT = int(os.environ.get("PUZZLES", "60"))
NUMBERS = [0 if c == "." else int(c) for c in PUZZLE]
ANSWERS = [int(c) for c in ANSWER]


class Forms(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.solver = trm.Solver(MODEL)

    @classmethod
    def tearDownClass(cls):
        cls.solver.close()

    def test_answer_is_of_the_kind_of_the_question(self):
        grid = np.array(NUMBERS).reshape(9, 9)
        for question, answer in (
                (PUZZLE, ANSWER), (PUZZLE.encode(), ANSWER.encode()), (NUMBERS, ANSWERS), (tuple(NUMBERS), tuple(ANSWERS)),
                (grid.tolist(), np.array(ANSWERS).reshape(9, 9).tolist()), (list(PUZZLE), list(ANSWER)),
                ([PUZZLE[i:i + 9] for i in range(0, 81, 9)], [ANSWER[i:i + 9] for i in range(0, 81, 9)])):
            found = self.solver.solve(question)
            self.assertEqual(found.answer, answer)
            self.assertIs(type(found.answer), type(question))
            self.assertTrue(found.solved and found.checked)
        for dtype in ("u1", "i2", "i8", "U1", "S1"):
            cells = grid.astype(dtype) if dtype[0] in "ui" else np.array(list(PUZZLE), dtype).reshape(9, 9)
            answer = self.solver.solve(cells).answer
            self.assertEqual((answer.dtype, answer.shape), (cells.dtype, cells.shape))
            self.assertEqual("".join(str(c) for c in answer.astype("U1").reshape(-1)), ANSWER)
        turned = np.asfortranarray(grid)[::1]
        self.assertEqual(self.solver.solve(turned).answer.tolist(), np.array(ANSWERS).reshape(9, 9).tolist())

    def test_printed_it_is_the_grid(self):
        found = self.solver.solve(PUZZLE)
        lines = str(found).splitlines()
        self.assertEqual((len(lines), lines[0], lines[3]), (11, "5 3 4 | 6 7 8 | 9 1 2", "------+-------+------"))
        self.assertIn("solved", repr(found))
        self.assertTrue(0 < found.confidence < 1 and found.steps >= 1 and found.info.least == found.least)

    def test_wrong_answers_are_told(self):
        found = self.solver.solve(PUZZLE.replace("5", ".", 1), on_step=lambda step: False)
        self.assertEqual(found.steps, 1)
        wrong = trm.check(PUZZLE, ANSWER[:-1] + "1")
        self.assertFalse(wrong)
        self.assertIn("row 9", wrong.fault)

    def test_steps_are_those_of_the_call(self):
        seen = []
        found = self.solver.solve(PUZZLE, on_step=lambda s: seen.append((s.step, s.answer, s.q, s.halted)))
        alone = [(s.step, s.answer, s.q, s.halted) for s in self.solver.steps(PUZZLE)]
        self.assertEqual(seen, alone)
        self.assertEqual(len(seen), found.steps)
        self.assertEqual(next(self.solver.steps(NUMBERS)).answer, [int(c) for c in seen[0][1]])

    def test_callback_errors_and_use_of_the_solver_in_it(self):
        def broken(step):
            raise KeyError("mine")
        with self.assertRaises(KeyError):
            self.solver.solve(PUZZLE, on_step=broken)
        with self.assertRaisesRegex(trm.UsageError, "callback"):
            self.solver.solve(PUZZLE, on_step=lambda step: self.solver.solve(PUZZLE))
        with self.assertRaisesRegex(trm.UsageError, "callback"):
            self.solver.solve(PUZZLE, on_step=lambda step: self.solver.close())
        self.assertTrue(self.solver.solve(PUZZLE).solved)

    def test_no_model_named(self):
        with trm.Solver() as solver:
            self.assertEqual(solver.solve(PUZZLE).answer, ANSWER)
            with self.assertRaisesRegex(trm.InputError, "solves Sudoku 4x4"):
                solver.solve("4.322314...33.4.")
        self.assertEqual(trm.solve(NUMBERS).answer, ANSWERS)

    def test_options_go_through_the_tables(self):
        self.assertIn("max_steps", trm.Solver.options())
        with trm.Solver(MODEL, supervision_steps=1, halt=False) as one:
            self.assertEqual(one.solve(PUZZLE).steps, 1)
            self.assertEqual(one.values.max_steps.value, 1)
        with trm.Solver(MODEL, **{"max-steps": "3", "halt": False}) as three:
            self.assertEqual(three.solve(PUZZLE).steps, 3)


class Program(unittest.TestCase):
    def test_same_answers(self):
        made = puzzles(COUNT, min_clues=24)
        with open("puzzles.txt", "w") as file:
            file.writelines(p.question + "\n" for p in made)
        with trm.Solver(MODEL) as solver:
            found = solver.solve_batch(p.question for p in made)
            tokens = np.array([s.question for s in found])
            answers, info = solver.solve_tokens(tokens)
            single = [solver.solve(p.question) for p in made[:20]]
        lines = json_lines(program("solve", "--model", MODEL, "--json", "puzzles.txt", code=None))
        self.assertEqual(len(lines), COUNT)
        self.assertEqual([s.answer for s in found], [line["answer"] for line in lines])
        self.assertEqual([s.steps for s in found], [line["steps"] for line in lines])
        self.assertEqual([s.solved for s in found], [line["solved"] for line in lines])
        self.assertGreater(sum(s.solved for s in found), COUNT // 2)
        self.assertTrue((answers == np.array([s.tokens for s in found])).all())
        self.assertEqual(info["steps"].tolist(), [s.steps for s in found])
        at_once = [i for i in range(20) if found[i].steps <= 16]  # later starts have noise, which depends on the number
        self.assertEqual([(single[i].answer, single[i].q) for i in at_once], [(found[i].answer, found[i].q) for i in at_once])

    def test_same_evaluation(self):
        made = puzzles(40)
        with open("made.csv", "w") as file:
            file.writelines(["question,answer\n"] + [f"{p.question},{p.answer}\n" for p in made])
        data = trm.load_dataset("made.csv")
        self.assertEqual([(e.question, e.answer) for e in data], made)
        told = []
        found = trm.evaluate(MODEL, data, progress=lambda fraction, what: told.append(fraction))
        theirs = json.loads(program("eval", MODEL, "made.csv", "--json"))
        self.assertEqual((found.puzzles, found.exact), (theirs["puzzles"], theirs["exact"]))
        self.assertAlmostEqual(found.token_accuracy, theirs["token_accuracy"], places=8)
        self.assertTrue(told and told[-1] <= 1)
        self.assertTrue(trm.evaluate(MODEL, data, progress=lambda fraction, what: False).stopped)

    def test_same_predictions(self):
        made = puzzles(20, seed=3, min_clues=24, max_clues=26)
        with open("hard.csv", "w") as file:
            file.writelines(["question,answer,rating\n"] + [f"{p.question},{p.answer},7\n" for p in made])
        found = trm.evaluate(MODEL, "hard.csv", predictions=True)
        each = found.predictions
        worst = json.loads(program("eval", MODEL, "hard.csv", "--predictions", "theirs.jsonl", "--worst", 3, "--json"))["worst"]
        program("eval", MODEL, "hard.csv", "--predictions", "theirs.csv")
        with open("theirs.jsonl") as file:
            theirs = json_lines(file.read())
        self.assertEqual(len(each), 20)
        self.assertTrue(0 < found.exact < 20, "else nothing is compared")
        self.assertEqual([set(p._asdict()) for p in each], [set(line) for line in theirs])
        for prediction, line in zip(each, theirs):
            for name, value in prediction._asdict().items():
                self.assertAlmostEqual(value, line[name], places=5) if type(value) is float else \
                    self.assertEqual(value, line[name], name)
        self.assertEqual([p.example for p in each.worst(3)], [line["example"] for line in worst])
        self.assertEqual(each.worst(0), [])
        self.assertEqual(each[-1], each[19])
        self.assertEqual(each.answers.shape, (20, 81))
        for name in ("jsonl", "csv"):
            each.save("ours." + name)
            with open("ours." + name, "rb") as ours, open("theirs." + name, "rb") as file:
                self.assertEqual(ours.read(), file.read())
        for bad, kind in ((lambda: each[20], IndexError), (lambda: each["a"], trm.ArgumentTypeError),
                          (lambda: each.worst(-1), trm.UsageError), (lambda: each.save("p.txt"), trm.UsageError)):
            self.assertRaises(kind, bad)
        stopped = trm.evaluate(MODEL, "hard.csv", predictions=True, progress=lambda fraction, what: False)
        self.assertEqual((stopped.stopped, len(stopped.predictions)), (True, stopped.puzzles))
        data = trm.load_dataset("hard.csv")
        kept = trm.evaluate(MODEL, data, predictions=True).predictions
        data.close()
        self.assertRaises(trm.ClosedError, lambda: kept[0])
        each.close()
        self.assertRaises(trm.ClosedError, lambda: each[0])
        self.assertFalse(hasattr(trm.evaluate(MODEL, "hard.csv", limit=1), "predictions"))


class Sessions(unittest.TestCase):
    def test_session(self):
        with trm.Solver(MODEL) as solver, trm.Session(solver, PUZZLE) as session:
            self.assertEqual(session.step(1), 1)
            first = session.last.answer
            session.pin(1, 3, "4")
            session.pin(1, 4, 6)
            self.assertEqual(session.question[2:4].tolist(), [5, 7])
            session.step(1)
            session.save("saved")
            again = trm.Session.load(solver, "saved")
            self.assertEqual([s.answer for s in again.history], [s.answer for s in session.history])
            session.back(1)
            session.clear(1, 3)
            self.assertEqual((session.steps, session.last.answer), (1, first))
            self.assertEqual(session.question[2], 1)
            again.close()

    def test_hints_checks_and_new_puzzles(self):
        hint = trm.hint(PUZZLE)
        self.assertEqual(hint.by, "rules")
        self.assertEqual(ANSWER[9 * (hint.row - 1) + hint.column - 1], hint.symbol)
        with trm.Solver(MODEL) as solver:
            self.assertEqual(solver.hint(PUZZLE), hint)
        self.assertEqual(trm.hint(ANSWER).by, "full")
        new = trm.generate("sudoku", seed=7, number=3)
        self.assertEqual(new, trm.generate("sudoku", seed=7, number=3))
        self.assertTrue(trm.check(*new))
        self.assertEqual(trm.check(new.question).solutions, 1)
        self.assertEqual(trm.check("55" + "." * 79).solutions, 0)
        self.assertEqual(trm.check("55" + "." * 79).cells, [(1, 1), (1, 2)])
        maze = trm.generate("maze", seed=1)
        self.assertTrue(trm.check(*maze))
        self.assertTrue(trm.check(np.array(list(maze.question)).reshape(30, 30), list(maze.answer)))


class Threads(unittest.TestCase):
    def test_eight_threads_on_one_solver_and_on_eight(self):
        made = puzzles(24)
        with trm.Solver(MODEL, threads=1) as shared:
            expected = [s.answer for s in shared.solve_batch([p.question for p in made])]
            wrong = []

            def work(own, first):
                solver = trm.Solver(MODEL, threads=1) if own else shared
                for i in range(first, len(made), 8):
                    if solver.solve(made[i].question).answer != expected[i] or not trm.check(*made[i]):
                        wrong.append(i)
                if own:
                    solver.close()

            for own in (False, True):
                threads = [threading.Thread(target=work, args=(own, k)) for k in range(8)]
                for t in threads:
                    t.start()
                for t in threads:
                    t.join()
            self.assertEqual(wrong, [])

    def test_handles_are_not_copied(self):
        with trm.Session(trm.Solver(MODEL), PUZZLE) as session, self.assertRaises(trm.UsageError):
            pickle.dumps(session)


main()
