"""The gateway, or all of the server, is killed whenever a certain job runs. The journal counts those ends: after three
the job is begun only while no other such job runs, with the fifth it has failed as poison. What only ran beside it is done."""
import os
import signal
import time

from served import SLOW, Server

QUESTION = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
LONG = {"puzzle": QUESTION, "async": True, **SLOW, "timeout_s": 600}  # until somebody ends it


def expect(found, wanted, what=""):
    if found != wanted:
        raise AssertionError(f"{what}: found {found!r}, expected {wanted!r}")


def states(s, jobs):
    return [(j["state"], j["attempts"]) for j in (s.get(f"/v1/jobs/{job}").json for job in jobs)]


def reach(s, jobs, wanted):
    until = time.monotonic() + 120
    while True:
        try:
            found = states(s, jobs)
        except OSError:  # nobody is there at the moment
            found = None
        if found == wanted:
            return
        assert time.monotonic() < until, f"{found}, expected {wanted}\n{s.text()[-2000:]}"
        time.sleep(0.02)


def end_of_all(s):
    for pid in [s.process.pid] + [p for role in s.children().values() for p in role]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    s.process.wait()
    s.start()


def end_of_the_gateway(s):
    os.kill(s.children()["gateway"][0], signal.SIGKILL)


def main():
    with Server("--restarts", "20", "--steps-limit", "100000", "--drain-s", "0.5") as s:
        body = {**LONG, "max_steps": 100000}
        jobs = [s.post("/v1/solve", body).json["id"] for _ in range(3)]
        reach(s, jobs, [("running", 1)] * 3)
        end_of_the_gateway(s)
        reach(s, jobs, [("running", 2)] * 3)
        end_of_all(s)
        reach(s, jobs, [("running", 3)] * 3)
        end_of_the_gateway(s)
        # From the third end on they are suspects: the oldest runs, the others wait; a new one is not held back.
        reach(s, jobs, [("running", 4), ("submitted", 3), ("submitted", 3)])
        expect(s.job(s.post("/v1/solve", {"puzzle": QUESTION, "async": True}).json["id"])["state"], "done", "a new job")
        end_of_the_gateway(s)
        reach(s, jobs, [("running", 5), ("submitted", 3), ("submitted", 3)])
        end_of_the_gateway(s)
        reach(s, jobs, [("failed", 5), ("running", 4), ("submitted", 3)])
        expect(s.get(f"/v1/jobs/{jobs[0]}").json["reason"], "poison")
        assert "poison" in s.text(), s.text()
        # The others go on, one after the other, and end as they are told to.
        expect(s.post(f"/v1/jobs/{jobs[1]}/cancel").json["state"], "cancelled")
        reach(s, jobs[1:], [("cancelled", 4), ("running", 4)])
        expect(s.stop(60), 0)  # an end of its own will does not count
        s.start()
        reach(s, jobs, [("failed", 5), ("cancelled", 4), ("running", 5)])
        expect(s.post(f"/v1/jobs/{jobs[2]}/cancel").json["state"], "cancelled")
        expect(s.stop(60), 0)
    print("poison after five ends, the others went on")


main()
