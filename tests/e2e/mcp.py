"""MCP as hosts see it: both eras, over HTTP and over stdio, alone and through a server. Each function is a test."""
import json
import os
import random
import signal
import socket
import subprocess
import time

from mcp_client import CURRENT, LEGACY, META, Error, HttpClient, StdioClient
from served import SLOW, Server, run_all

Q = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
A = "534678912672195348198342567859761423426853791713924856961537284287419635345286179"
MAZE = "\n".join(["S   ", " ## ", "   G"])
TOOLS = ["solve_sudoku", "solve_maze", "reason", "explain", "check_answer", "hint", "generate_puzzle", "advance", "list_models"]


def expect(found, wanted, what=""):
    if found != wanted:
        raise AssertionError(f"{what}: found {found!r}, expected {wanted!r}")


def fails(code, run):
    try:
        result = run()
    except Error as e:
        expect(e.code, code, e.message)
        return e
    raise AssertionError(f"expected error {code}, found {result}")


def every_tool(c):
    """Each tool once, its result against its schema; what is said of rules, of who solved it and of cost is true."""
    expect(list(c.tools()), TOOLS)
    solved, told = c.call("solve_sudoku", {"puzzle": Q}, token="t")
    expect((solved["solved"], solved["checked"], solved["verdict"], solved["answer"]), (True, True, "right", A))
    assert solved["by"].startswith("sudoku-extreme ") and solved["cost"]["steps"] >= 1 and solved["cost"]["seconds"] > 0, solved
    assert told, "no progress"
    maze = c.call("solve_maze", {"puzzle": MAZE, "search": 16})
    expect((maze["task"], maze["checked"], maze["solved"]), ("maze", True, maze["verdict"] == "right"))
    bits = c.call("reason", {"puzzle": {"tokens": [1] * 48}, "model": "addition"})
    expect((bits["task"], bits["checked"], bits["verdict"]), ("generic", False, "no rules known"))
    shown = c.call("explain", {"puzzle": Q})
    expect((shown["trace"][-1]["answer"], shown["trace"][-1]["correct"]), (A, True))
    expect(shown["trace"][0]["changed"], sum(a != b for a, b in zip(Q, shown["trace"][0]["answer"])))
    right = c.call("check_answer", {"puzzle": Q, "answer": A})
    expect((right["verdict"], right["checked"], right["by"]), ("right", True, "rules"))
    wrong = c.call("check_answer", {"puzzle": Q, "answer": A[1] + A[0] + A[2:]})
    expect((wrong["verdict"], wrong["correct"]), ("wrong", False))
    assert wrong["fault"], wrong
    expect(c.call("check_answer", {"puzzle": Q})["question"]["solutions"], 1)
    hint = c.call("hint", {"puzzle": Q})
    expect((hint["value"], hint["checked"]), (A[hint["cell"]], True))
    made = c.call("generate_puzzle", {"seed": 4, "min_clues": 30, "max_clues": 36})
    expect(c.call("generate_puzzle", {"seed": 4, "min_clues": 30, "max_clues": 36})["puzzle"], made["puzzle"])
    expect(c.call("check_answer", {"puzzle": made["puzzle"], "answer": made["answer"]})["verdict"], "right")
    names = [m["name"] for m in c.call("list_models")["models"]]
    assert {"sudoku-extreme", "maze-9", "addition"} <= set(names), names


def a_session(c):
    one = c.call("advance", {"puzzle": Q, "action": "show"})
    expect((one["steps"], one["question"], one["checked"]), (0, Q, False))
    s = one["session"]
    expect(c.call("advance", {"session": s, "steps": 2})["steps"], 2)
    empty = Q.index(".")
    pinned = c.call("advance", {"session": s, "action": "pin", "cell": empty, "value": A[empty]})
    expect(pinned["question"][empty], A[empty])
    expect(c.call("advance", {"session": s, "action": "clear", "cell": empty})["question"], Q)
    expect(c.call("advance", {"session": s, "action": "back"})["steps"], 1)
    expect(c.call("advance", {"session": s, "action": "end"})["session"], s)
    assert "no such session" in c.refused("advance", {"session": s}), "ended"


BAD = [("solve_sudoku", {}, "puzzle: is missing"), ("solve_sudoku", {"puzle": Q}, 'did you mean "puzzle"'),
       ("solve_sudoku", {"puzzle": 7}, "found a whole number, expected string"), ("solve_sudoku", {"puzzle": Q[:80]}, "expected 81"),
       ("solve_sudoku", {"puzzle": MAZE}, "solve_maze"), ("solve_maze", {"puzzle": Q}, "solve_sudoku"),
       ("solve_sudoku", {"puzzle": Q, "model": "gone"}, "no model of that name"), ("solve_sudoku", {"puzzle": Q, "max_steps": -1}, "max_steps"),
       ("solve_sudoku", {"puzzle": Q, "async": True}, "async"), ("reason", {"puzzle": Q, "level": "Z"}, "level"),
       ("check_answer", {"puzzle": Q, "answer": MAZE}, "answer"), ("hint", {"puzzle": ""}, "at least 1"),
       ("generate_puzzle", {"task": "chess"}, "no model here"), ("generate_puzzle", {"max_clues": 1e9}, "max_clues"),
       ("advance", {}, "session"), ("advance", {"session": "x", "puzzle": Q}, "new session"), ("advance", {"session": "x"}, "no such session"),
       ("advance", {"puzzle": Q, "action": "jump"}, 'expected one of "step"'), ("list_models", {"all": True}, "all: is unknown")]


def bad_arguments(c):
    """Results that say what is right, not errors of the protocol."""
    for tool, arguments, text in BAD:
        found = c.refused(tool, arguments)
        assert text in found, f"{tool} {str(arguments)[:80]}: {found!r} does not say {text!r}"
    assert "solve_sudoku" in fails(-32602, lambda: c.result("tools/call", {"name": "solve_sudoko"})).message
    fails(-32602, lambda: c.result("tools/call", {}))
    found = c.result("tools/call", {"name": "hint", "arguments": [1]})
    expect(found["isError"], True)


def resources_and_prompts(c, durable):
    listed = [r["uri"] for r in c.result("resources/list")["resources"]]
    assert "trm://models/maze-9" in listed, listed
    expect("trm://jobs" in listed, durable, "jobs are there where there is a journal")
    card = c.result("resources/read", {"uri": "trm://models/maze-9"})["contents"][0]
    expect((card["uri"], json.loads(card["text"])["task"]), ("trm://models/maze-9", "maze"))
    templates = [t["uriTemplate"] for t in c.result("resources/templates/list")["resourceTemplates"]]
    expect("trm://jobs/{id}" in templates, durable)
    for uri in ("trm://models/gone", "trm://models/", "trm://models/a/b", "file:///etc/passwd", "trm://jobs/none", ""):
        fails(-32602, lambda u=uri: c.result("resources/read", {"uri": u}))
    fails(-32602, lambda: c.result("resources/read"))
    fails(-32602, lambda: c.result("resources/list", {"cursor": "x"}))
    expect([p["name"] for p in c.result("prompts/list")["prompts"]], ["pose_puzzle", "explain_solution"])
    text = c.result("prompts/get", {"name": "pose_puzzle", "arguments": {"text": "5 3 %s 7"}})["messages"][0]["content"]["text"]
    assert "5 3 %s 7" in text and "solve_sudoku" in text, text
    fails(-32602, lambda: c.result("prompts/get", {"name": "pose_puzzle"}))
    fails(-32602, lambda: c.result("prompts/get", {"name": "gone"}))
    fails(-32602, lambda: c.result("prompts/get", {"name": "pose_puzzle", "arguments": {"text": 3}}))
    done = c.result("completion/complete", {"ref": {"type": "ref/resource", "uri": "trm://models/{name}"},
                                            "argument": {"name": "name", "value": "maze"}})
    expect(done["completion"]["values"], ["maze-9"])
    fails(-32602, lambda: c.result("completion/complete", {"ref": {}}))


def one_era(c, durable):
    every_tool(c)
    a_session(c)
    bad_arguments(c)
    resources_and_prompts(c, durable)
    if not c.current:
        expect(c.begun["protocolVersion"], LEGACY)
        expect(c.result("ping"), {})
        fails(-32601, lambda: c.result("nothing"))
        return
    found = c.result("server/discover")
    expect((found["supportedVersions"][0], LEGACY in found["supportedVersions"], found["cacheScope"]), (CURRENT, True, "public"))
    for method in ("tools/list", "prompts/list", "resources/list", "resources/templates/list"):
        listed = c.result(method)
        assert isinstance(listed["ttlMs"], int) and listed["cacheScope"] in ("public", "private"), listed
    for gone in ("ping", "logging/setLevel", "nothing"):
        fails(-32601, lambda m=gone: c.result(m))


def http(s):
    for current in (True, False):
        one_era(HttpClient(s, current), True)


def http_protocol(s):
    """What is wrong before any method: statuses and codes."""
    c = HttpClient(s)
    message = c.message("tools/list")
    good = c.headers(message)
    changed = lambda **more: {**good, **{k.replace("_", "-"): v for k, v in more.items()}}
    without = lambda name: {k: v for k, v in good.items() if k != name}
    meta = lambda **more: {**message, "params": {"_meta": {**META, **more}}}
    version = "io.modelcontextprotocol/protocolVersion"
    can = "io.modelcontextprotocol/clientCapabilities"
    bare = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    for body, headers, status, code in [
            (message, good, 200, None), (b"{", good, 400, -32700), (b"\xff\xfe", good, 400, -32700), (b"", good, 400, -32700),
            ([message], good, 400, -32600), ([], good, 400, -32600), (7, good, 400, -32600), ({}, good, 400, -32600),
            ({**message, "jsonrpc": "1.0"}, good, 400, -32600), ({**message, "id": None}, good, 400, -32600),
            ({**message, "id": 1.5}, good, 400, -32600), ({**message, "params": []}, good, 400, -32600),
            ({**message, "method": 1}, good, 400, -32600),
            (message, without("MCP-Protocol-Version"), 400, -32020), (message, without("Mcp-Method"), 400, -32020),
            (message, changed(MCP_Protocol_Version="2025-11-25"), 400, -32020), (message, changed(Mcp_Method="tools/LIST"), 400, -32020),
            (message, changed(Mcp_Method="=?base64?dG9vbHMvbGlzdA==?="), 200, None), (message, changed(Mcp_Method="=?base64?dG9v?="), 400, -32020),
            (meta(**{version: "2027-01-01"}), changed(MCP_Protocol_Version="2027-01-01"), 400, -32022),
            (meta(**{version: None}), good, 400, -32602), (meta(**{can: None}), good, 400, -32602), (bare, good, 400, -32602),
            ({**bare, "method": "server/discover"}, without("MCP-Protocol-Version"), 400, -32602),
            (bare, changed(MCP_Protocol_Version="1999-01-01"), 400, -32022), (bare, without("MCP-Protocol-Version"), 200, None),
            (c.message("nothing"), changed(Mcp_Method="nothing"), 404, -32601),
            (message, changed(Accept="text/plain"), 406, None), (message, changed(Content_Type="text/plain"), 415, None),
            (message, changed(Origin="http://evil.example"), 403, None), (message, changed(Origin="null"), 403, None),
            (message, changed(Origin="http://localhost:3000"), 403, None), # another program's page
            (message, changed(Origin=f"http://127.0.0.1:{s.port}"), 200, None), (message, changed(Host="evil.example"), 403, None),
            (message, changed(Host="localhost.evil.example"), 403, None), (message, changed(Host="localhost"), 200, None),
            (message, changed(Mcp_Session_Id="x", Last_Event_ID="7"), 200, None)]:
        data = body if isinstance(body, bytes) else json.dumps(body)
        answer = s.request("POST", "/mcp", data, headers)
        shown = f"{data[:80]} {headers}: {answer.body[:200]}"
        expect(answer.status, status, shown)
        if code:
            expect(answer.json["error"]["code"], code, shown)
    call = c.message("tools/call", {"name": "list_models"})
    expect(s.request("POST", "/mcp", json.dumps(call), {**good, "Mcp-Method": "tools/call"}).json["error"]["code"], -32020)
    for method in ("GET", "DELETE", "PUT"):
        expect(s.request(method, "/mcp").status, 405, method)
    expect(s.request("POST", "/mcp", json.dumps(message), changed(Accept="application/json")).status, 200)
    only = s.request("POST", "/mcp", json.dumps(message), changed(Accept="text/event-stream"))
    expect(only.headers["Content-Type"], "text/event-stream")


def http_hanging_up_cancels(s):
    """Of the current era; the engine is free again long before the puzzle would have been done."""
    c = HttpClient(s)
    message = c.message("tools/call", {"name": "reason", "arguments": {"puzzle": Q, **SLOW, "max_steps": 1024, "timeout_s": 100}},
                        {"progressToken": 1})
    body = json.dumps(message).encode()
    head = "".join(f"{k}: {v}\r\n" for k, v in c.headers(message).items())
    with socket.create_connection(("127.0.0.1", s.port)) as raw:
        raw.sendall(f"POST /mcp HTTP/1.1\r\nHost: localhost\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert b"notifications/progress" in raw.recv(65536) + raw.recv(65536), "no progress"
    until = time.monotonic() + 20
    while "trm_slots_used 0" not in s.get("/metrics").body.decode():
        assert time.monotonic() < until, "the puzzle goes on after its client has gone"
        time.sleep(0.05)


def tokens():
    token = "a-long-and-random-token"
    digest = __import__("hashlib").sha256(token.encode()).hexdigest()
    with open("tokens", "w", encoding="utf-8") as f:
        f.write(f"alice {digest} solve\n")
    with open("token", "w", encoding="utf-8") as f:
        f.write(token + "\n")
    with Server("--token-file", "tokens") as s:
        expect(s.post("/mcp", {}).status, 401)
        with StdioClient("--data-dir", s.state) as c:
            error = fails(-32603, lambda: c.result("tools/list"))
            assert "--token-file" in error.message, error.message
        with StdioClient("--server", f"http://127.0.0.1:{s.port}", "--token-file", "token") as c:
            expect(c.call("check_answer", {"puzzle": Q})["checked"], True)
            with open(f"/proc/{c.process.pid}/cmdline", "rb") as f:
                assert token.encode() not in f.read(), "the token stands in the list of processes"


def stdio_alone():
    for current in (True, False):
        with StdioClient("--alone", current=current) as c:
            one_era(c, False)
            c.write(b"not json\n\n \xff\n" + b"x" * 2_000_000 + b"\n")
            codes = [c.next()["error"]["code"] for _ in range(3)]
            expect(codes, [-32700, -32700, -32600], "lines that are no messages")
            expect(c.call("check_answer", {"puzzle": Q})["question"]["solutions"], 1)
            expect(c.close(), 0)


def stdio_cancelled():
    """Nothing more is said of what was cancelled, and the engine is free."""
    with StdioClient("--alone") as c:
        slow = c.message("tools/call", {"name": "reason", "arguments": {"puzzle": Q, **SLOW, "max_steps": 1024, "timeout_s": 100}},
                         {"progressToken": "p"})
        c.send(slow)
        expect(c.next()["method"], "notifications/progress")
        c.notify("notifications/cancelled", {"requestId": slow["id"]})
        c.notify("notifications/cancelled", {"requestId": "none"})
        result = c.message("tools/call", {"name": "solve_sudoku", "arguments": {"puzzle": Q}})
        c.send(result)
        seen = [c.next()]
        while seen[-1].get("id") != result["id"]:
            seen.append(c.next())
        assert not any(m.get("id") == slow["id"] for m in seen), seen
        expect(c.close(), 0)


def stdio_killed():
    """An engine that is killed is replaced, and its work done; a host that kills the child leaves no engine behind."""
    with StdioClient("--alone") as c:
        c.call("check_answer", {"puzzle": Q})
        (engine,) = c.children()
        slow = c.message("tools/call", {"name": "reason", "arguments": {"puzzle": Q, **SLOW, "max_steps": 200}})
        c.send(slow)
        time.sleep(0.3)
        os.kill(engine, signal.SIGKILL)
        answer = c.next()
        expect((answer["id"], answer["result"]["structuredContent"]["cost"]["steps"]), (slow["id"], 200))
        (engine,) = c.children()
        c.send(c.message("tools/call", {"name": "reason", "arguments": {"puzzle": Q, **SLOW, "max_steps": 1024, "timeout_s": 100}}))
        time.sleep(0.3)
        c.process.kill()
        c.process.wait()
        until = time.monotonic() + 10
        while os.path.exists(f"/proc/{engine}") and open(f"/proc/{engine}/stat", encoding="ascii").read().split()[2] != "Z":
            assert time.monotonic() < until, "the engine outlives its host"
            time.sleep(0.05)
    with StdioClient("--alone") as a, StdioClient("--alone") as b:
        expect(a.call("solve_sudoku", {"puzzle": Q})["answer"], b.call("solve_sudoku", {"puzzle": Q})["answer"])
        a.process.send_signal(signal.SIGTERM)
        expect(a.process.wait(20), 0)


def stdio_through_a_server(s):
    for current in (True, False):
        with StdioClient("--data-dir", s.state, current=current) as c:
            every_tool(c)
            resources_and_prompts(c, True)
            expect(c.children(0.2), [], "an engine of its own beside a server")
            slow = c.message("tools/call", {"name": "reason", "arguments": {"puzzle": Q, **SLOW, "max_steps": 1024, "timeout_s": 100}},
                             {"progressToken": "p"})
            c.send(slow)
            expect(c.next()["method"], "notifications/progress")
            c.notify("notifications/cancelled", {"requestId": slow["id"]})
            until = time.monotonic() + 20
            while "trm_slots_used 0" not in s.get("/metrics").body.decode():
                assert time.monotonic() < until, "the puzzle goes on"
                time.sleep(0.05)
            expect(c.close(), 0)


def stdio_outlives_its_server():
    with Server() as s:
        with StdioClient("--data-dir", s.state) as c:
            expect(c.call("solve_sudoku", {"puzzle": Q})["answer"], A)
            expect(s.stop(), 0)
            expect(c.call("solve_sudoku", {"puzzle": Q})["answer"], A)
            assert c.children(), "no engine of its own"
        with StdioClient("--server", f"http://127.0.0.1:{s.port}") as c:
            error = fails(-32603, lambda: c.result("tools/list"))
            assert "trm serve" in error.message, error.message


def random_messages():
    """Hostile lines: each request with a usable id is answered once, whatever else stands in it, and nothing breaks."""
    dice = random.Random(5)
    words = ["tools/call", "tools/list", "server/discover", "initialize", "ping", "resources/read", "prompts/get", "completion/complete",
             "notifications/cancelled", "name", "arguments", "hint", "check_answer", "generate_puzzle", "trm://models/maze-9", Q, A, CURRENT,
             LEGACY, "", "x" * 300, "\u0000", "\ud83d\ude00", "_meta", "params", "uri", "cursor", "puzzle", "advance", "pin", *META]

    def value(depth):
        kind = dice.randrange(8 if depth < 4 else 5)
        if kind < 2:
            return dice.choice(words)
        if kind == 2:
            return dice.choice([0, 1, -1, 2**63 - 1, 1e300, 0.5, 10**6])
        if kind < 5:
            return dice.choice([None, True, False])
        if kind == 5:
            return [value(depth + 1) for _ in range(dice.randrange(4))]
        return {dice.choice(words): value(depth + 1) for _ in range(dice.randrange(5))}
    with StdioClient("--alone") as c:
        c.call("check_answer", {"puzzle": Q})
        wanted = set()
        for i in range(1500):
            message = {"jsonrpc": "2.0", "id": f"r{i}", "method": dice.choice(words[:8]), "params": value(1)}
            if dice.random() < 0.7 and isinstance(message["params"], dict):
                message["params"].setdefault("name", dice.choice(["hint", "check_answer", "advance", "list_models", "pose_puzzle"]))
                message["params"].setdefault("arguments", value(1))
                message["params"]["_meta"] = {**META} if dice.random() < 0.7 else value(1)
            if dice.random() < 0.2:
                message[dice.choice(list(message))] = value(1)
            line = json.dumps(message)
            if dice.random() < 0.1:
                line = line[:dice.randrange(len(line))]
            elif message.get("id") == f"r{i}" and "\\u0000" not in line:
                wanted.add(f"r{i}")
            c.send(message) if line == json.dumps(message) else c.write(line + "\n")
        c.send(c.message("tools/list"))
        c.process.stdin.close()
        seen = {}
        while (m := c.next()) is not None:
            if "method" not in m and isinstance(m.get("id"), str):
                seen[m["id"]] = seen.get(m["id"], 0) + 1
        expect(c.process.wait(60), 0, "random messages")
        expect({i for i in wanted if seen.get(i, 1) != 1}, set(), "answered more than once")
        missing = wanted - set(seen)
        assert not missing, f"{len(missing)} requests without an answer, such as {sorted(missing)[:3]}"


def options():
    trm = os.environ["TRM"]
    for words, code, text in [(["extra"], 2, "extra"), (["--server", "nowhere"], 2, "--server"), (["--alone", "--server", "http://x:1"], 2, "exclude"),
                              (["--token-file", "absent"], 3, "absent"), (["--model-path", "absent"], 3, "absent"), (["--alon"], 2, "--alone")]:
        run = subprocess.run([trm, "mcp", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=60)
        found = run.stderr.decode()
        if run.returncode != code or text not in found or run.stdout or found.count("\n") != 1:
            raise AssertionError(f"{words}: exit {run.returncode}, expected {code} with {text}: {found}")


def sdk_clients(s):
    """The SDKs of both eras, where tools/setup --peers has installed them."""
    clients = os.environ.get("MCP_CLIENTS")
    if not clients:
        print("not run: the SDKs; tools/setup --peers installs them")
        return
    run = subprocess.run(["./node22", "sdk.mjs", os.environ["TRM"], f"http://127.0.0.1:{s.port}/mcp"], cwd=clients,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=300)
    assert run.returncode == 0, run.stdout.decode()[-2000:]
    print(run.stdout.decode(), end="")


SHARED = [http, http_protocol, http_hanging_up_cancels, stdio_through_a_server, sdk_clients]
OWN = [tokens, stdio_alone, stdio_cancelled, stdio_killed, stdio_outlives_its_server, random_messages, options]


run_all(SHARED, OWN)
