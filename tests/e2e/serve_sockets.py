"""Sockets that are handed over outlive every process of the server; connections never take the descriptors that the
journal needs."""
import os
import re
import signal
import socket
import subprocess
import time

from served import TRM, Server

QUESTION = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"


def expect(found, wanted, what=""):
    if found != wanted:
        raise AssertionError(f"{what}: found {found!r}, expected {wanted!r}")


def listener(address, family=socket.AF_INET):
    s = socket.socket(family)
    s.bind(address)
    s.listen()
    return s


def hand_over(sockets, count=None, pid="$$"):
    """Words that become the program with the sockets at 3 and on, as systemd starts it."""
    moves = " ".join(f"{3 + i}<&{s.fileno()}" for i, s in enumerate(sockets))
    return ["bash", "-c", f'export LISTEN_PID={pid} LISTEN_FDS={count or len(sockets)}; exec "$@" {moves}', "bash"]


def ask(address, family=socket.AF_INET, seconds=60):
    """The status of /livez there; a connection that waits is waited for, one that is refused is an error."""
    with socket.socket(family) as s:
        s.settimeout(seconds)
        s.connect(address)
        s.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        return int(s.recv(4096).split()[1])


def files_of(pid):
    return {os.readlink(entry.path) for entry in os.scandir(f"/proc/{pid}/fd")}


def handed_over():
    # moved out of the way of 3 and on
    tcp, unix = listener(("127.0.0.1", 0)), listener("socket", socket.AF_UNIX)
    high = [socket.socket(fileno=os.dup2(s.fileno(), 40 + i, inheritable=True)) for i, s in enumerate((tcp, unix))]
    address = tcp.getsockname()
    start = {"before": hand_over(high), "descriptors": [s.fileno() for s in high]}
    with Server("--restarts", "20", **start) as s:
        expect(s.port, address[1], "the port")
        expect((ask(address), ask("socket", socket.AF_UNIX)), (200, 200))
        expect(s.post("/v1/solve", {"puzzle": QUESTION}).status, 200)
        expect(len(re.findall(r"listening on (?!unix:\S*/trm\.sock)", s.text())), 2, "nothing else is opened but the socket of data_dir")
        inode = f"socket:[{os.fstat(tcp.fileno()).st_ino}]"
        children = s.children()
        expect([inode in files_of(pid) for pid in (s.process.pid, *children["gateway"], *children["engine"])],
               [True, True, False], "who has the socket")
        for _ in range(3):  # nobody is refused while the gateway is started again
            os.kill(s.children()["gateway"][0], signal.SIGKILL)
            expect([ask(address) for _ in range(4)], [200] * 4)
            while not s.is_ready():
                time.sleep(0.02)
        expect(s.stop(), 0)
    waits = socket.create_connection(address)  # no server is there: it waits for the next
    waits.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
    with Server(**start) as s:
        waits.settimeout(60)
        expect(waits.recv(4096).split()[1], b"200", "who connected before there was a server")
        expect(ask("socket", socket.AF_UNIX), 200, "the file of the Unix socket is not the server's to remove")
        expect(s.stop(), 0)
    assert os.path.exists("socket")


def refused():
    everybody = listener(("0.0.0.0", 0))
    high = socket.socket(fileno=os.dup2(everybody.fileno(), 40, inheritable=True))
    plain = os.open("plain", os.O_RDWR | os.O_CREAT)
    for sockets, count, status, text in [([high], None, 2, "others reach 0.0.0.0"), ([high], "3", 3, "descriptor 4 is not open"),
                                         ([high], "x", 3, "LISTEN_FDS"), ([high], "17", 3, "at most 16"),
                                         ([os.fdopen(os.dup2(plain, 41, inheritable=True), closefd=False)], None, 4, "not a socket")]:
        run = subprocess.run([*hand_over(sockets, count), TRM, "serve", "--data-dir", "unused", "--restarts", "0"],
                             stderr=subprocess.PIPE, pass_fds=[s.fileno() for s in sockets], check=False, timeout=60)
        found = run.stderr.decode()
        if run.returncode != status or text not in found:
            raise AssertionError(f"exit {run.returncode}, expected {status} with {text}: {found}")
    with Server("--open", before=hand_over([high]), descriptors=[40]) as s:
        expect((s.port, ask(("127.0.0.1", s.port))), (everybody.getsockname()[1], 200))
        expect(s.stop(), 0)


def meant_for_another():
    """LISTEN_PID names another process: as if nothing was handed over."""
    own = listener(("127.0.0.1", 0))
    high = socket.socket(fileno=os.dup2(own.fileno(), 40, inheritable=True))
    with Server(before=hand_over([high], pid="1"), descriptors=[40]) as s:
        assert s.port != own.getsockname()[1]
        expect(s.get("/livez").status, 200)
        expect(s.stop(), 0)


def few_descriptors():
    """Of 600 descriptors at most, and 100 without asking for more, 344 are for connections; jobs are taken all the same."""
    with Server("--header-s", "60", before=["bash", "-c", 'ulimit -n 600; ulimit -Sn 100; exec "$@"', "bash"]) as s:
        assert "344, and not 1024" in s.text(), s.text()
        held = [socket.create_connection(("127.0.0.1", s.port)) for _ in range(343)]
        expect(s.post("/v1/solve", {"puzzle": QUESTION, "async": True}).status, 202)
        held.append(socket.create_connection(("127.0.0.1", s.port)))
        until = time.monotonic() + 60
        while s.get("/livez").status != 503:
            assert time.monotonic() < until, "more connections than there is room for"
        for connection in held:
            connection.close()
        while s.get("/livez").status == 503:
            assert time.monotonic() < until, "no room again"
        expect(len(s.get("/v1/jobs").json["jobs"]), 1)
        expect(s.stop(), 0)


for test in (handed_over, refused, meant_for_another, few_descriptors):
    test()
    print(f"{test.__name__}: ok", flush=True)
