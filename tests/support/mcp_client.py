"""A client of the Model Context Protocol with nothing but the standard library: over HTTP and over standard input and
output, in both eras. It takes nothing on trust: ids, result types, and every tool's result against its schema."""
import json
import os
import queue
import subprocess
import threading
import time

CURRENT, LEGACY = "2026-07-28", "2025-11-25"
META = {"io.modelcontextprotocol/protocolVersion": CURRENT, "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"}}
NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


def conforms(value, schema, where="$"):
    """Raises AssertionError unless value fits; what is known is what our schemas use."""
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    known = {"type", "properties", "required", "additionalProperties", "items", "enum", "description", "default", "minimum",
             "maximum", "minLength", "maxLength", "minItems", "anyOf", "oneOf", "const", "title"}
    assert set(schema) <= known, f"{where}: a schema with {set(schema) - known}"

    def is_a(kind):
        if kind == "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        if kind == "number":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        return isinstance(value, kinds[kind])
    if "type" in schema:
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        assert any(is_a(t) for t in types), f"{where}: {value!r} is not {types}"
    if "enum" in schema:
        assert value in schema["enum"], f"{where}: {value!r} is not among {schema['enum']}"
    if isinstance(value, dict):
        missing = [k for k in schema.get("required", []) if k not in value]
        assert not missing, f"{where}: without {missing}"
        for key, member in value.items():
            if key in schema.get("properties", {}):
                conforms(member, schema["properties"][key], f"{where}.{key}")
            else:
                assert schema.get("additionalProperties", True) is not False, f"{where}.{key} is not declared"
    if isinstance(value, list) and "items" in schema:
        for i, item in enumerate(value):
            conforms(item, schema["items"], f"{where}[{i}]")


class Error(Exception):
    def __init__(self, error):
        super().__init__(json.dumps(error))
        self.code, self.message, self.data = error["code"], error["message"], error.get("data")


class Client:
    """What both ways share. self.exchange(message) gives the messages that come back, the answer last."""
    current = True
    number = 0

    def message(self, method, params=None, meta=None):
        Client.number += 1
        params = dict(params or {})
        if self.current:
            params["_meta"] = {**META, **(meta or {})}
        elif meta:
            params["_meta"] = meta
        return {"jsonrpc": "2.0", "id": Client.number, "method": method, "params": params}

    def ask(self, method, params=None, meta=None):
        """(result, what came before it)"""
        message = self.message(method, params, meta)
        *before, answer = self.exchange(message)
        assert answer["jsonrpc"] == "2.0" and answer["id"] == message["id"], answer
        if "error" in answer:
            raise Error(answer["error"])
        result = answer["result"]
        if self.current:
            assert result["resultType"] in ("complete", "input_required", "task"), result
            assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], result
        else:
            assert "resultType" not in result, result
        return result, before

    def result(self, method, params=None, meta=None):
        return self.ask(method, params, meta)[0]

    def tools(self):
        return {t["name"]: t for t in self.result("tools/list")["tools"]}

    def call(self, tool, arguments=None, token=None):
        """The structured content, checked against the tool's schema; with a token also the progress that was told."""
        result, before = self.ask("tools/call", {"name": tool, "arguments": arguments or {}},
                                  {"progressToken": token} if token else None)
        assert not result.get("isError"), result["content"][0]["text"]
        structured = result["structuredContent"]
        assert json.loads(result["content"][0]["text"]) == structured, "the text is not the content"
        conforms(structured, self.tools()[tool]["outputSchema"])
        if not token:
            return structured
        told = [m["params"] for m in before if m["method"] == "notifications/progress"]
        assert len(told) == len(before) and all(p["progressToken"] == token for p in told), before
        assert all(a["progress"] < b["progress"] for a, b in zip(told, told[1:])), told
        return structured, told

    def refused(self, tool, arguments):
        """The text of a call that fails as a result."""
        result = self.result("tools/call", {"name": tool, "arguments": arguments})
        assert result.get("isError") is True, result
        return result["content"][0]["text"]


class HttpClient(Client):
    def __init__(self, server, current=True):
        self.server, self.current = server, current
        if not current:
            self.begun = self.result("initialize", {"protocolVersion": LEGACY, "capabilities": {},
                                                    "clientInfo": {"name": "test", "version": "1"}})
            self.notify("notifications/initialized")

    def headers(self, message):
        headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
        method = message.get("method", "")
        if self.current:
            headers["MCP-Protocol-Version"] = CURRENT
            headers["Mcp-Method"] = method
            if method in NAMED:
                headers["Mcp-Name"] = str(message["params"].get(NAMED[method]))
        elif method != "initialize":
            headers["MCP-Protocol-Version"] = LEGACY
        return headers

    def send(self, message, headers=None):
        return self.server.request("POST", "/mcp", json.dumps(message), headers or self.headers(message))

    def notify(self, method, params=None):
        answer = self.send({"jsonrpc": "2.0", "method": method, "params": params or {}})
        assert (answer.status, answer.body) == (202, b""), answer.body

    def exchange(self, message):
        answer = self.send(message)
        if answer.headers["Content-Type"] == "application/json":
            return [json.loads(answer.body)]
        assert answer.headers["Content-Type"] == "text/event-stream", (answer.headers, answer.body)
        return [json.loads(line[6:]) for line in answer.body.decode().split("\n") if line.startswith("data: ")]


class StdioClient(Client):
    def __init__(self, *options, current=True, environment=None):
        self.current = current
        self.log = open(f"stdio-{id(self)}.log", "w+", encoding="utf-8")
        self.process = subprocess.Popen([os.environ["TRM"], "mcp", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log, env={**os.environ, **(environment or {})})
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()
        if not current:
            self.begun = self.result("initialize", {"protocolVersion": LEGACY, "capabilities": {},
                                                    "clientInfo": {"name": "test", "version": "1"}})
            self.notify("notifications/initialized")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.log.close()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))  # nothing but messages
        self.lines.put(None)

    def write(self, text):
        self.process.stdin.write(text if isinstance(text, bytes) else text.encode())
        self.process.stdin.flush()

    def send(self, message):
        self.write(json.dumps(message) + "\n")

    def notify(self, method, params=None):
        self.send({"jsonrpc": "2.0", "method": method, "params": params or {}})

    def next(self, seconds=120):
        """The next message; None: the output has ended."""
        return self.lines.get(timeout=seconds)

    def exchange(self, message):
        self.send(message)
        messages = []
        while True:
            found = self.next()
            assert found is not None, f"the program has ended with {self.process.wait(30)}"
            messages.append(found)
            if "method" not in found and found.get("id") == message["id"]:
                return messages

    def close(self, seconds=60):
        """The end of its input, and its exit status."""
        self.process.stdin.close()
        return self.process.wait(seconds)

    def children(self, seconds=10):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as f:
                found = [int(p) for p in f.read().split()]
            if found:
                return found
            time.sleep(0.05)
        return []
