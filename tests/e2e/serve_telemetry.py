"""StatsD lines over UDP, and the log: JSON lines with the fields that they are said to have, the trace of a request, and
never a puzzle, an answer or a token."""
import hashlib
import json
import re
import socket

from served import Server

QUESTION = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
TRACE = "0af7651916cd43dd8448eb211c80319c"
TOKEN = "a-long-and-random-token"


def expect(found, wanted, what=""):
    if found != wanted:
        raise AssertionError(f"{what}: found {found!r}, expected {wanted!r}")


def statsd():
    lines = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    lines.bind(("127.0.0.1", 0))
    lines.settimeout(60)
    with Server("--statsd", f"127.0.0.1:{lines.getsockname()[1]}") as s:
        answer = s.post("/v1/solve", {"puzzle": QUESTION}).json
        found = lines.recv(4096).decode().split("\n")
        expect(found[0], "trm.inference.total:1|c|#result:solved")
        duration = re.fullmatch(r"trm\.inference\.duration:(\d+\.\d{3})\|ms", found[1])
        assert duration and abs(float(duration[1]) - 1e3 * answer["solve_s"]) < 0.01, (found, answer["solve_s"])
        expect(found[2:], [f"trm.supervision_steps:{answer['steps']}|h"])
        lines.close()  # nobody listens any more: nobody is the worse for it
        for _ in range(3):
            expect(s.post("/v1/solve", {"puzzle": QUESTION}).status, 200)
        expect(s.stop(), 0)


def log():
    with open("tokens", "w", encoding="utf-8") as f:
        f.write(f"alice {hashlib.sha256(TOKEN.encode()).hexdigest()} solve\n")
    with Server("--token-file", "tokens", "--log-level", "debug", wait=False) as s:
        while not s.is_ready():
            pass
        headers = {"Authorization": f"Bearer {TOKEN}", "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
        answer = s.post("/v1/solve", {"puzzle": QUESTION}, headers=headers)
        expect(answer.headers["Traceparent"].split("-")[1], TRACE)
        job = s.post("/v1/solve", {"puzzle": QUESTION, "async": True}, headers=headers).json["id"]
        expect(s.post("/v1/solve", {"puzzel": QUESTION}, headers=headers).status, 400)
        expect(s.post("/v1/solve", {"puzzle": QUESTION}, headers={"Authorization": "Bearer no"}).status, 401)
        expect(s.get("/v1/nothing", headers=headers).status, 404)
        expect(s.stop(), 0)
        records = [json.loads(line) for line in s.text().splitlines()]
        for record in records:
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["ts"]), record
            assert record["level"] in ("error", "warning", "info", "debug") and record["msg"], record
            assert record["component"] in ("root", "gateway"), record
        traced = [(r["route"], r["status"]) for r in records if r.get("trace_id") == TRACE]
        expect(traced, [("/v1/solve", 200), ("/v1/solve", 202), ("/v1/solve", 400)], "records of the trace")
        expect([r["status"] for r in records if r.get("job_id") == job], [202], "records of the job")
        for secret in (TOKEN, QUESTION, answer.json["answer"], hashlib.sha256(TOKEN.encode()).hexdigest()):
            assert secret not in s.text(), f"{secret} stands in the log"


for test in (statsd, log):
    test()
    print(f"{test.__name__}: ok", flush=True)
