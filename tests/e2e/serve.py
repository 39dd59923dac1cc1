"""The server by its answers. Each function below is a test; a failure names it."""
import csv
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import time

from served import SLOW, TRM, Server, run_all

with open("nine.csv", encoding="utf-8") as file:
    ROWS = list(csv.DictReader(file))
QUESTION, ANSWER = ROWS[0]["question"], ROWS[0]["answer"]
MAZE = "\n".join(["S   #", "### #", "    #", " ####", "    G"])


def expect(found, wanted, what=""):
    if found != wanted:
        raise AssertionError(f"{what}: found {found!r}, expected {wanted!r}")


def same_answers_as_the_command(s):
    """Answers and steps are those of trm solve, one by one and as a list."""
    run = subprocess.run([TRM, "solve", "nine.csv", "--json"], stdout=subprocess.PIPE, check=False)
    by_command = [json.loads(line) for line in run.stdout.splitlines()]
    keys = ("answer", "verdict", "steps", "halted_by", "chain", "level", "solved", "solutions")
    listed = s.post("/v1/solve", {"puzzles": [r["question"] for r in ROWS], "batch_size": 7, "max_concurrency": 2}).json
    expect(listed["count"], len(ROWS))
    for i, (a, b) in enumerate(zip(by_command, listed["answers"])):
        for key in keys:
            expect(b[key], a[key], f"puzzle {i}: {key}")
    for i in (0, 1, 2):
        one = s.post("/v1/solve", {"puzzle": ROWS[i]["question"]}).json
        for key in keys:
            expect(one[key], by_command[i][key], f"puzzle {i} alone: {key}")
    expect(sum(a["solved"] for a in listed["answers"]), listed["solved"])


def puzzles_in_every_form(s):
    rows = [QUESTION[i:i + 9] for i in range(0, 81, 9)]
    numbers = [[int(c) if c != "." else 0 for c in row] for row in rows]
    tokens = [".123456789".index(c) + 1 for c in QUESTION]
    for form in (QUESTION, "\n".join(rows), rows, numbers, {"tokens": tokens}):
        answer = s.post("/v1/solve", {"puzzle": form, "model": "sudoku-9x9"})
        expect(answer.status, 200, answer.body)
        expect(answer.json["answer"], ANSWER, str(form)[:40])
    maze = s.post("/v1/solve", {"puzzle": MAZE}).json
    expect((maze["task"], len(maze["answer"]), maze["model"]), ("maze", 25, "maze-9"))
    expect(len(maze["cell_confidence"]), 25)


def one_bad_puzzle_fails_alone(s):
    answer = s.post("/v1/solve", {"puzzles": [QUESTION, "what?", {"puzzle": ROWS[1]["question"], "id": "second"}]}).json
    expect([a["solved"] for a in answer["answers"]], [True, False, True])
    expect(answer["answers"][1]["error"]["errors"][0]["pointer"], "/puzzles/1/puzzle")
    expect(answer["answers"][2]["id"], "second")
    expect((answer["solved"], answer["failed"]), (2, 1))


def steps_are_told(s):
    """As a stream and with explain, and as trm solve --explain has them."""
    asked = {"puzzle": QUESTION, "search": 0, "rules_halt": False, "halt": False, "max_steps": 5}
    events = s.events("POST", "/v1/solve", asked)
    expect([e[1] for e in events], ["step"] * 5 + ["done"])
    expect([e[0] for e in events], [1, 2, 3, 4, 5, 6])
    whole = s.post("/v1/solve", {**asked, "explain": True}).json
    expect([e[2]["answer"] for e in events[:5]], [t["answer"] for t in whole["trace"]])
    expect(events[5][2]["answer"], whole["answer"])
    run = subprocess.run([TRM, "solve", "--json", "--explain", "--search", "0", "--no-rules-halt", "--no-halt",
                          "--max-steps", "5", QUESTION], stdout=subprocess.PIPE, check=False)
    expect([t["answer"] for t in json.loads(run.stdout)["trace"]], [t["answer"] for t in whole["trace"]])


def jobs(s):
    answer = s.post("/v1/solve", {"puzzle": QUESTION, "async": True})
    expect(answer.status, 202, answer.body)
    job = answer.json["id"]
    expect(answer.headers["Location"], f"/v1/jobs/{job}")
    found = s.job(job)
    expect((found["state"], found["result"]["answer"]), ("done", ANSWER))
    expect([j["id"] for j in s.get("/v1/jobs?state=done&limit=1000").json["jobs"]].count(job), 1)
    last = s.events("GET", f"/v1/jobs/{job}/events")
    expect((len(last), last[0][1], last[0][2]["answer"]), (1, "done", ANSWER))
    many = s.post("/v1/solve", {"puzzles": [r["question"] for r in ROWS], "async": True}).json["id"]
    expect(s.job(many)["result"]["count"], len(ROWS))


def events_from_the_last_one_on(s):
    job = s.post("/v1/solve", {"puzzle": QUESTION, "async": True, **SLOW, "max_steps": 600}).json["id"]
    time.sleep(0.3)
    first = s.events("GET", f"/v1/jobs/{job}/events")
    expect(first[-1][1], "done")
    ids = [e[0] for e in first]
    expect(ids, list(range(ids[0], ids[0] + len(ids))), "ids in order")
    again = s.events("GET", f"/v1/jobs/{job}/events", headers={"Last-Event-ID": str(ids[-2])})
    expect([e[1] for e in again], ["done"])


def cancelled_jobs(s):
    job = s.post("/v1/solve", {"puzzle": QUESTION, "async": True, **SLOW, "max_steps": 1024}).json["id"]
    expect(s.post(f"/v1/jobs/{job}/cancel").json["state"], "cancelled")
    expect(s.post(f"/v1/jobs/{job}/cancel").status, 409)
    expect(s.get(f"/v1/jobs/{job}").json["state"], "cancelled")


def idempotency(s):
    headers = {"Idempotency-Key": "one key"}
    first = s.post("/v1/solve", {"puzzle": QUESTION}, headers=headers)
    again = s.post("/v1/solve", {"puzzle": QUESTION}, headers=headers)
    expect((first.status, again.status), (200, 200), first.body)
    expect(again.json, first.json)
    other = s.post("/v1/solve", {"puzzle": ROWS[1]["question"]}, headers=headers)
    expect(other.status, 422)
    slow = {"puzzle": QUESTION, "async": True, **SLOW, "max_steps": 400}
    a = s.post("/v1/solve", slow, headers={"Idempotency-Key": "two"}).json["id"]
    b = s.post("/v1/solve", slow, headers={"Idempotency-Key": "two"}).json["id"]
    expect(b, a)
    del slow["async"]
    expect(s.post("/v1/solve", {**slow, "max_steps": 401}, headers={"Idempotency-Key": "two"}).status, 422)
    s.job(a)


def sessions(s):
    made = s.post("/v1/sessions", {"puzzle": QUESTION})
    expect(made.status, 201, made.body)
    path = made.headers["Location"]
    plain = s.post("/v1/solve", {"puzzle": QUESTION, "explain": True, "search": 0, "rules_halt": False, "halt": False,
                                 "max_steps": 4}).json["trace"]
    three = s.post(f"{path}/step", {"steps": 3}).json
    expect([h["answer"] for h in three["history"]], [t["answer"] for t in plain[:3]], "a session's steps")
    back = s.post(f"{path}/back", {"steps": 2}).json
    expect((back["steps"], back["answer"]), (1, plain[0]["answer"]))
    again = s.post(f"{path}/step", {"steps": 3}).json
    expect([h["answer"] for h in again["history"]], [t["answer"] for t in plain], "taken again")
    empty = QUESTION.index(".")
    pinned = s.post(f"{path}/pin", {"cell": empty, "value": ANSWER[empty]}).json
    expect(pinned["question"][empty], ANSWER[empty])
    expect(s.post(f"{path}/step").json["steps"], 5)
    expect(s.post(f"{path}/clear", {"cell": empty}).json["question"], QUESTION)
    expect(s.post(f"{path}/back", {"steps": 60}).status, 409)
    expect(len(s.get("/v1/sessions").json["sessions"]), 1)
    expect(s.request("DELETE", path).status, 204)
    expect(s.get(path).status, 404)


def checks_hints_new_puzzles(s):
    expect(s.post("/v1/check", {"puzzle": QUESTION, "answer": ANSWER}).json["verdict"], "right")
    wrong = ANSWER[1] + ANSWER[0] + ANSWER[2:]
    found = s.post("/v1/check", {"puzzle": QUESTION, "answer": wrong}).json
    expect((found["verdict"], found["correct"]), ("wrong", False))
    expect(s.post("/v1/check", {"puzzle": QUESTION}).json["question"]["solutions"], 1)
    hint = s.post("/v1/hint", {"puzzle": QUESTION}).json
    expect(hint["value"], ANSWER[hint["cell"]], "a hint")
    made = s.post("/v1/generate", {"task": "sudoku", "seed": 4, "min_clues": 30, "max_clues": 36}).json
    expect(s.post("/v1/check", {"puzzle": made["puzzle"], "answer": made["answer"]}).json["verdict"], "right")
    expect(s.post("/v1/generate", {"task": "sudoku", "seed": 4, "min_clues": 30, "max_clues": 36}).json, made)


BAD = [  # body, status, what the problem names
    (b"", 400, None), (b"{", 400, None), (b"[1]", 400, ""), (b"null", 400, ""), (b'{"puzzle": 1, "puzzle": 2}', 400, None),
    (b'{"a": "\\u0000"}', 400, None), (b"\xff", 400, None), ({}, 400, "/puzzle"), ({"puzzles": []}, 400, "/puzzles"),
    ({"puzzles": "x"}, 400, "/puzzles"), ({"puzzle": QUESTION, "puzzles": [QUESTION]}, 400, "/puzzle"),
    ({"puzzle": 7}, 400, "/puzzle"), ({"puzzle": None}, 400, "/puzzle"), ({"puzzle": ""}, 400, "/puzzle"),
    ({"puzzle": QUESTION[:80]}, 400, "/puzzle"), ({"puzzle": QUESTION + "1"}, 400, "/puzzle"),
    ({"puzzle": "11" + QUESTION[2:]}, 400, "/puzzle"), ({"puzzle": {"tokens": "x"}}, 400, "/puzzle/tokens"),
    ({"puzzle": {"tokens": [1] * 80}}, 400, "/puzzle/tokens"), ({"puzzle": {"tokens": [99] * 81}, "model": "maze-9"}, 400, "/puzzle/tokens"),
    ({"puzzle": {"tokens": [1.5] * 81}, "model": "maze-9"}, 400, "/puzzle/tokens"), ({"puzzle": {"tokens": [1] * 81}}, 400, "/model"), ({"puzzle": {"cells": []}}, 400, "/puzzle/tokens"),
    ({"puzzle": [[1, 2], [3]]}, 400, "/puzzle"), ({"puzzle": QUESTION, "model": "gone"}, 400, "/model"),
    ({"puzzle": QUESTION, "model": 3}, 400, "/model"), ({"puzzle": QUESTION, "max_stps": 3}, 400, "/max_stps"),
    ({"puzzle": QUESTION, "max_steps": -1}, 400, "/max_steps"), ({"puzzle": QUESTION, "max_steps": 5000}, 400, "/max_steps"),
    ({"puzzle": QUESTION, "max_steps": "four"}, 400, "/max_steps"), ({"puzzle": QUESTION, "level": "Z"}, 400, "/level"),
    ({"puzzle": QUESTION, "search": 1e9}, 400, "/search"), ({"puzzle": QUESTION, "timeout_s": 0}, 400, "/timeout_s"),
    ({"puzzle": QUESTION, "timeout_s": 1e5}, 400, "/timeout_s"), ({"puzzle": QUESTION, "votes": 0}, 400, "/votes"),
    ({"puzzle": QUESTION, "priority": 1000}, 400, "/priority"), ({"puzzle": QUESTION, "async": "yes"}, 400, "/async"),
    ({"puzzles": [{"id": "a"}]}, 400, "/puzzles/0/puzzle"), ({"puzzles": [{"puzzle": QUESTION, "id": 3}]}, 400, "/puzzles/0/id"),
    ({"puzzles": [{"puzzle": QUESTION, "async": True}]}, 400, "/puzzles/0/async"),
    ({"puzzles": [QUESTION] * 2000}, 400, "/puzzles"), ({"puzzles": [QUESTION], "batch_size": 0}, 400, "/batch_size"),
    ({"puzzles": [QUESTION] * 65, "explain": True}, 400, "/explain"), ({"puzzle": "x" * 2000000}, 413, None),
]


def bad_bodies(s):
    for body, status, pointer in BAD:
        shown = str(body)[:60] + " ... " + str(body)[-60:]
        headers = {"Content-Type": "application/json"}
        data = body if isinstance(body, bytes) else json.dumps(body)
        try:
            answer = s.request("POST", "/v1/solve", data, headers)
        except (BrokenPipeError, ConnectionResetError):
            expect(status, 413, shown)  # the server closed while we were still sending
            continue
        expect(answer.status, status, f"{shown}: {answer.body[:300]}")
        problem = answer.json
        expect(answer.headers["Content-Type"], "application/problem+json", shown)
        if not problem.get("detail") or problem["status"] != status:
            raise AssertionError(f"{shown}: {problem}")
        if pointer is not None:
            expect(problem["errors"][0]["pointer"], pointer, f"{shown}: {problem}")


def bad_requests(s):
    json_type = {"Content-Type": "application/json"}
    for method, path, body, headers, status in [
            ("GET", "/v1/solve", None, {}, 405), ("GET", "/v1/nothing", None, {}, 404), ("GET", "/v1/", None, {}, 404),
            ("POST", "/v1/solve", "x=1", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
            ("POST", "/v1/solve", "{}", {}, 415), ("PUT", "/v1/jobs/x", "", {}, 405),
            ("POST", "/v1/solve", json.dumps({"puzzle": QUESTION}), {**json_type, "Accept": "image/png"}, 406),
            ("POST", "/v1/solve", json.dumps({"puzzle": QUESTION}), {**json_type, "Idempotency-Key": "k" * 300}, 400),
            ("GET", "/v1/jobs/none", None, {}, 404), ("GET", "/v1/jobs?state=odd", None, {}, 400),
            ("GET", "/v1/jobs?limit=0", None, {}, 400), ("GET", "/v1/jobs?limit=9x", None, {}, 400),
            ("GET", "/v1/jobs/none/events", None, {}, 404), ("POST", "/v1/jobs/none/cancel", None, {}, 404),
            ("GET", "/v1/sessions/none", None, {}, 404), ("POST", "/v1/sessions/none/step", "{}", json_type, 404),
            ("POST", "/v1/sessions", "{}", json_type, 400), ("DELETE", "/v1/sessions/none", None, {}, 404),
            ("POST", "/v1/hint", "{}", json_type, 400), ("POST", "/v1/check", "{}", json_type, 400),
            ("POST", "/v1/check", json.dumps({"puzzle": QUESTION, "answer": MAZE}), json_type, 400),
            ("POST", "/v1/generate", json.dumps({"task": "chess"}), json_type, 400),
            ("POST", "/v1/generate", json.dumps({"sise": 9}), json_type, 400),
            ("GET", "/v1/jobs/%2e%2e", None, {}, 400)]:
        answer = s.request(method, path, body, headers)
        expect(answer.status, status, f"{method} {path} {body}: {answer.body[:200]}")
    path = s.post("/v1/sessions", {"puzzle": QUESTION}).headers["Location"]
    for verb, body, status in [("step", {"steps": 0}, 400), ("step", {"steps": 65}, 400), ("step", {"steps": "a"}, 400),
                               ("pin", {"cell": 81, "value": "1"}, 400), ("pin", {"cell": 1}, 400),
                               ("pin", {"cell": 1, "value": "x"}, 400), ("pin", {"cell": 1, "token": 11}, 400),
                               ("clear", {}, 400), ("back", {"steps": 1}, 409)]:
        expect(s.post(f"{path}/{verb}", body).status, status, f"{verb} {body}")
    s.request("DELETE", path)


def metrics_are_prometheus(s):
    before = s.get("/metrics")
    expect(before.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
    s.post("/v1/solve", {"puzzle": QUESTION})

    def read(text):
        values, types = {}, {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                types[line.split()[2]] = line.split()[3]
            elif not line.startswith("#"):
                m = re.fullmatch(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-z_]+="[^"\\]*",?)*\})? (\S+)', line)
                assert m, f"no sample: {line}"
                values[(m[1], m[2] or "")] = float(m[3])
        return values, types
    (a, types), (b, _) = read(before.body.decode()), read(s.get("/metrics").body.decode())
    solved = ("trm_inference_total", '{result="solved"}')
    expect(b[solved], a[solved] + 1, "trm_inference_total")
    for name, kind in [("trm_inference_total", "counter"), ("trm_inference_duration_seconds", "histogram"),
                       ("trm_supervision_steps", "histogram"), ("trm_supervision_steps_average", "gauge"),
                       ("trm_early_halt_total", "counter"), ("trm_queue_depth", "gauge")]:
        expect(types.get(name), kind, name)
    inf = ("trm_inference_duration_seconds_bucket", '{le="+Inf"}')
    expect(b[inf], b[("trm_inference_duration_seconds_count", "")], "+Inf")


def described_as_it_is(s):
    """Every route of the description answers as one; every reference in it leads somewhere."""
    whole = s.get("/v1/openapi.json").json
    expect(whole["openapi"], "3.1.0")
    names = set()
    for path, methods in whole["paths"].items():
        for method, operation in methods.items():
            expect(operation["operationId"] in names, False, "names are used once")
            names.add(operation["operationId"])
            answer = s.request(method.upper(), path.replace("{id}", "none"), "{}" if method == "post" else None,
                               {"Content-Type": "application/json"})
            if answer.status in (405, 406, 415, 500) or (answer.status == 404 and "{id}" not in path):
                raise AssertionError(f"{method} {path}: {answer.status} {answer.body}")

    def walk(value):
        if isinstance(value, dict):
            if "$ref" in value:
                at = whole
                for key in value["$ref"].lstrip("#/").split("/"):
                    at = at[key]
            for v in value.values():
                walk(v)
        elif isinstance(value, list):
            for v in value:
                walk(v)
    walk(whole)
    properties = whole["paths"]["/v1/solve"]["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]
    for key in ("puzzle", "puzzles", "max_steps", "search", "level", "async", "timeout_s", "model"):
        assert key in properties, key


def trace_context(s):
    sent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    got = s.post("/v1/solve", {"puzzle": QUESTION}, headers={"traceparent": sent}).headers["Traceparent"]
    expect((got[:36], got[36:52] != sent[36:52]), (sent[:36], True))


def time_is_kept(s):
    began = time.monotonic()
    answer = s.post("/v1/solve", {"puzzle": QUESTION, **SLOW, "timeout_s": 0.3}).json
    expect(answer["expired"], True)
    assert time.monotonic() - began < 5, "the time limit is not kept"


def tokens():
    token = "a-long-and-random-token"
    digest = __import__("hashlib").sha256(token.encode()).hexdigest()
    with open("tokens", "w", encoding="utf-8") as f:
        f.write(f"alice {digest} solve\n")
    with Server("--token-file", "tokens") as s:
        expect(s.get("/livez").status, 200)
        refused = s.post("/v1/solve", {"puzzle": QUESTION})
        expect(refused.status, 401)
        assert refused.headers["WWW-Authenticate"].startswith("Bearer"), refused.headers
        good = {"Authorization": f"Bearer {token}"}
        expect(s.post("/v1/solve", {"puzzle": QUESTION}, headers=good).status, 200)
        expect(s.post("/v1/solve", {"puzzle": QUESTION}, headers={"Authorization": "Bearer no"}).status, 401)
        expect(s.get("/metrics", headers=good).status, 403)
        if token in s.text() or QUESTION in s.text():
            raise AssertionError("a token or a puzzle stands in the log")


def a_model_that_cannot_be_loaded():
    os.makedirs("models", exist_ok=True)
    models = os.path.join(os.environ["TRM_SOURCE_DIR"], "models", "sudoku-9x9.safetensors")
    with open(models, "rb") as f:
        data = bytearray(f.read())
    data[-100] ^= 1
    with open("models/damaged.safetensors", "wb") as f:
        f.write(data)
    with Server("--model-path", "models/damaged.safetensors", wait=False) as s:
        time.sleep(0.5)
        expect(s.get("/livez").status, 200)
        expect(s.get("/readyz").status, 503)
        expect(s.get("/startupz").status, 503)
        answer = s.post("/v1/solve", {"puzzle": QUESTION})
        expect((answer.status, answer.json["type"]), (503, "urn:trm:problem:model_not_loaded"))
        assert "Retry-After" in answer.headers, answer.headers
        expect(s.stop(), 0)
    shutil.rmtree("models")


def too_much_is_refused_before_it_is_accepted():
    with Server("--queue-limit", "2") as s:
        connections = []
        for _ in range(12):
            c = s.connect()
            c.request("POST", "/v1/solve", json.dumps({"puzzle": QUESTION, **SLOW, "timeout_s": 3}),
                      {"Content-Type": "application/json"})
            connections.append(c)
        answers = [c.getresponse() for c in connections]
        statuses = sorted(a.status for a in answers)
        assert 429 in statuses and 200 in statuses, statuses
        for a in answers:
            if a.status == 429:
                assert a.getheader("Retry-After"), "429 without Retry-After"


def drain():
    """What runs is finished, what comes is refused, the exit status is 0; what does not end in time is a job still."""
    with Server("--drain-delay-s", "1", "--drain-s", "20") as s:
        c = s.connect()
        c.request("POST", "/v1/solve", json.dumps({"puzzle": QUESTION, **SLOW, "timeout_s": 4}),
                  {"Content-Type": "application/json"})
        time.sleep(0.3)
        s.process.send_signal(15)
        time.sleep(0.3)
        expect(s.get("/readyz").status, 503, "readyz while draining")
        expect(s.post("/v1/solve", {"puzzle": QUESTION}).status, 200, "in the delay")
        answer = c.getresponse()
        expect(answer.status, 200)
        answer.read()
        c.close()
        expect(s.process.wait(30), 0)
    with Server("--drain-s", "0.2") as s:
        job = s.post("/v1/solve", {"puzzle": QUESTION, "async": True, **SLOW, "max_steps": 1000, "timeout_s": 5}).json["id"]
        time.sleep(0.2)
        expect(s.stop(), 0)
        s.start()
        expect(s.job(job)["state"], "done")
        expect(s.job(job)["attempts"], 2)
        expect(s.stop(), 0)


def backup():
    """A copy made while jobs run is whole, and a server goes on from it."""
    with Server("--drain-s", "2") as s:
        done = s.post("/v1/solve", {"puzzle": QUESTION, "async": True}).json["id"]
        s.job(done)
        for _ in range(5):
            s.post("/v1/solve", {"puzzle": QUESTION, "async": True, **SLOW, "max_steps": 300})
        words = [TRM, "serve", "--backup", "copy.db", "--listen", f"127.0.0.1:{s.port}", "--data-dir", s.state]
        subprocess.run(words, check=True, stdout=subprocess.PIPE, timeout=60)
        expect(subprocess.run(words, stderr=subprocess.PIPE, check=False).returncode, 2, "a file that exists")
        subprocess.run([*words, "--force"], check=True, stdout=subprocess.PIPE, timeout=60)
        expect(os.path.exists(os.path.join(s.state, "backup.db")), False, "nothing is left behind")
        with sqlite3.connect("copy.db") as db:
            expect(db.execute("pragma integrity_check").fetchone(), ("ok",))
        expect(s.stop(), 0)
    os.makedirs("restored")
    shutil.copy("copy.db", "restored/journal.db")
    with Server(state="restored") as s:
        expect(s.get(f"/v1/jobs/{done}").json["state"], "done")
        expect(len(s.get("/v1/jobs").json["jobs"]), 6)
    run = subprocess.run([*words, "--force"], stderr=subprocess.PIPE, check=False)
    assert run.returncode != 0 and b"127.0.0.1" in run.stderr, run.stderr


def configuration():
    with open("trm.json", "w", encoding="utf-8") as f:
        json.dump({"pool_size": 2, "queue_limit": 7}, f)
    run = subprocess.run([TRM, "serve", "--config", "trm.json", "--print-config", "--queue-limit", "9"],
                         stdout=subprocess.PIPE, check=True, env={**os.environ, "TRM_POOL_SIZE": "3"})
    found = json.loads(run.stdout)
    expect((found["pool_size"], found["queue_limit"]), (3, 9))
    for words, code, text in [(["--listen", "0.0.0.0:0"], 2, "--token-file"), (["--pool-sise", "2"], 2, "--pool-size"),
                              (["--config", "absent.json"], 4, "absent.json"), (["--listen", "nowhere"], 2, "nowhere"),
                              (["--token-file", "absent"], 4, "absent"), (["--model-path", "absent"], 3, "absent"),
                              (["extra"], 2, "extra")]:
        run = subprocess.run([TRM, "serve", *words, "--data-dir", "unused"], stderr=subprocess.PIPE, check=False, timeout=60)
        text_found = run.stderr.decode()
        if run.returncode == 0 or text not in text_found:
            raise AssertionError(f"{words}: exit {run.returncode}, expected {code} with {text}: {text_found}")
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    run = subprocess.run([TRM, "serve", "--listen", f"127.0.0.1:{taken.getsockname()[1]}", "--data-dir", "unused"],
                         stderr=subprocess.PIPE, check=False, timeout=60)
    assert run.returncode != 0 and b"somebody listens" in run.stderr, run.stderr
    with Server() as s:
        run = subprocess.run([TRM, "serve", "--listen", "127.0.0.1:0", "--data-dir", s.state], stderr=subprocess.PIPE,
                             check=False, timeout=60)
        assert run.returncode != 0 and b"in use by process" in run.stderr, run.stderr


SHARED = [same_answers_as_the_command, puzzles_in_every_form, one_bad_puzzle_fails_alone, steps_are_told, jobs,
          events_from_the_last_one_on, cancelled_jobs, idempotency, sessions, checks_hints_new_puzzles, bad_bodies,
          bad_requests, metrics_are_prometheus, described_as_it_is, trace_context, time_is_kept]
OWN = [tokens, a_model_that_cannot_be_loaded, too_much_is_refused_before_it_is_accepted, drain, backup, configuration]


run_all(SHARED, OWN)
