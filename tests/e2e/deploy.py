"""Files that operators use: dashboards, alerts and rules name metrics that a running server has, and pages that explain them; the
container's entry point makes tokens, and its health check tells ready from not; the tables of docs/scaling.md are what is computed."""
import glob
import hashlib
import json
import os
import re
import signal
import subprocess
import time

import scaling
from served import Server

SOURCE, TRM = os.environ["TRM_SOURCE_DIR"], os.environ["TRM"]
PUZZLE = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
checks = 0


def check(good, what):
    global checks
    checks += 1
    assert good, what


def read(*names):
    with open(os.path.join(SOURCE, *names), encoding="utf-8") as f:
        return f.read()


# -- metrics --------------------------------------------------------------------------------------------------------------

def expressions(name):
    """The expressions of a file of Prometheus' rules: behind `expr:`, the folded lines of `>-` included."""
    text = re.sub(r"(?m)^(\s+)expr: >-\n((?:\1  .*\n)+)", lambda m: f"{m[1]}expr: {' '.join(m[2].split())}\n", read("deploy", "prometheus", name))
    return re.findall(r"(?m)^\s+expr: (.+)$", text)


def metrics():
    with Server() as s:
        s.post("/v1/solve", {"puzzle": PUZZLE})
        kinds = dict(re.findall(r"(?m)^# TYPE (\S+) (\S+)", s.get("/metrics").body.decode()))
    exposed = set()
    for name, kind in kinds.items():
        exposed |= {name + end for end in (("_bucket", "_sum", "_count") if kind == "histogram" else ("",))}
    recorded = set(re.findall(r"record: (\S+)", read("deploy", "prometheus", "rules.yml")))
    dashboard = json.loads(read("deploy", "grafana", "trm.json"))
    asked = {"rules.yml": expressions("rules.yml"), "alerts.yml": expressions("alerts.yml"),
             "trm.json": [t["expr"] for p in dashboard["panels"] for t in p["targets"]]}
    check(len(asked["rules.yml"]) == len(recorded) >= 7 and len(asked["alerts.yml"]) >= 9 and len(asked["trm.json"]) >= 25, asked)
    words = {}
    for file, found in asked.items():
        for text in found:
            for word in re.findall(r"\b(?:trm|http_server)[a-z0-9_:]*", text):
                words.setdefault(word, file)
    words.pop("trm", None)  # the job
    for word, file in words.items():
        check(word in exposed or word in recorded, f"{file}: {word}: the server has no such metric and no rule records it")
    unused = {re.sub(r"_(bucket|sum|count)$", "", e) for e in exposed} - {re.sub(r"_(bucket|sum|count)$", "", w) for w in words}
    check(not unused, f"in no panel, rule or alert: {unused}")
    page, serve = read("docs", "deploy.md"), read("docs", "serve.md")
    for alert in re.findall(r"alert: (\S+)", read("deploy", "prometheus", "alerts.yml")):
        check(f"### {alert}\n" in page and f"docs/deploy.md#{alert.lower()}" in read("deploy", "prometheus", "alerts.yml"), alert)
    for panel in dashboard["panels"]:
        check(panel["description"] and f"**{panel['title']}**" in page, f"docs/deploy.md: no row has the panel \"{panel['title']}\"")
    for name in kinds:
        known = name in serve or any(name.startswith(k) for k in ("trm_journal_", "trm_http_", "trm_ready", "trm_draining", "trm_busy", "trm_sessions"))
        check(known, f"docs/serve.md does not name {name}")


def promtool():
    tool = "/usr/bin/promtool"
    if not os.path.exists(tool):
        print("promtool is not installed: rules were not parsed by Prometheus' own parser")
        return
    for file in ("rules.yml", "alerts.yml"):
        run = subprocess.run([tool, "check", "rules", os.path.join(SOURCE, "deploy", "prometheus", file)], capture_output=True, text=True, check=False)
        check(run.returncode == 0, run.stdout + run.stderr)


# -- the container's entry point --------------------------------------------------------------------------------------------

def entrypoint(state, port, **more):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TRM")}
    environment |= {"PATH": f"{os.path.dirname(TRM)}:{environment['PATH']}", "TRM_DATA_DIR": state, "TRM_LISTEN": f"127.0.0.1:{port}",
                    "TRM_LOG": "json", **more}
    return subprocess.Popen([os.path.join(SOURCE, "deploy", "entrypoint")], env=environment, stderr=subprocess.PIPE, text=True)


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def healthy(port):
    run = subprocess.run([os.path.join(SOURCE, "deploy", "healthcheck")], env={**os.environ, "TRM_LISTEN": f"0.0.0.0:{port}"},
                         capture_output=True, check=False)
    return run.returncode == 0


def status(port, token=None):
    head = ["-H", f"Authorization: Bearer {token}"] if token else []
    run = subprocess.run(["curl", "-s", "-o", "answer", "-w", "%{http_code}", "-H", "Content-Type: application/json", *head, "-d",
                          json.dumps({"puzzle": PUZZLE}), f"http://127.0.0.1:{port}/v1/solve"], capture_output=True, text=True, check=False)
    return int(run.stdout or 0)


def until_healthy(process, port):
    end = time.monotonic() + 60
    while not healthy(port):
        check(process.poll() is None and time.monotonic() < end, "the container's server does not start")
        time.sleep(0.1)


def ended(process):
    process.send_signal(signal.SIGTERM)
    text = process.communicate(timeout=60)[1]
    check(process.returncode == 0, f"{process.returncode}\n{text}")
    return text


def tokens():
    os.mkdir("data")
    port = free_port()
    check(not healthy(port), "healthy without a server")
    first = entrypoint("data", port)
    until_healthy(first, port)
    check(status(port) == 401, "no token was needed")
    check(status(port, "0" * 64) == 401, "a wrong token was taken")
    text = ended(first)
    token = re.search(r"shown this once: ([0-9a-f]{64})\n", text)
    check(token, text)
    check(re.search(r"container: seccomp filter of the container (yes|no), Landlock in the kernel (yes|no|unknown)", text), text)
    kept = open("data/tokens", encoding="utf-8").read()
    check(token[1] not in kept and hashlib.sha256(token[1].encode()).hexdigest() in kept, "the file must have the hash alone")
    check(os.stat("data/tokens").st_mode & 0o077 == 0, "others may read the tokens")
    second = entrypoint("data", port)
    until_healthy(second, port)
    check(status(port, token[1]) == 200, "the token of the first start")
    check("shown this once" not in ended(second), "a second token was made")
    own = entrypoint("data", port, TRM_TOKEN="a-token-of-at-least-32-characters-x")
    until_healthy(own, port)
    check(status(port, "a-token-of-at-least-32-characters-x") == 200, "a token of the caller's")
    ended(own)
    opened = entrypoint("data", port, TRM_OPEN="1")
    until_healthy(opened, port)
    check(status(port) == 200, "open")
    ended(opened)
    short = entrypoint("data", port, TRM_TOKEN="short")
    check("5 characters, expected at least 32" in short.communicate(timeout=60)[1] and short.returncode == 2, "a short token")
    absent = entrypoint("absent", port)
    check("TRM_DATA_DIR=absent: cannot be written" in absent.communicate(timeout=60)[1] and absent.returncode == 2, "no such folder")


# -- images, manifests, tables ----------------------------------------------------------------------------------------------

def files():
    docker = read("Dockerfile")
    check(docker.count("\nFROM ") == 2 and "ARG BASE=" in docker and "\nUSER 10001" in docker and "HEALTHCHECK" in docker, "Dockerfile")
    model = re.search(r"TRM_MODEL_PATH=\S+/models/(\S+)", docker)[1]
    check(os.path.exists(os.path.join(SOURCE, "models", model)), f"Dockerfile: TRM_MODEL_PATH: no model {model} ships")
    keys = json.loads(subprocess.run([TRM, "serve", "--print-config"], capture_output=True, text=True, check=True).stdout)
    used = set(re.findall(r"\bTRM_([A-Z_]+)", docker + read("deploy", "compose.yaml") + read("deploy", "kubernetes", "statefulset.yaml")))
    for name in used:
        check(name.lower() in keys, f"TRM_{name} is no key of the configuration")
    probes = set(re.findall(r"path: (/\w+z)", read("deploy", "kubernetes", "statefulset.yaml")))
    check(probes == {"/startupz", "/readyz", "/livez"}, probes)
    names = set(re.findall(r"(?m)^  - (\S+\.yaml)$", read("deploy", "kubernetes", "kustomization.yaml")))
    there = {os.path.basename(f) for f in glob.glob(os.path.join(SOURCE, "deploy", "kubernetes", "*.yaml"))} - {"kustomization.yaml", "adapter.yaml"}
    check(names == there, f"kustomization.yaml has {names}, the folder {there}")


def tables():
    page = read("docs", "scaling.md")
    for table in scaling.tables():
        check(table in page, f"docs/scaling.md: not what bench/scaling.py prints:\n{table}")
    for ranks in (1, 2, 8, 64):
        levels = ranks.bit_length() - 1
        seconds, moved, busiest = scaling.reduction(ranks, 1e6, 1e-6, 1e9)
        check(abs(seconds - 2 * levels * (1e-6 + 1e-3)) < 1e-12, f"{ranks} ranks, one piece: {seconds}")
        check(moved == 2 * (ranks - 1) * 1e6 and busiest == levels * 1e6, f"{ranks} ranks: {moved}, {busiest} bytes")
    check(scaling.reduction(8, 1e6, 0, 1e9, 8)[0] < scaling.reduction(8, 1e6, 0, 1e9)[0], "pieces that follow one another save nothing")
    try:
        scaling.reduction(6, 1e6, 0, 1e9)
        check(False, "6 ranks were taken")
    except ValueError as e:
        check("6 ranks" in str(e), e)


metrics()
promtool()
tokens()
files()
tables()
print(f"{checks} checks")
