"""Nothing that was accepted is lost or done twice. Eight clients submit puzzles as jobs, each under a key of its own,
and write down every id that was acknowledged. Meanwhile an engine, the gateway, the root process or all of them are
killed with SIGKILL at random moments, and a root that died is started again. A client whose request was cut asks once
more with the same key. In the end: every acknowledged job is in the journal once, has ended well, with the answer that
the puzzle has; a key has one id; no job is there that nobody asked for. One thing may fail: a puzzle that was at work in
two engines that were killed is poison to the server, which cannot know who killed them; at most one for two such kills."""
import collections
import csv
import os
import random
import signal
import sys
import threading
import time

from served import Server

ROUNDS, SEED = int(os.environ.get("ROUNDS", "5")), int(os.environ.get("SEED", "1"))
CLIENTS = 8
with open("nine.csv", encoding="utf-8") as file:
    ROWS = list(csv.DictReader(file))
print(f"ROUNDS={ROUNDS} SEED={SEED}", flush=True)
random.seed(SEED)
acknowledged = collections.defaultdict(set)  # key: ids
asked = {}  # key: row
lock = threading.Lock()
stopping = threading.Event()
kills = collections.Counter()


def client(server, number, chance):
    count = 0
    while not stopping.is_set():
        key, row = f"client {number} job {count}", chance.randrange(len(ROWS))
        count += 1
        asked[key] = row
        body = {"puzzle": ROWS[row]["question"], "async": True, "search": 64}
        while not stopping.is_set():
            try:
                answer = server.post("/v1/solve", body, headers={"Idempotency-Key": key}, timeout=10)
            except OSError:  # cut off, or nobody there: nothing is known, ask again
                time.sleep(0.02)
                continue
            except Exception:  # half an answer
                continue
            if answer.status in (200, 202):
                with lock:
                    acknowledged[key].add(answer.json["id"])
                break
            if answer.status not in (429, 503):
                raise AssertionError(f"{answer.status}: {answer.body}")
            time.sleep(0.02)
        time.sleep(chance.random() * 0.02)


def kill(server, what):
    children = server.children()
    if what in children:
        os.kill(random.choice(children[what]), signal.SIGKILL)
    else:
        for pid in [server.process.pid] + [p for role in children.values() for p in role]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def rounds(server):
    for n in range(ROUNDS):
        what = random.choice(["engine", "engine", "gateway", "root", "all"])
        kills[what] += 1
        time.sleep(random.random() * 1.5)
        if what == "root":
            server.process.kill()
        else:
            kill(server, what)
        print(f"round {n + 1}: {what} killed, {sum(map(len, acknowledged.values()))} acknowledged", flush=True)
        time.sleep(random.random() * 0.5)
        if server.process.poll() is not None:
            server.process.wait()
            server.start()


def all_jobs(server):
    jobs, after = [], ""
    while True:
        page = server.get(f"/v1/jobs?limit=500{after}").json
        jobs += page["jobs"]
        if len(page["jobs"]) < 500:
            return jobs
        after = f"&after={page['next']}"


def judge(server):
    until = time.monotonic() + 900
    while any(j["state"] in ("submitted", "running") for j in all_jobs(server)):
        if time.monotonic() > until:
            raise AssertionError("jobs do not end")
        time.sleep(0.2)
    jobs = {j["id"]: j for j in all_jobs(server)}
    faults, poison = [], 0
    for key, ids in acknowledged.items():
        if len(ids) != 1:
            faults.append(f"{key} has {len(ids)} ids")
        for job in ids:
            if job not in jobs:
                faults.append(f"{key}: {job} is lost")
                continue
            found = server.get(f"/v1/jobs/{job}").json
            if found.get("reason") == "poison":
                poison += 1
            elif found["state"] != "done":
                faults.append(f"{key}: {found}")
            elif found["result"]["solved"] and found["result"]["answer"] != ROWS[asked[key]]["answer"]:
                faults.append(f"{key}: a wrong answer")
    known = {job for ids in acknowledged.values() for job in ids}
    # A job that nobody heard of is one whose acknowledgement was cut when the clients had stopped.
    if len(set(jobs) - known) > CLIENTS:
        faults.append(f"{len(set(jobs) - known)} jobs that nobody asked for")
    # Two engines die of a poisoned puzzle, or it runs alone at two ends of the server.
    if poison > sum(kills.values()) // 2:
        faults.append(f"{poison} poisoned puzzles after {sum(kills.values())} kills")
    solved = sum(server.get(f"/v1/jobs/{j}").json.get("result", {}).get("solved", False) for j in list(known)[:50])
    if faults or not known or not solved:
        print("\n".join(faults[:20]) or "nothing was acknowledged or solved", f"\n{len(faults)} faults")
        sys.exit(1)
    again = sum(j["attempts"] > 1 for j in jobs.values())
    print(f"{len(known)} jobs acknowledged, each done once; {again} were begun again, {poison} poisoned")


def main():
    with Server("--pool-size", "2", "--threads", "1", "--restarts", "64", "--period-s", "10") as server:
        threads = [threading.Thread(target=client, args=(server, n, random.Random(SEED * 1000 + n)), daemon=True)
                   for n in range(CLIENTS)]
        for t in threads:
            t.start()
        rounds(server)
        stopping.set()
        for t in threads:
            t.join(30)
        until = time.monotonic() + 60
        while not server.is_ready():
            if server.process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"the server does not come back:\n{server.text()[-3000:]}")
            time.sleep(0.1)
        judge(server)
        if server.stop() != 0:
            raise AssertionError(f"it does not end well:\n{server.text()[-3000:]}")


main()
