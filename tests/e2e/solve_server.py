"""trm solve --server beside trm solve, and before servers that refuse, are slow, lie and die. Each function below is a
test; a failure names it."""
import hashlib
import json
import os
import signal
import socket
import subprocess
import threading
import time

from served import TRM, Server

QUESTION = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
TWO = "1" + "." * 80  # with more than one solution
MAZE = "\n".join(["S   #", "### #", "    #", " ####", "    G"])


def expect(found, wanted, what=""):
    if found != wanted:
        raise AssertionError(f"{what}: found {found!r}, expected {wanted!r}")


def has(text, *parts):
    for part in parts:
        if part not in text:
            raise AssertionError(f"{part!r} is not in {text!r}")


def solve(*arguments, given=None, environment=None):
    run = subprocess.run([TRM, "solve", *arguments], input=given, stdin=None if given is not None else subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, text=True, timeout=300,
                         env={**os.environ, **(environment or {})})
    return run.returncode, run.stdout, run.stderr


def objects(text):
    """Lines of --json without what may differ: the model is a path here and a name there."""
    lines = [json.loads(line) for line in text.splitlines()]
    return [json.dumps({k: v for k, v in line.items() if k != "model"}) for line in lines]


def same_lines(there, here, options):
    there, here = objects(there), objects(here)
    for a, b in zip(there, here):
        expect(a, b, str(options))
    expect(len(there), len(here), str(options))


# -- the same as without it --------------------------------------------------------------------------------------------

def same_objects(url):
    for options in ([], ["--search", "0"], ["--no-rules-halt"], ["--no-halt", "--max-steps", "3"],
                    ["--halt-threshold", "2", "--no-rules-halt", "--H-cycles", "2"]):
        here, there = solve("nine.csv", "--json", *options), solve("nine.csv", "--json", "--server", url, *options)
        expect(there[0], here[0], f"{options}: {there[2]}")
        same_lines(there[1], here[1], options)
        expect(len(objects(here[1])), 60)
        assert all(json.loads(line)["model"] == "sudoku-extreme" or json.loads(line)["model"].startswith("sudoku")
                   for line in there[1].splitlines())


def same_noise(url):
    """Random numbers are named by a puzzle's place, whichever engine it comes to."""
    options = ["--json", "--start-noise", "0.5", "--seed", "4", "--search", "24"]
    same_lines(solve("nine.csv", "--server", url, *options)[1], solve("nine.csv", *options)[1], options)


def same_text(url):
    with open("nine.csv", encoding="utf-8") as file:
        questions = [line.split(",")[0] for line in file.read().splitlines()[1:7]]
    with open("list.txt", "w", encoding="utf-8") as file:
        file.write("\n".join(questions[:3] + ["12", TWO, "11" + "." * 79] + questions[3:]) + "\n")
    cases = [[QUESTION], [TWO], [QUESTION, "--verbose"], ["list.txt"], ["list.txt", "--verbose"], ["list.txt", "--json"],
             ["list.txt", "--strict"], [MAZE], [QUESTION, "--explain"], [QUESTION, "--explain=all", "--no-halt"],
             [questions[0], questions[1], "--explain"], [QUESTION, "--explain", "--json"], [MAZE, "--explain", "--json"],
             [questions[2], "--search", "0", "--max-steps", "1"], [questions[2], "--max-steps", "1", "--search", "2"],
             ["nothing.txt"], ["what?"], ["12"], [QUESTION, "--max-steps", "0x"], [QUESTION, "--search", "3"]]
    for case in cases:
        here, there = solve(*case), solve(*case, "--server", url)
        if "--json" in case:
            here, there = [(r[0], objects(r[1]), r[2]) for r in (here, there)]
        expect(there[:2], here[:2], f"{case}: {there[2]}")
        if case != [QUESTION, "--search", "3"]:  # which is the server's own message
            quiet = [line for line in here[2].splitlines() if not line.startswith("hint: ")]
            expect(there[2].splitlines(), quiet, str(case))


def answers_while_puzzles_come(url):
    child = subprocess.Popen([TRM, "solve", "--json", "--server", url], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             text=True, bufsize=1)
    for number in range(3):
        child.stdin.write(QUESTION + "\n")
        child.stdin.flush()
        expect(json.loads(child.stdout.readline())["puzzle"], number)
    child.stdin.close()
    expect(child.wait(30), 0)


def named_models(url):
    code, out, _ = solve(QUESTION, "--json", "--server", url, "--model", "sudoku-9x9")
    expect((code, "model" in json.loads(out)), (0, False))
    code, out, err = solve(QUESTION, "--server", url, "--model", "missing")
    expect((code, out), (2, ""))
    has(err, "missing", "sudoku-9x9")
    code, out, err = solve(QUESTION, "--server", url, "--identifier", "7")
    expect((code, out), (2, ""))
    has(err, "--identifier")


def refused_options(url):
    for options in (["--device", "cpu"], ["--threads", "1"], ["--events", "e.jsonl"], ["--batch", "2"],
                    ["--dtype", "float32"]):
        code, out, err = solve(QUESTION, "--server", url, *options)
        expect((code, out, err.count("\n")), (2, "", 1), str(options))
        has(err, options[0], "--server")
    code, _, err = solve(QUESTION, "--token-file", "x")
    expect(code, 2)
    has(err, "--token-file")


def bad_addresses(_url):
    for url, part in (("https://127.0.0.1:1", "https"), ("127.0.0.1:8080", "http://HOST:PORT"), ("http://", "http://HOST"),
                      ("http://a:0", "port"), ("http://a:99999", "port"), ("http://a/b", "nothing more"),
                      ("http://u@a:1", "nothing more"), ("http://a b", "nothing more"), ("unix:", "path"),
                      ("unix:" + "x" * 200, "path"), ("http://[::1", "nothing more"), ("http://a\r\nX: y", "nothing more")):
        code, out, err = solve(QUESTION, "--server", url)
        expect((code, out, err.count("\n")), (2, "", 1), url)
        has(err, "--server", part)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        for address in (url, "unix:nobody.sock"):
            code, out, err = solve(QUESTION, "--server", address)
            expect((code, out, err.count("\n")), (3, "", 1), address)
            has(err, address, "cannot connect")


# -- tokens and Unix sockets -------------------------------------------------------------------------------------------

def tokens():
    with open("tokens", "w", encoding="utf-8") as file:
        for name, token, scope in (("a", "right", "solve"), ("b", "other", "agent")):
            file.write(f"{name} {hashlib.sha256(token.encode()).hexdigest()} {scope}\n")
    for name, text in (("right.txt", "right\n"), ("wrong.txt", "wrong"), ("other.txt", "other"), ("empty.txt", "\n"),
                       ("two.txt", "a b")):
        with open(name, "w", encoding="utf-8") as file:
            file.write(text)
    with Server("--token-file", "tokens") as s:
        url = f"http://127.0.0.1:{s.port}"
        expect(solve(QUESTION, "--server", url, "--token-file", "right.txt")[0], 0)
        expect(solve(QUESTION, "--server", url, environment={"TRM_TOKEN": "right"})[0], 0)
        for options, part in (([], "401"), (["--token-file", "wrong.txt"], "401"), (["--token-file", "other.txt"], "403")):
            code, out, err = solve(QUESTION, "--server", url, *options)
            expect((code, out, err.count("\n")), (3, "", 1), str(options))
            has(err, part, "--token-file", url)
            assert "wrong" not in err.replace("wrong.txt", "") and "other" not in err.replace("other.txt", ""), err
        for name in ("empty.txt", "two.txt", "missing.txt"):
            code, out, err = solve(QUESTION, "--server", url, "--token-file", name)
            expect((code, out, err.count("\n")), (3, "", 1), name)
            has(err, name)


def unix_sockets():
    process = subprocess.Popen([TRM, "serve", "--listen", "unix:s.sock", "--data-dir", "unix-state", "--log", "json"],
                               stderr=subprocess.DEVNULL)
    try:
        until, code = time.monotonic() + 60, 3
        while code and time.monotonic() < until:
            code = solve(QUESTION, "--server", "unix:s.sock")[0]
        expect(code, 0)
    finally:
        process.kill()
        process.wait()


# -- servers that do not do what they should ---------------------------------------------------------------------------

class Pretender:
    """A server that gives the models of a real one, and then what `answer` says: bytes for each solve, in turn."""

    def __init__(self, models, answers):
        self.models, self.answers, self.asked = models, list(answers), []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def __enter__(self):
        threading.Thread(target=self.run, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.socket.close()

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        with connection, connection.makefile("rb") as lines:
            while True:
                first, length = lines.readline(), 0
                if not first:
                    return
                while (line := lines.readline().strip()):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                body = lines.read(length)
                if b"/v1/models" in first:
                    connection.sendall(whole(200, self.models))
                    continue
                self.asked.append((time.monotonic(), body))
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                connection.sendall(answer)
                if b"Content-Length" not in answer and b"chunked" not in answer:
                    return


def whole(status, body, fields=""):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{fields}\r\n".encode() + body


def problem(status, fields=""):
    return whole(status, {"title": "Too much waits", "status": status, "detail": "try again"}, fields)


def chunked(body):
    parts = [body[i:i + 7] for i in range(0, len(body), 7)]
    return (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n")


def other_servers(s):
    models = s.get("/v1/models").json
    good = s.post("/v1/solve", {"puzzle": QUESTION, "model": "sudoku-9x9"}).body
    options = ["--json", "--model", "sudoku-9x9"]
    wanted = objects(solve(QUESTION, *options, "--server", f"http://127.0.0.1:{s.port}")[1])

    for status in (429, 503):  # put off three times, and then not
        with Pretender(models, [problem(status, "Retry-After: 1\r\n")] * 3 + [whole(200, good)]) as p:
            code, out, err = solve(QUESTION, *options, "--server", p.url)
            expect((code, objects(out)), (0, wanted), err)
            expect(len(p.asked), 4)
            gaps = [b[0] - a[0] for a, b in zip(p.asked, p.asked[1:])]
            assert all(g > 0.95 for g in gaps), gaps
        with Pretender(models, [problem(status, "Retry-After: 0\r\n")]) as p:  # put off for ever
            code, out, err = solve(QUESTION, *options, "--server", p.url)
            expect((code, out, err.count("\n"), len(p.asked)), (3, "", 1, 8))
            has(err, str(status), "try again", p.url, "8 times")
    for answer in (chunked(good), b"HTTP/1.1 200 OK\r\n\r\n" + good, b"HTTP/1.1 100 Continue\r\n\r\n" + whole(200, good),
                   b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(good) + good):
        with Pretender(models, [answer]) as p:
            code, out, err = solve(QUESTION, *options, "--server", p.url)
            expect((code, objects(out)), (0, wanted), f"{err} {answer[:60]}")
    changed = json.loads(good)
    lies = [{**changed, key: value} for key, value in
            (("answer", "123"), ("answer", 5), ("steps", -1), ("steps", "x"), ("level", "Z"), ("halted_by", "?"), ("q", []))]
    for answer in [whole(200, lie) for lie in lies] + [
            b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", whole(200, b"{"),
            b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + good[:40] + b"\r\n" * 600, whole(302, b""), whole(404, b"no"),
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", whole(200, [])]:
        with Pretender(models, [answer]) as p:
            code, out, err = solve(QUESTION, *options, "--server", p.url)
            expect((code, out, err.count("\n")), (3, "", 1), str(answer[:80]))
            has(err, p.url)
    with Pretender(models, [whole(500, {"title": "The puzzle ended two engines"})]) as p:
        code, out, err = solve(QUESTION, *options, "--server", p.url)
        expect((code, out), (4, ""))
        has(err, "500", "two engines")
    sudoku = [m for m in models["models"] if m["task"] == "sudoku"]
    with Pretender({"models": [{**m, "grid": {**m["grid"], "width": 8}} for m in sudoku]}, [good]) as p:
        code, out, err = solve(QUESTION, "--server", p.url)
        expect((code, out, err.count("\n")), (2, "", 1), "grids that cannot be")
        has(err, "there are: none")


def dies_in_the_middle():
    with Server() as s:
        child = subprocess.Popen([TRM, "solve", "--json", "--server", f"http://127.0.0.1:{s.port}"], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1)
        child.stdin.write(QUESTION + "\n")
        child.stdin.flush()
        expect(json.loads(child.stdout.readline())["solved"], True)
        children = [pid for pids in s.children().values() for pid in pids]
        os.kill(s.process.pid, signal.SIGKILL)
        for pid in children:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        out, err = child.communicate(QUESTION + "\n", timeout=60)
        expect((child.returncode, out, err.count("\n")), (3, "", 1), err)
        has(err, f"http://127.0.0.1:{s.port}")


def interrupted(s):
    models = s.get("/v1/models").json
    with Pretender(models, [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"]) as p:
        child = subprocess.Popen([TRM, "solve", QUESTION, "--server", p.url], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
        until = time.monotonic() + 30
        while not p.asked and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.2)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=10)
        expect((child.returncode, out), (1, ""), err)
        has(err, "interrupted")


if __name__ == "__main__":
    def told(test, *arguments):
        began = time.monotonic()
        test(*arguments)
        print(f"{test.__name__}: {time.monotonic() - began:.1f} s", flush=True)

    with Server() as server:
        address = f"http://127.0.0.1:{server.port}"
        for test in (same_text, same_objects, same_noise, answers_while_puzzles_come, named_models, refused_options,
                     bad_addresses):
            told(test, address)
        told(other_servers, server)
        told(interrupted, server)
    for test in (tokens, unix_sockets, dies_in_the_middle):
        told(test)
