"""What a server of MCP asks of its client, and what it tells who listens, with tools that need it (support/mcp_fixture.c):
input that is required, states that come back sealed, requests in between, logs, subscriptions."""
import http.client
import json
import subprocess
import sys

from mcp_client import Error, HttpClient

CAN = "io.modelcontextprotocol/clientCapabilities"
ALL = {CAN: {"elicitation": {}, "sampling": {}, "roots": {}}}


class Fixture:
    """Answers as served.Server does, for HttpClient."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1])

    def request(self, method, path, body, headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        result = type("Answer", (), {"status": answer.status, "headers": dict(answer.getheaders()), "body": answer.read()})
        connection.close()
        return result


def expect(found, wanted, what=""):
    if found != wanted:
        raise AssertionError(f"{what}: found {found!r}, expected {wanted!r}")


def call(c, tool, can=ALL, method="tools/call", **more):
    return c.result(method, {"name": tool, "arguments": {}, **more}, can)


def code_of(run):
    try:
        return run()
    except Error as e:
        return e.code


def input_required(c):
    first = call(c, "test_input_required_result_elicitation")
    expect((first["resultType"], list(first["inputRequests"])), ("input_required", ["user_name"]))
    assert "ttlMs" not in first, first
    good = {"user_name": {"action": "accept", "content": {"name": "Ann"}}}
    done = call(c, "test_input_required_result_elicitation", inputResponses={**good, "other": {}})
    expect((done["resultType"], done["content"][0]["text"]), ("complete", "Hello, Ann!"))
    for wrong in ({}, {"other": {}}, {"user_name": 7}, {"user_name": None}, None, [], 3):
        again = call(c, "test_input_required_result_elicitation", inputResponses=wrong)
        expect(again["resultType"], "input_required", f"answers {wrong!r}")
    prompt = call(c, "test_input_required_result_prompt", method="prompts/get")
    expect(prompt["resultType"], "input_required")
    expect(code_of(lambda: call(c, "test_input_required_result_elicitation", {CAN: {}})), -32021, "a client that cannot")
    some = call(c, "test_input_required_result_capabilities", {CAN: {"sampling": {}}})
    expect(list(some["inputRequests"]), ["greeting"], "only what the client can")
    expect(code_of(lambda: call(c, "test_missing_capability", {CAN: {}})), -32021)


def sealed_states(c):
    tool = "test_input_required_result_multi_round"
    one = call(c, tool)
    answer = {"step1": {"action": "accept", "content": {"name": "Ann"}}}
    two = call(c, tool, inputResponses=answer, requestState=one["requestState"])
    expect(list(two["inputRequests"]), ["step2"])
    assert one["requestState"] != two["requestState"]
    last = call(c, tool, inputResponses={"step2": {"action": "accept", "content": {"color": "red"}}}, requestState=two["requestState"])
    expect(last["resultType"], "complete")
    state = one["requestState"]
    mac, text = state.split(".", 1)
    for wrong in (state + "x", state[:-1], "", "x", mac, mac + ".", "." + text, mac + "." + text.replace("0", "1", 1), mac[::-1] + "." + text,
                  mac.upper() + "." + text, 7, None, [state], two["requestState"][:64] + "." + text):
        expect(code_of(lambda w=wrong: call(c, tool, inputResponses=answer, requestState=w)), -32602, f"state {wrong!r}")
    expect(code_of(lambda: call(c, "test_input_required_result_request_state", inputResponses=answer, requestState=state)), -32602,
           "a state of another tool")


def listening(c):
    """First what was granted, then what was asked for and nothing else, each with the request's id."""
    message = c.message("subscriptions/listen", {"notifications": {"toolsListChanged": True, "nothing": True}})
    connection = http.client.HTTPConnection("127.0.0.1", c.server.port, timeout=30)
    connection.request("POST", "/mcp", json.dumps(message), c.headers(message))
    answer = connection.getresponse()

    def told():
        while True:
            line = answer.readline()
            assert line, "the stream has ended"
            if line.startswith(b"data: "):
                return json.loads(line[6:])
    first = told()
    expect((first["method"], first["params"]["notifications"]), ("notifications/subscriptions/acknowledged", {"toolsListChanged": True}))
    call(c, "test_trigger_prompt_change")
    call(c, "test_trigger_tool_change")
    second = told()
    expect(second["method"], "notifications/tools/list_changed")
    for m in (first, second):
        expect(m["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], message["id"])
    connection.close()
    expect(code_of(lambda: c.result("subscriptions/listen")), -32602)


def logs(c):
    def lines(meta):
        return [m["params"]["data"] for m in c.ask("tools/call", {"name": "test_logging_tool", "arguments": {}}, meta)[1]]
    expect(lines({}), [], "no log without a level")
    expect(len(lines({"io.modelcontextprotocol/logLevel": "debug"})), 3)
    expect(lines({"io.modelcontextprotocol/logLevel": "error"}), [])


def asked_in_between(fixture):
    """Before 2026-07-28 the server asks on the stream of the call; the answer comes as a message of its own."""
    c = HttpClient(fixture, current=False)
    message = c.message("tools/call", {"name": "test_elicitation", "arguments": {"message": "Who?"}})
    connection = http.client.HTTPConnection("127.0.0.1", fixture.port, timeout=30)
    connection.request("POST", "/mcp", json.dumps(message), c.headers(message))
    answer = connection.getresponse()

    def told():
        while True:
            line = answer.readline()
            assert line, "the stream has ended"
            if line.startswith(b"data: "):
                return json.loads(line[6:])
    asked = told()
    expect((asked["method"], asked["params"]["message"], len(asked["id"])), ("elicitation/create", "Who?", 32))
    for wrong in ({"id": "0" * 32, "result": {}}, {"id": 7, "result": {}}, {"id": "", "result": {}}):
        expect(c.send({"jsonrpc": "2.0", **wrong}).status, 202, "an answer to nothing")
    expect(c.send({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "accept", "content": {"username": "ann"}}}).status, 202)
    last = told()
    expect(last["id"], message["id"])
    assert "accept" in last["result"]["content"][0]["text"] and "ann" in last["result"]["content"][0]["text"], last
    expect(c.send({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "decline"}}).status, 202, "answered twice")
    assert "resources" in c.begun["capabilities"] and c.begun["capabilities"]["resources"]["subscribe"] is True, c.begun
    expect(c.result("resources/subscribe", {"uri": "test://watched-resource"}), {})
    expect(code_of(lambda: c.result("resources/subscribe", {"uri": "test://static-text"})), -32602)
    expect(code_of(lambda: c.result("logging/setLevel", {"level": "loud"})), -32602)


def main():
    fixture = Fixture(sys.argv[1])
    c = HttpClient(fixture)
    for test in (input_required, sealed_states, listening, logs):
        test(c)
        print(f"{test.__name__}: ok", flush=True)
    asked_in_between(fixture)
    print("asked_in_between: ok")
    fixture.process.stdin.close()
    expect(fixture.process.wait(30), 0)


main()
