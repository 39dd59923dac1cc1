"""Other versions of models while the server runs. Each function below is a test; a failure names it."""
import csv
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from served import SLOW, TRM, Server

with open("nine.csv", encoding="utf-8") as file:
    ROWS = list(csv.DictReader(file))
QUESTION, ANSWER = ROWS[0]["question"], ROWS[0]["answer"]
MODELS = os.path.join(os.environ["TRM_SOURCE_DIR"], "models")
A, B, MAZE = (os.path.join(MODELS, f"{n}.safetensors") for n in ("sudoku-9x9", "sudoku-extreme", "maze-9"))
RELOADS, REQUESTS = int(os.environ.get("RELOADS", 4)), int(os.environ.get("REQUESTS", 120))
MEMORY = int(os.environ.get("MEMORY", 0))


def id_of(path):
    run = subprocess.run([TRM, "info", "--json", path], stdout=subprocess.PIPE, check=True)
    return json.loads(run.stdout)["id"]


def expect(found, wanted, what=""):
    if found != wanted:
        raise AssertionError(f"{what}: found {found!r}, expected {wanted!r}")


def put(source, target):
    """As a careful operator does it: whole, under its name at once."""
    shutil.copy(source, target + ".new")
    os.rename(target + ".new", target)


class Place:
    """A folder of models with one of Sudoku in it, and a server on it."""

    def __init__(self, *options, **more):
        self.folder = tempfile.mkdtemp(prefix="models-", dir=".")
        self.file = os.path.join(self.folder, "s.safetensors")
        put(A, self.file)
        self.server = Server("--models", self.folder, *options, **more)

    def __enter__(self):
        self.server.start()
        return self, self.server

    def __exit__(self, *_):
        self.server.__exit__()


def version(s):
    return s.get("/v1/models/s").json["version"]


def solves(s, wanted):
    answer = s.post("/v1/solve", {"puzzle": QUESTION, "model": "s"})
    expect((answer.status, answer.json["solved"], answer.json["model_version"]), (200, True, wanted), answer.body)


def until(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not in {seconds} s: {what}")
        time.sleep(0.05)


def loaded_activated_rolled_back():
    with Place() as (p, s):
        solves(s, ID_A)
        first = s.post("/v1/models/s/load").json
        expect((first["changed"], first["version"]), (False, ID_A))
        put(B, p.file)
        beside = s.post("/v1/models/s/load", {"activate": False}).json
        expect((beside["version"], beside["beside"]), (ID_A, ID_B), str(beside))
        solves(s, ID_A)
        named = s.post("/v1/solve", {"puzzle": QUESTION, "model": ID_B}).json
        expect((named["model_version"], named["model"]), (ID_B, "s"), "a request names its version")
        listed = {m["version"]: m["active"] for m in s.get("/v1/models").json["models"] if m["name"] == "s"}
        expect(listed, {ID_A: True, ID_B: False})
        kept = s.post("/v1/models/s/activate", {"keep": True}).json
        expect((kept["version"], kept["previous"], kept["beside"]), (ID_B, ID_A, ID_A))
        solves(s, ID_B)
        expect(s.post("/v1/solve", {"puzzle": QUESTION, "model": ID_A}).json["model_version"], ID_A)
        expect(s.post("/v1/models/s/unload", {"version": ID_A}).json["beside"], "")
        expect(s.post("/v1/solve", {"puzzle": QUESTION, "model": ID_A}).status, 400)
        os.unlink(p.file)  # a step back needs no file
        expect(s.post("/v1/models/s/rollback").json["version"], ID_A)
        solves(s, ID_A)
        put(MAZE, os.path.join(p.folder, "m.safetensors"))
        expect(s.post("/v1/models/m/load").json["changed"], True, "a name that is new")
        expect(s.post("/v1/solve", {"puzzle": "S   #\n### #\n    #\n ####\n    G", "search": 0}).json["model"], "m")
        expect(s.post("/v1/models/m/unload").json["loaded"], False)
        expect(s.get("/v1/models/m").status, 404)
        expect(s.post("/v1/models/s/unload").status, 422, "the last model")
        for path, body, status in [("none/load", {}, 404), ("none/rollback", {}, 404), ("..%2Fs/load", {}, 400),
                                   ("s/activate", {"version": "0123456789ab"}, 409), ("s/activate", {}, 409),
                                   ("s/load", {"activte": True}, 400), ("s/load", {"check": 3}, 400),
                                   ("s/load", [], 400), ("s/rollback", {"check": [{}]}, 400),
                                   ("s/unload", {"version": ID_A}, 409)]:
            answer = s.post(f"/v1/models/{path}", body)
            if answer.status not in (status, 404 if path.startswith("..") else status):
                raise AssertionError(f"{path} {body}: {answer.status} {answer.body}")
        expect(s.stop(), 0)
        put(A, p.file)
        s.start()  # what is active outlives the server
        solves(s, ID_A)


def attacks(p):
    """Files that are no whole model: (name, what makes one)."""
    with open(B, "rb") as f:
        whole = f.read()

    def write(data):
        with open(p.file, "wb") as f:  # in place, as cp does
            f.write(data)

    def link(target):
        os.unlink(p.file)
        os.symlink(target, p.file)

    def folder():
        os.unlink(p.file)
        os.mkdir(p.file)

    def pipe():
        os.rmdir(p.file)
        os.mkfifo(p.file)
    for cut in (0, 7, 8, 100, 4000, len(whole) // 2, len(whole) - 1):
        yield f"cut at {cut}", lambda cut=cut: write(whole[:cut])
    yield "half of it and zeros", lambda: write(whole[:len(whole) // 2] + bytes(len(whole) - len(whole) // 2))
    yield "a byte that is another", lambda: write(whole[:-500] + bytes([whole[-500] ^ 1]) + whole[-499:])
    yield "more behind it", lambda: write(whole + b"more")
    yield "rubbish", lambda: write(os.urandom(5000))
    yield "another task", lambda: shutil.copy(MAZE, p.file)
    yield "a link to nothing", lambda: link("absent")
    yield "a link to itself", lambda: link(os.path.basename(p.file))
    yield "a folder", folder
    yield "a pipe", pipe
    yield "a device", lambda: link("/dev/zero")
    if os.geteuid():
        yield "not readable", lambda: (os.unlink(p.file), shutil.copy(B, p.file), os.chmod(p.file, 0))
    yield "nothing", lambda: os.unlink(p.file)


def bad_files_are_refused():
    with Place() as (p, s):
        engines = s.children()["engine"]
        for name, make in attacks(p):
            make()
            answer = s.post("/v1/models/s/load")
            if answer.status not in (404, 422):
                raise AssertionError(f"{name}: {answer.status} {answer.body}")
            if not answer.json.get("detail"):
                raise AssertionError(f"{name}: nothing is said: {answer.body}")
            solves(s, ID_A)
            expect(s.get("/readyz").status, 200, name)
        expect(s.children()["engine"], engines, "no engine was touched")
        os.kill(engines[0], signal.SIGKILL)  # one that is started again has the version, not the file
        until(lambda: s.children().get("engine", engines) != engines and s.is_ready(), "a new engine")
        solves(s, ID_A)
        put(B, p.file)
        expect(s.post("/v1/models/s/load").json["version"], ID_B)
        solves(s, ID_B)
        until(lambda: sorted(os.listdir(s.state + "/models")) == sorted(
            [f"{ID_A}.safetensors", f"{ID_B}.safetensors", "versions.json"]), "copies that nobody needs go")


def a_server_without_a_model_is_mended():
    place = Place(wait=False)
    with open(place.file, "r+b") as f:
        f.truncate(10000)
    with place as (p, s):
        until(lambda: s.get("/v1/models").json["models"], "what is wrong")
        expect((s.get("/readyz").status, s.post("/v1/solve", {"puzzle": QUESTION}).status), (503, 503))
        expect(s.post("/v1/models/s/load").status, 422)
        put(A, p.file)
        expect(s.post("/v1/models/s/load").status, 200)
        expect(s.get("/readyz").status, 200)
        solves(s, ID_A)


def a_growing_file():
    """Looked at all the while it is copied, slowly and in place: it is loaded when it is whole, and not before."""
    with Place("--watch-s", "0.3") as (p, s):
        with open(B, "rb") as f:
            data = f.read()
        with open(p.file, "r+b") as f:
            for at in range(0, len(data), len(data) // 12 + 1):
                f.seek(at)
                f.write(data[at:at + len(data) // 12 + 1])
                f.flush()
                time.sleep(0.12)
                solves(s, ID_A)
            f.truncate()
        until(lambda: version(s) == ID_B, "the whole file")
        solves(s, ID_B)
        put(A, p.file)
        until(lambda: version(s) == ID_A, "a file that was renamed")
        with open(p.file, "wb") as f:
            f.write(data[:5000])
        until(lambda: "refused" in s.get("/v1/models/s").json, "a bad file is told of")
        refusals = s.text().count("not changed")
        time.sleep(1.5)
        expect(s.text().count("not changed"), refusals, "a refused file is tried again")
        put(B, p.file)
        until(lambda: version(s) == ID_B, "the next one is taken")


def a_run_is_followed():
    run = tempfile.mkdtemp(prefix="run-", dir=".")
    with Place("--follow", f"s={run}") as (p, s):
        put(B, os.path.join(run, "best.safetensors"))
        until(lambda: version(s) == ID_B, "the first best model")
        put(A, os.path.join(run, "best.safetensors"))
        until(lambda: version(s) == ID_A, "the next one")
        put(MAZE, os.path.join(p.folder, "new.safetensors"))
        time.sleep(3)
        expect(s.get("/v1/models/new").status, 404, "only the run is looked at")
    run = subprocess.run([TRM, "serve", "--follow", "a b=c/", "--data-dir", "unused", "--listen", "127.0.0.1:0"],
                         stderr=subprocess.PIPE, check=False, timeout=60)
    assert run.returncode == 2 and b"follow" in run.stderr, run.stderr


def check_sets():
    good = [{"puzzle": r["question"], "answer": r["answer"]} for r in ROWS[:20]]
    with Place() as (p, s):
        put(B, p.file)
        for check, least, status in [(good, 1.01, 400), (good[:3] + [{"puzzle": QUESTION}], 0.5, 400),
                                     ([{"puzzle": "12", "answer": "12"}], 0.5, 400), ([], 0.5, 400)]:
            answer = s.post("/v1/models/s/load", {"check": check, "least": least})
            expect(answer.status, status, answer.body)
        solves(s, ID_A)
        loaded = s.post("/v1/models/s/load", {"check": good, "least": 0.5}).json
        expect(loaded["check"]["count"], 20)
        assert loaded["check"]["right"] >= 10, loaded
        expect(version(s), ID_B)
    weak = "weak.safetensors"
    with open("few.csv", "w", encoding="utf-8") as f:
        f.writelines(["question,answer\n"] + [f"{r['question']},{r['answer']}\n" for r in ROWS[:4]])
    subprocess.run([TRM, "train", "few.csv", "--valid", "few.csv", "--run", "weak", "--preset", "sudoku-9x9", "--hidden-size", "16",
                    "--steps", "2", "--batch", "4", "--eval-every", "1", "--threads", "1"], check=False, stdout=subprocess.PIPE)
    shutil.copy("weak/best.safetensors", weak)
    with Place("--check", "few.csv", "--check-least", "0.8") as (p, s):
        put(weak, p.file)
        answer = s.post("/v1/models/s/load")
        expect(answer.status, 422, answer.body)
        assert "check set" in answer.json["detail"], answer.body
        solves(s, ID_A)
        expect(s.post("/v1/models/s/load", {"check": good, "least": 0}).status, 200, "a request's set goes before")


def signal_and_systemd():
    """SIGHUP: tokens and models are read again, and systemd is told when it begins and ends."""
    path = os.path.join(tempfile.mkdtemp(dir="/tmp"), "notify")
    heard = []
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(path)

    def listen():
        while True:
            text = listener.recv(2000).decode()
            heard.extend(line for line in text.split("\n") if not line.startswith(("STATUS", "WATCHDOG")))
            if "STOPPING=1" in text:
                return
    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    tokens = {name: os.urandom(16).hex() for name in ("alice", "bob")}

    def write(names):
        with open("tokens.txt", "w", encoding="utf-8") as f:
            for name in names:
                f.write(f"{name} {hashlib.sha256(tokens[name].encode()).hexdigest()} solve,admin\n")
    write(["alice", "bob"])

    def status(name):
        return s.get("/v1/models/s", headers={"Authorization": f"Bearer {tokens[name]}"}).status
    place = Place("--token-file", "tokens.txt")
    place.server.environment["NOTIFY_SOCKET"] = path
    with place as (p, s):
        expect((status("alice"), status("bob")), (200, 200))
        write(["alice"])
        put(B, p.file)
        s.process.send_signal(signal.SIGHUP)
        until(lambda: heard.count("READY=1") == 2, "READY=1 after RELOADING=1")
        expect([h.split("=")[0] for h in heard], ["READY", "RELOADING", "MONOTONIC_USEC", "READY"])
        assert abs(int(heard[2].split("=")[1]) / 1e6 - time.monotonic()) < 60, heard
        expect((status("alice"), status("bob")), (200, 401), "a revoked token")
        model = s.get("/v1/models/s", headers={"Authorization": f"Bearer {tokens['alice']}"}).json
        expect(model["version"], ID_B, "when READY=1 was told")
        with open("tokens.txt", "a", encoding="utf-8") as f:
            f.write("this is no line of a token file\n")
        s.process.send_signal(signal.SIGHUP)
        until(lambda: heard.count("READY=1") == 3, "READY=1 though the tokens are wrong")
        expect((status("alice"), status("bob")), (200, 401), "a wrong file changes nothing")
        expect(s.stop(), 0)
    thread.join(10)
    expect(heard[-1], "STOPPING=1")


def a_free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def killed_in_the_middle_of_a_switch():
    """kill -9 of the gateway, or of an engine, at any moment of a reload: one version is active, and it is whole."""
    rng = random.Random(7)
    place = Place("--restarts", "60")
    place.server.port = a_free_port()  # the same after each start of a gateway
    with place as (p, s):
        for k in range(int(os.environ.get("ROUNDS", 6))):
            put(B if version(s) == ID_A else A, p.file)
            asker = threading.Thread(target=lambda: quietly(lambda: s.post("/v1/models/s/load")))
            asker.start()
            time.sleep(rng.uniform(0, 1.0))
            kind = "gateway" if k % 3 else "engine"
            pids = s.children().get(kind, [])
            if pids:
                quietly(lambda pids=pids: os.kill(pids[-1], signal.SIGKILL))
            asker.join(60)
            until(s.is_ready, "ready again")
            found = version(s)
            assert found in (ID_A, ID_B), found
            solves(s, found)
            with open(s.state + "/models/versions.json", encoding="utf-8") as f:
                written = json.load(f)["models"][0]["active"]
            until(lambda: version(s) == json.load(open(s.state + "/models/versions.json"))["models"][0]["active"],
                  f"what is active is what is written: {written}")
            expect(id_of(f"{s.state}/models/{version(s)}.safetensors"), version(s), "the copy is whole")
        expect(s.process.poll(), None, "the server runs on")
        expect(s.stop(), 0)


def quietly(call):
    try:
        return call()
    except (OSError, ValueError, AssertionError, __import__("http").client.HTTPException):
        return None


def no_request_fails():
    """Clients all the while versions change: each answer is 200, by a version that was live between question and answer."""
    changes, failures, done = [], [], [0]
    stop = threading.Event()

    def client(number):
        rng = random.Random(number)
        while not stop.is_set():
            asked = time.monotonic()
            row = rng.choice(ROWS)
            kind = rng.randrange(10)
            body = {"puzzle": row["question"], "model": "s"}
            try:
                if kind == 0:  # a list
                    answer = s.post("/v1/solve", {"puzzles": [r["question"] for r in rng.sample(ROWS, 5)], "model": "s"})
                    versions = {a.get("model_version", a) and a["model_version"] for a in answer.json["answers"]}
                elif kind == 1:  # a job
                    answer = s.post("/v1/solve", {**body, "async": True})
                    job = s.job(answer.json["id"])
                    versions = {job["result"]["model_version"]}
                elif kind == 2:  # one that is long at work
                    answer = s.post("/v1/solve", {**body, **SLOW, "timeout_s": 1})
                    versions = {answer.json["model_version"]}
                else:
                    answer = s.post("/v1/solve", body)
                    versions = {answer.json["model_version"]}
                if answer.status not in (200, 202):
                    failures.append((answer.status, answer.body[:300]))
                now = time.monotonic()
                live = {ID_A} if not changes else set()
                for i, (begin, end, old, new) in enumerate(changes):
                    if asked < (end or now + 1) and (i == 0 or True):
                        live.add(old)
                    if now > begin:
                        live.add(new)
                if not versions <= live:
                    failures.append(("version", versions, live))
                done[0] += 1
            except Exception as e:  # an answer that cannot be read has failed
                failures.append((type(e).__name__, str(e)[:300]))
    with Place("--pool-size", "2", "--threads", "1") as (p, s):
        threads = [threading.Thread(target=client, args=(i,)) for i in range(6)]
        for t in threads:
            t.start()
        for k in range(RELOADS):
            until(lambda: done[0] >= REQUESTS * (k + 1) // (RELOADS + 1), "requests between reloads", 1800)
            old, new = (ID_A, ID_B) if k % 2 == 0 else (ID_B, ID_A)
            put(B if k % 2 == 0 else A, p.file)
            changes.append([time.monotonic(), None, old, new])
            answer = s.post("/v1/models/s/load", timeout=300)
            changes[-1][1] = time.monotonic()
            expect((answer.status, answer.json.get("version")), (200, new), answer.body)
            expect(s.get("/readyz").status, 200)
        until(lambda: done[0] >= REQUESTS, "all requests", 1800)
        stop.set()
        for t in threads:
            t.join(120)
        metrics = s.get("/metrics").body.decode()
        assert f'trm_reloads_total{{result="switched"}} {RELOADS}\n' in metrics, metrics
    print(f"  {done[0]} requests over {RELOADS} reloads, {len(failures)} failed")
    if failures:
        raise AssertionError(f"{len(failures)} of {done[0]} failed: {failures[:5]}")


def memory(s):
    """Resident memory of all processes that is their own, in KiB: root, gateway, engines."""
    total = 0
    for pid in [s.process.pid] + [p for pids in s.children().values() for p in pids]:
        with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as f:
            total += sum(int(line.split()[1]) for line in f if line.startswith(("Private_Clean", "Private_Dirty")))
    return total


def memory_does_not_grow():
    if not MEMORY:
        return
    with Place("--threads", "1") as (p, s):
        seen = []
        for k in range(1, MEMORY + 1):
            put(B if k % 2 else A, p.file)
            expect(s.post("/v1/models/s/load", timeout=300).status, 200)
            if k % 2 == 0 and (k == 20 or k == MEMORY):
                until(lambda: len(s.children()["engine"]) == 1, "the old engine ends")
                solves(s, ID_A)
                time.sleep(1)
                seen.append(min(memory(s) for _ in range(5)))
        print(f"  private memory at reload 20: {seen[0]} KiB, at {MEMORY}: {seen[-1]} KiB")
        assert seen[-1] - seen[0] < 1024, f"memory has grown from {seen[0]} to {seen[-1]} KiB"


def every_route_by_token():
    """From the list of routes themselves: without a token, with a wrong one, one without the scope, one that was
    revoked, the right one."""
    tokens = {name: os.urandom(16).hex() for name in ("solve", "admin", "agent", "gone")}

    def write(names):
        with open("routes.txt", "w", encoding="utf-8") as f:
            for name in names:
                scopes = "solve,admin,agent" if name == "gone" else name
                f.write(f"{name} {hashlib.sha256(tokens[name].encode()).hexdigest()} {scopes}\n")
    write(tokens)
    with Place("--token-file", "routes.txt") as (_, s):
        paths = s.get("/v1/openapi.json").json["paths"]
        open_ones = {path for path, methods in paths.items() for o in methods.values() if o.get("security") == []}
        expect(open_ones, {"/v1/openapi.json", "/livez", "/readyz", "/startupz"}, "routes for everybody")

        def ask(method, path, token):
            headers = {"Content-Type": "application/json"}
            if token is not None:
                headers["Authorization"] = f"Bearer {token}"
            return s.request(method.upper(), path.replace("{id}", "none"), "{}" if method == "post" else None, headers)
        tried = 0
        for revoked in (False, True):
            if revoked:
                write([n for n in tokens if n != "gone"])
                s.process.send_signal(signal.SIGHUP)
                until(lambda: "tokens are read again" in s.text(), "tokens are read again")
            for path, methods in paths.items():
                for method in methods:
                    what = f"{method} {path}"
                    if path in open_ones:
                        expect(ask(method, path, None).status, 200, what)
                        expect(ask(method, path, "wrong").status, 200, what)
                        continue
                    for token in (None, "wrong", "", tokens["gone"] + "x", tokens["gone"] if revoked else "also-wrong"):
                        answer = ask(method, path, token)
                        expect(answer.status, 401, f"{what} with {token}")
                        assert answer.headers["WWW-Authenticate"].startswith("Bearer"), answer.headers
                    by_scope = [ask(method, path, tokens[n]).status for n in ("solve", "admin", "agent")]
                    expect(by_scope.count(403), 2, f"{what}: one scope is right, found {by_scope}")
                    assert not {401, 405, 500} & set(by_scope), f"{what}: {by_scope}"
                    if not revoked:
                        assert ask(method, path, tokens["gone"]).status not in (401, 403), what
                    tried += 1
        print(f"  {tried} routes with tokens")


def a_second_signal_ends_it():
    with Server("--drain-s", "60", "--model-path", A) as s:
        c = s.connect()
        c.request("POST", "/v1/solve", json.dumps({"puzzle": QUESTION, **SLOW, "timeout_s": 50}),
                  {"Content-Type": "application/json"})
        time.sleep(0.5)
        s.process.send_signal(signal.SIGTERM)
        until(lambda: quietly(lambda: s.get("/readyz").status) in (503, None), "readyz")
        time.sleep(0.5)
        expect(s.process.poll(), None, "it waits for what runs")
        began = time.monotonic()
        s.process.send_signal(signal.SIGTERM)
        s.process.wait(30)
        assert time.monotonic() - began < 15, "the second SIGTERM does not end it"


def hosts_and_origins():
    def ask(s, host=None, origin=None, path="/v1/models"):
        headers = {**({"Host": host} if host is not None else {}), **({"Origin": origin} if origin else {})}
        return s.get(path, headers=headers).status
    with Place("--hosts", "trm.example") as (_, s):
        here = f"127.0.0.1:{s.port}"
        for host, origin, wanted in [
                (None, None, 200), ("localhost", None, 200), ("[::1]:80", None, 200), ("trm.example:80", None, 200),
                ("evil.example", None, 403), (f"evil.example:{s.port}", f"http://evil.example:{s.port}", 403),
                (here, f"http://{here}", 200), (here, "https://trm.example", 200), (here, "http://evil.example", 403),
                (here, "null", 403), (here, "http://127.0.0.1:1", 403)]:
            expect(ask(s, host, origin), wanted, f"Host {host}, Origin {origin}")
        expect(ask(s, "evil.example", "http://evil.example", "/readyz"), 200, "health is for everybody")
        paths = s.get("/v1/openapi.json").json["paths"]
        for path, methods in paths.items():
            for method, operation in methods.items():
                answer = s.request(method.upper(), path.replace("{id}", "none"), "{}" if method == "post" else None,
                                   {"Content-Type": "application/json", "Origin": "http://evil.example"})
                expect(answer.status, 200 if operation.get("security") == [] else 403, f"{method} {path}")


def engines_are_in_a_sandbox():
    """What it forbids is tested in unit/serve/sandbox; here, that engines are in it, and do all that they should."""
    def status(s, word):
        with open(f"/proc/{s.children()['engine'][0]}/status", encoding="utf-8") as f:
            return next(line.split()[1] for line in f if line.startswith(word))
    with Place() as (_, s):
        expect((status(s, "Seccomp:"), status(s, "NoNewPrivs:")), ("2", "1"))
        metrics = s.get("/metrics").body.decode()
        assert 'trm_sandbox{part="seccomp"} 1' in metrics, metrics
        landlock = 'trm_sandbox{part="landlock"} 1' in metrics
        solves(s, ID_A)
        expect(s.post("/v1/solve", {"puzzle": QUESTION, "votes": 2, "level": "B", "search": 0}).status, 200, "a solver of its own")
        expect(s.post("/v1/hint", {"puzzle": QUESTION}).status, 200)
        expect(s.post("/v1/generate", {"task": "sudoku", "max_clues": 36}).status, 200)
        os.kill(s.children()["engine"][0], signal.SIGABRT)
        until(lambda: s.is_ready() and "engine" in s.children(), "a new engine")
        solves(s, ID_A)
    with Place("--sandbox", "off") as (_, s):
        expect(status(s, "Seccomp:"), "0")
        assert 'trm_sandbox{part="seccomp"} 0' in s.get("/metrics").body.decode()
    with Place("--sandbox", "require", wait=False) as (_, s):
        until(lambda: s.get("/v1/models").json["models"], "what engines say")
        expect(s.is_ready(), landlock, s.get("/v1/models").body)


TESTS = [loaded_activated_rolled_back, bad_files_are_refused, a_server_without_a_model_is_mended, a_growing_file, a_run_is_followed, check_sets,
         signal_and_systemd, killed_in_the_middle_of_a_switch, no_request_fails, memory_does_not_grow,
         every_route_by_token, hosts_and_origins, engines_are_in_a_sandbox, a_second_signal_ends_it]


def main():
    failures = 0
    only = sys.argv[1:]
    for test in TESTS:
        if only and test.__name__ not in only:
            continue
        began = time.monotonic()
        try:
            test()
            print(f"{test.__name__}: ok, {time.monotonic() - began:.1f} s", flush=True)
        except Exception as e:  # whatever it is, the others are tried
            failures += 1
            print(f"{test.__name__}: {type(e).__name__}: {e}", flush=True)
    sys.exit(failures != 0)


ID_A, ID_B = id_of(A), id_of(B)
main()
