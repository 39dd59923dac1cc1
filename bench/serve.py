#!/usr/bin/env python3
"""What serving costs beside what is served. Each figure stands beside a peer of the same run: the processor time of root
and gateway beside that of the engine, the time of an answer beside the engine's own, a durable answer beside the disk's
fsync, answers among idle and slow connections beside answers without them, memory at the end beside memory at the
beginning. TRM is the program; MINUTES (1) how long memory is watched. The clients are threads of this program on the same
machine, so that the time of an answer includes theirs."""
import json
import os
import platform
import resource
import socket
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "support"))
from served import Server  # pylint: disable=wrong-import-position

QUESTION = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
ASKED = 192  # puzzles a row of the table
SLOW = 100


def row(what, figure, beside, peer, ratio):
    print(f"{what:<34} {figure:>13} {beside:>34} {peer:>13} {ratio:>8}", flush=True)


def ms(seconds):
    return f"{1e3 * seconds:.2f} ms"


def processor(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return int(next(line for line in file if line.startswith("VmRSS")).split()[1]) * 1024


def processes(server):
    """Process ids: of root and gateway, and of the engines."""
    children = server.children()
    engines = children.pop("engine", [])
    return [server.process.pid] + [pid for pids in children.values() for pid in pids], engines


def ask(connection, number, key=None):
    """One puzzle: seconds until its answer, and those of the engine."""
    headers = {"Content-Type": "application/json", **({"Idempotency-Key": f"{key}-{number}"} if key else {})}
    began = time.perf_counter()
    connection.request("POST", "/v1/solve", json.dumps({"puzzle": QUESTION, "model": "sudoku-9x9"}), headers)
    answer = connection.getresponse()
    body = answer.read()
    taken = time.perf_counter() - began
    if answer.status != 200:
        raise SystemExit(f"{answer.status}: {body[:300]!r}")
    return taken, json.loads(body)["solve_s"]


def load(server, clients, asked=ASKED, key=None):
    """[(seconds, of the engine)] of so many puzzles by clients that ask one after the other."""
    found, threads = [], []

    def run(client):
        connection = server.connect()
        for number in range(asked // clients):
            found.append(ask(connection, f"{client}-{number}", key))
        connection.close()

    for client in range(clients):
        threads.append(threading.Thread(target=run, args=(client,)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(found) != asked // clients * clients:
        raise SystemExit("a client failed")
    return found


def medians(found):
    return statistics.median(f[0] for f in found), statistics.median(f[1] for f in found)


def by_clients(server):
    around, engines = processes(server)
    for clients in (1, 8, 64):
        before = [sum(map(processor, pids)) for pids in (around, engines)]
        answer, engine = medians(load(server, clients))
        own, others = [sum(map(processor, pids)) - b for pids, b in zip((around, engines), before)]
        row(f"{clients} clients: root and gateway", f"{own:.2f} s", "processor time of the engine", f"{others:.2f} s",
            f"{own / max(others, 0.01):.3f}")
        row(f"{clients} clients: an answer", ms(answer), "the engine's solve_s", ms(engine), f"{answer / engine:.2f}")


def durable(server):
    times = []
    with tempfile.NamedTemporaryFile(dir=server.state) as file:
        for _ in range(100):
            began = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    plain, kept, sync = medians(load(server, 1))[0], medians(load(server, 1, key="k"))[0], statistics.median(times)
    row("durable: more than a plain answer", ms(kept - plain), "fsync of 4 KiB in its folder", ms(sync),
        f"{(kept - plain) / sync:.2f}")


def idle(server, alone):
    """As many connections as the server holds, of which the last few are for those who ask."""
    most, (gateway,) = 1024 - 8, server.children()["gateway"]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4096), hard), hard))
    before, held = resident(gateway), []
    for _ in range(most):
        held.append(socket.create_connection(("127.0.0.1", server.port), timeout=10))
    answer = medians(load(server, 1))[0]
    grown = (resident(gateway) - before) / most
    for connection in held:
        connection.close()
    row(f"{most} idle connections: an answer", ms(answer), "without them", ms(alone), f"{answer / alone:.2f}")
    row("an idle connection", f"{grown / 1024:.1f} KiB", "the gateway without any", f"{before / 1024:.0f} KiB",
        f"{grown / before:.5f}")


def slow(server, alone):
    """Clients that send a byte of their request now and then."""
    over, held = threading.Event(), []
    for _ in range(SLOW):
        held.append(socket.create_connection(("127.0.0.1", server.port), timeout=10))

    def drip():
        for byte in b"POST /v1/solve HTTP/1.1\r\nHost: a\r\nX-Slow: " + b"a" * 10000:
            for connection in held:
                try:
                    connection.send(bytes([byte]))
                except OSError:
                    pass  # the server has had enough
            if over.wait(0.2):
                return

    thread = threading.Thread(target=drip)
    thread.start()
    answer = medians(load(server, 1))[0]
    over.set()
    thread.join()
    for connection in held:
        connection.close()
    row(f"{SLOW} slow clients: an answer", ms(answer), "without them", ms(alone), f"{answer / alone:.2f}")


def memory(server, minutes):
    around, engines = processes(server)
    load(server, 8)
    begin, until, solved = [sum(map(resident, p)) for p in (around, engines)], time.monotonic() + 60 * minutes, 0
    while time.monotonic() < until:
        solved += len(load(server, 8))
    for name, pids, before in (("root and gateway", around, begin[0]), ("engines", engines, begin[1])):
        after = sum(map(resident, pids))
        row(f"{name} after {minutes:g} min", f"{after / 1024:.0f} KiB", f"before {solved} puzzles", f"{before / 1024:.0f} KiB",
            f"{after / before:.3f}")


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {len(os.sched_getaffinity(0))} cores, Linux " \
           f"{platform.release()}, load {os.getloadavg()[0]:.1f}"


def main():
    minutes = float(os.environ.get("MINUTES", "1"))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        with Server("--queue-limit", "1024", "--client-limit", "1024") as server:
            print(f"{machine()}; {ASKED} easy Sudoku a row, model sudoku-9x9")
            row("what", "figure", "beside", "peer", "ratio")
            by_clients(server)
            durable(server)
            alone = medians(load(server, 1))[0]
            idle(server, alone)
            slow(server, alone)
            memory(server, minutes)
            if server.stop() != 0:
                raise SystemExit("the server did not end well")


if __name__ == "__main__":
    main()
