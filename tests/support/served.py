"""A server under test: `trm serve` on a free port, and requests to it with nothing but the standard library."""
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

TRM = os.environ["TRM"]


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Server:
    """with Server(...) as s: s.post("/v1/solve", {...}).json
    before: words in front of the program, which end by becoming it; descriptors: that it inherits, under their numbers."""

    def __init__(self, *options, state=None, wait=True, environment=None, before=(), descriptors=()):
        self.before, self.descriptors = list(before), descriptors
        self.state = state or tempfile.mkdtemp(prefix="state-", dir=".")
        self.log = tempfile.NamedTemporaryFile(prefix="log-", dir=".", delete=False)
        self.options, self.wait, self.environment = options, wait, environment or {}
        with socket.socket() as s:  # a port that stays the same when the gateway is started again
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def start(self):
        listen = f"127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [*self.before, TRM, "serve", "--listen", listen, "--data-dir", self.state, "--log", "json", *self.options],
            stderr=self.log, stdin=subprocess.DEVNULL, env={**os.environ, **self.environment},
            pass_fds=self.descriptors)
        self.began = time.monotonic()
        until = self.began + 60
        while time.monotonic() < until and self.process.poll() is None:
            found = re.findall(r'"listening on [\d.]+:(\d+)"', self.text())
            if found:
                self.port = int(found[-1])
                if not self.wait or self.is_ready():
                    return
            time.sleep(0.02)
        self.__exit__()
        raise AssertionError(f"the server does not start:\n{self.text()}")

    def is_ready(self):
        try:
            return self.get("/readyz").status == 200
        except OSError:
            return False

    def text(self):
        with open(self.log.name, encoding="utf-8") as f:
            return f.read()

    def stop(self, seconds=30):
        """SIGTERM, and the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def children(self):
        """{role: [process ids]} of what lives."""
        found = {}
        for pid in os.listdir("/proc"):
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                    parent = int(f.read().rsplit(") ", 1)[1].split()[1])
                with open(f"/proc/{pid}/cmdline", encoding="utf-8") as f:
                    words = f.read().split("\0")
            except (OSError, ValueError, IndexError):
                continue
            if parent == self.process.pid and "--role" in words:
                found.setdefault(words[words.index("--role") + 1], []).append(int(pid))
        return found

    def connect(self, timeout=60):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None, timeout=60):
        headers = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        connection = self.connect(timeout)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.request("POST", path, {} if body is None else body, **more)

    def events(self, method, path, body=None, headers=None, timeout=60):
        """Server-sent events as (id, name, data), until the stream ends."""
        answer = self.request(method, path, body, {"Accept": "text/event-stream", **(headers or {})}, timeout)
        assert answer.status == 200, answer.body
        assert answer.headers["Content-Type"] == "text/event-stream", answer.headers
        events = []
        for block in answer.body.decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
            if "event" in fields:
                events.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
        return events

    def job(self, job, seconds=60):
        """The job once it has ended."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = self.get(f"/v1/jobs/{job}").json
            if found["state"] not in ("submitted", "running"):
                return found
            time.sleep(0.02)
        raise AssertionError(f"job {job} does not end: {found}")


SLOW = {"search": 0, "max_steps": 1000, "halt": False, "rules_halt": False}  # seconds, and as long as it says


def run_all(shared, own):
    """Runs the tests, those named on the command line alone where some are: shared ones are given one server. Ends the program."""
    failures, only = 0, sys.argv[1:]
    with Server() as s:
        for test in shared + own:
            if only and test.__name__ not in only:
                continue
            try:
                test(s) if test in shared else test()
                print(f"{test.__name__}: ok", flush=True)
            except Exception as e:  # whatever it is, the others are tried
                failures += 1
                print(f"{test.__name__}: {type(e).__name__}: {e}", flush=True)
        if s.process.poll() is not None:
            failures += 1
            print(f"the server has ended:\n{s.text()}")
    sys.exit(failures != 0)
