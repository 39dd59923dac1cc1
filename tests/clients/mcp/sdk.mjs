// The product's own tools, called by the SDKs of both eras, over stdio and over HTTP: node sdk.mjs TRM URL. Each SDK checks
// every result against the schema that the tool declares.
import assert from "node:assert/strict";
import { Client as Old } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport as OldStdio } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport as OldHttp } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

const [, , trm, url] = process.argv;
const Q = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79";
const A = "534678912672195348198342567859761423426853791713924856961537284287419635345286179";
const calls = [["solve_sudoku", { puzzle: Q }], ["solve_maze", { puzzle: "S   \n ## \n   G", search: 16 }], ["reason", { puzzle: Q }],
  ["explain", { puzzle: Q }], ["check_answer", { puzzle: Q, answer: A }], ["hint", { puzzle: Q }],
  ["generate_puzzle", { seed: 1, max_clues: 36 }], ["advance", { puzzle: Q }], ["list_models", {}]];

async function use(client, transport, name) {
  await client.connect(transport);
  const { tools } = await client.listTools();
  assert.deepEqual(tools.map(t => t.name).sort(), calls.map(c => c[0]).sort());
  for (const [tool, args] of calls) {
    const result = await client.callTool({ name: tool, arguments: args });
    assert.ok(!result.isError, JSON.stringify(result));
    assert.equal(typeof result.structuredContent.checked, "boolean");
    if (tool === "solve_sudoku") assert.equal(result.structuredContent.answer, A);
  }
  const bad = await client.callTool({ name: "solve_sudoku", arguments: { puzzle: "1" } });
  assert.equal(bad.isError, true);
  assert.ok((await client.listResources()).resources.length > 0);
  assert.ok((await client.listPrompts()).prompts.length > 0);
  await client.close();
  console.log(`${name}: ${calls.length} tools`);
}

const me = { name: "trm-test", version: "1" };
const command = { command: trm, args: ["mcp", "--alone"], env: process.env };
await use(new Old(me), new OldStdio(command), "SDK 1 over stdio");
await use(new Old(me), new OldHttp(new URL(url)), "SDK 1 over HTTP");
for (const mode of ["legacy", "auto", { pin: "2026-07-28" }]) {
  const options = { versionNegotiation: { mode } }, word = typeof mode === "string" ? mode : mode.pin;
  await use(new Client(me, options), new StdioClientTransport(command), `SDK 2, ${word}, over stdio`);
  await use(new Client(me, options), new StreamableHTTPClientTransport(new URL(url)), `SDK 2, ${word}, over HTTP`);
}
