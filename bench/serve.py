#!/usr/bin/env python3
"""What serving costs beside what is served. Each figure stands beside a peer of the same run: the processor time of root
and gateway beside that of the engine, the time of an answer beside the engine's own, a durable answer beside the disk's
fsync, answers among idle and slow connections beside answers without them, memory at the end beside memory at the
beginning. TRM is the program; MINUTES (1) how long memory is watched; ONLY=clients,durable,idle,slow,memory some of these;
CONNECTIONS how many are idle (as many as the server may have). Processor time is asked for with the published network, 5
million weights, here untrained, and 16 steps a puzzle; everything else with the small model that ships, where the server's
own share is largest. The clients are threads of this program on the same machine, so that the time of an answer includes
theirs; idle connections are held by processes of their own, from several addresses of the loopback."""
import json
import os
import platform
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "support"))
from served import TRM, Server  # pylint: disable=wrong-import-position

QUESTION = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
ASKED = 192  # puzzles a row of the table
SLOW = 100
SMALL = {"puzzle": QUESTION, "model": "sudoku-9x9"}
LARGE = {"puzzle": QUESTION, "search": 0, "halt": False, "rules_halt": False, "max_steps": 16, "timeout_s": 3600}
HOLDERS = 4  # processes that hold idle connections


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


def ask(connection, number, key=None, body=None):
    """One puzzle: seconds until its answer, and those of the engine."""
    headers = {"Content-Type": "application/json", **({"Idempotency-Key": f"{key}-{number}"} if key else {})}
    began = time.perf_counter()
    connection.request("POST", "/v1/solve", json.dumps(body or SMALL), headers)
    answer = connection.getresponse()
    read = answer.read()
    taken = time.perf_counter() - began
    if answer.status != 200:
        raise SystemExit(f"{answer.status}: {read[:300]!r}")
    found = json.loads(read)
    return taken, found["solve_s"], found["queued_s"]


def load(server, clients, asked=ASKED, key=None, body=None):
    """[(seconds, of the engine, before it)] of so many puzzles by clients that ask one after the other."""
    found, threads = [], []

    def run(client):
        connection = server.connect(timeout=3600)
        for number in range(asked // clients):
            found.append(ask(connection, f"{client}-{number}", key, body))
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


def untrained():
    """The file of a model as published, with the weights that it begins with."""
    words = ["--size", "9", "--train", "4", "--test", "1", "--no-minimal", "--min-clues", "40", "--max-clues", "45"]
    for command in (["data", "make", *words, "--out", "data"],
                    ["train", "data", "--preset", "sudoku-mlp", "--batch", "1", "--steps", "1", "--run", "large"]):
        subprocess.run([TRM, *command, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    return os.path.abspath("large/last.safetensors")


def by_clients(server, body, asked):
    around, engines = processes(server)
    for clients in (1, 8, 64):
        before = [sum(map(processor, pids)) for pids in (around, engines)]
        found = load(server, clients, max(asked, clients), body=body)
        own, others = [sum(map(processor, pids)) - b for pids, b in zip((around, engines), before)]
        answer, engine = medians(found)
        added = statistics.median(f[0] - f[1] - f[2] for f in found)
        row(f"{clients} clients: root and gateway", f"{own:.2f} s", "processor time of the engine", f"{others:.2f} s",
            f"{own / max(others, 0.01):.4f}")
        row(f"{clients} clients: an answer", ms(answer), "the engine's solve_s", ms(engine), f"{answer / engine:.2f}")
        row(f"{clients} clients: beside both waits", ms(added), "processor time a puzzle", ms(own / len(found)),
            f"{added * len(found) / max(own, 1e-3):.1f}")


def published():
    model = untrained()
    with Server("--model-path", model, "--threads", "1", "--solve-most-s", "3600", "--heartbeat-s", "3600") as server:
        print(f"published network, 16 steps a puzzle: {os.path.getsize(model) / 1e6:.0f} MB of weights", flush=True)
        by_clients(server, LARGE, 1)
        server.stop()


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


HOLD = """
import resource, socket, sys
port, address, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
held = []
for _ in range(count):
    held.append(socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(address, 0)))
    held[-1].sendall(b"GET /livez HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
    assert held[-1].recv(4096).startswith(b"HTTP/1.1 200"), "not answered"
print(len(held), flush=True)
sys.stdin.read()
for connection in held: # those that were cut off while they were idle say so
    connection.setblocking(False)
    try:
        connection.recv(1)
        sys.exit("a connection was closed")
    except BlockingIOError:
        pass
"""


def idle(alone):
    """As many connections as the server may have, each of which has been answered once, but for a few to ask over."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = int(os.environ.get("CONNECTIONS", min(hard, 60000))) - 256 - 8  # the server keeps 256 for itself
    with Server("--connections", "100000", "--idle-s", "3600") as server:
        (gateway,) = server.children()["gateway"]
        before, holders = resident(gateway), []
        for i in range(HOLDERS):
            words = [sys.executable, "-c", HOLD, str(server.port), f"127.0.0.{2 + i}",
                     str(most // HOLDERS + (i < most % HOLDERS))]
            holders.append(subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        held = sum(int(holder.stdout.readline()) for holder in holders)
        answer, grown = medians(load(server, 1))[0], (resident(gateway) - before) / most
        for holder in holders:
            holder.stdin.close()
        if held != most or any(holder.wait() for holder in holders):
            raise SystemExit(f"{held} connections of {most} were held, or some were closed")
        server.stop()
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
    """Puzzles, every fourth of them durable, by 8 clients; resident memory at the beginning, on the way and at the end."""
    around, engines = processes(server)
    for number in range(8):
        load(server, 8, key=f"warm-{number}")
    solved, turn, seen = 0, 0, [[sum(map(resident, p)) for p in (around, engines)]]
    until = [time.monotonic() + 60 * minutes * k / 4 for k in range(1, 5)]
    for end in until:
        while time.monotonic() < end:
            turn += 1
            solved += len(load(server, 8, key=f"turn-{turn}" if turn % 4 == 0 else None))
        seen.append([sum(map(resident, p)) for p in (around, engines)])
    for k, name in enumerate(("root and gateway", "engines")):
        way = ", ".join(f"{s[k] / 1024:.0f}" for s in seen[1:-1])
        row(f"{name} after {minutes:g} min", f"{seen[-1][k] / 1024:.0f} KiB", f"before {solved} puzzles",
            f"{seen[0][k] / 1024:.0f} KiB", f"{seen[-1][k] / seen[0][k]:.3f}")
        print(f"    on the way: {way} KiB")


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {len(os.sched_getaffinity(0))} cores, Linux " \
           f"{platform.release()}, load {os.getloadavg()[0]:.1f}"


def main():
    minutes = float(os.environ.get("MINUTES", "1"))
    only = os.environ.get("ONLY", "clients,durable,idle,slow,memory").split(",")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        print(machine())
        row("what", "figure", "beside", "peer", "ratio")
        if "clients" in only:
            published()
        with Server("--queue-limit", "1024", "--client-limit", "1024") as server:
            print(f"model sudoku-9x9, {ASKED} easy Sudoku a row", flush=True)
            if "clients" in only:
                by_clients(server, SMALL, ASKED)
            if "durable" in only:
                durable(server)
            alone = medians(load(server, 1))[0]
            if "slow" in only:
                slow(server, alone)
            if "memory" in only:
                memory(server, minutes)
            if server.stop() != 0:
                raise SystemExit("the server did not end well")
        if "idle" in only:
            idle(alone)


if __name__ == "__main__":
    main()
