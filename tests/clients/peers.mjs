// What programs of others say of a running server: a validator of OpenAPI, one of JSON Schema, a parser of Prometheus' text
// format. node peers.mjs URL prints what is wrong, and exits with 1 where something is, or where one of the faults that are
// put in on purpose is not found.
import { Validator } from "@seriousme/openapi-schema-validator";
import Ajv2020 from "ajv/dist/2020.js";
import parsePrometheus from "parse-prometheus-text-format";

const url = process.argv[2];
const puzzle = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79";
const strictly = { strict: true, strictRequired: false, allowUnionTypes: true };
const faults = [];

function check(good, what) {
  if (!good) faults.push(what);
}

async function get(path) {
  const answer = await fetch(url + path);
  check(answer.status === 200, `GET ${path}: ${answer.status}`);
  return answer;
}

// -- OpenAPI ----------------------------------------------------------------------------------------------------------

// What is wrong with a description: the validator's words, or where a reference or a schema leads nowhere; "" when nothing is.
async function describedWrong(description) {
  const validator = new Validator();
  const result = await validator.validate(structuredClone(description));
  if (!result.valid) return JSON.stringify(result.errors).slice(0, 500);
  if (validator.version !== "3.1") return `version ${validator.version}`;
  validator.resolveRefs();
  const ids = new Set();
  for (const [path, operations] of Object.entries(description.paths))
    for (const [method, operation] of Object.entries(operations)) {
      if (ids.has(operation.operationId)) return `${operation.operationId} stands twice`;
      ids.add(operation.operationId);
      const named = [...path.matchAll(/{(\w+)}/g)].map((m) => m[1]);
      const declared = (operation.parameters ?? []).filter((p) => p.in === "path").map((p) => p.name);
      if (named.join() !== declared.join()) return `${method} ${path}: parameters ${declared}`;
      for (const content of Object.values(operation.requestBody?.content ?? {}))
        new Ajv2020(strictly).compile(content.schema);
    }
  return "";
}

async function describedWrongOrThrows(description) {
  try {
    return await describedWrong(description);
  } catch (error) {
    return String(error);
  }
}

const plantedInDescription = {
  "no title": (d) => delete d.info.title,
  "an answer without a description": (d) => delete d.paths["/livez"].get.responses["200"].description,
  "a parameter that is nowhere": (d) => delete d.paths["/v1/jobs/{id}"].get.parameters[0].in,
  "a parameter that is not declared": (d) => (d.paths["/v1/jobs/{id}"].get.parameters = []),
  "a reference to nothing": (d) => delete d.components.schemas.Problem,
  "an unknown type in a schema": (d) =>
    (d.paths["/v1/solve"].post.requestBody.content["application/json"].schema.properties.max_steps.type = "whole"),
  "one name for two operations": (d) => (d.paths["/livez"].get.operationId = d.paths["/readyz"].get.operationId),
  "a later version": (d) => (d.openapi = "3.9.0"),
};

// The schema of a body says of each what the server says.
const bodies = [
  ["/v1/solve", { puzzle }], ["/v1/solve", { puzzle, max_steps: 3, search: 0 }], ["/v1/solve", { puzzles: [puzzle, { puzzle, id: "a" }] }],
  ["/v1/solve", { puzzle: { tokens: [...puzzle].map((c) => ".123456789".indexOf(c) + 1) }, model: "sudoku-9x9" }],
  ["/v1/solve", {}], ["/v1/solve", { puzzle, puzzles: [puzzle] }], ["/v1/solve", { puzzle, max_stps: 3 }], ["/v1/solve", { puzzle: 3 }],
  ["/v1/solve", { puzzle, max_steps: "three" }], ["/v1/solve", { puzzle, level: "Z" }], ["/v1/solve", { puzzles: [] }],
  ["/v1/check", { puzzle }], ["/v1/check", {}], ["/v1/hint", { puzzle }], ["/v1/hint", { puzzle, answer: puzzle }],
  ["/v1/generate", { task: "sudoku", size: 9, seed: 7 }], ["/v1/generate", { sise: 4 }], ["/v1/generate", { size: "four" }],
];

async function checkBodies(description) {
  for (const [path, body] of bodies) {
    const schema = description.paths[path].post.requestBody.content["application/json"].schema;
    const valid = new Ajv2020(strictly).validate(schema, body);
    const answer = await fetch(url + path, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const type = answer.headers.get("content-type");
    const listed = description.paths[path].post.responses[answer.status] ?? description.paths[path].post.responses.default;
    const text = await answer.text();
    check(valid === answer.ok, `${path} ${JSON.stringify(body).slice(0, 80)}: the schema says ${valid}, the server ${answer.status} ${text.slice(0, 200)}`);
    check(Object.keys(listed.content ?? {}).includes(type), `${path}: ${answer.status} is ${type}, which the description does not have`);
  }
}

// What is asked without an id answers with a type that it is said to have.
async function checkTypes(description) {
  for (const [path, operations] of Object.entries(description.paths)) {
    if (!operations.get || path.includes("{")) continue;
    const answer = await get(path), type = answer.headers.get("content-type");
    await answer.text();
    check(Object.keys(operations.get.responses["200"].content).includes(type), `${path} is ${type}, which the description does not have`);
  }
}

// -- Prometheus -------------------------------------------------------------------------------------------------------

function histogramWrong(family) {
  for (const metric of family.metrics) {
    const bounds = Object.keys(metric.buckets ?? {}).sort((a, b) => (a === "+Inf") - (b === "+Inf") || a - b);
    const counts = bounds.map((b) => Number(metric.buckets[b]));
    if (bounds.at(-1) !== "+Inf") return "no bucket +Inf";
    if (counts.some((c, i) => i && c < counts[i - 1])) return "buckets that do not grow";
    if (counts.at(-1) !== Number(metric.count)) return "+Inf is not the count";
  }
  return "";
}

function metricsWrong(text) {
  const names = new Set();
  let families;
  try {
    families = parsePrometheus(text);
  } catch (error) {
    return String(error);
  }
  if (families.length !== (text.match(/^# TYPE /gm) ?? []).length) return "not as many families as # TYPE lines";
  for (const family of families) {
    if (names.has(family.name)) return `${family.name} stands twice`;
    names.add(family.name);
    if (!family.help || !["COUNTER", "GAUGE", "HISTOGRAM"].includes(family.type)) return `${family.name}: ${family.type}`;
    if (!family.metrics.length) return `${family.name} has no samples`;
    if (family.type === "COUNTER" && !family.name.endsWith("_total")) return `${family.name} is a counter without _total`;
    const wrong = family.type === "HISTOGRAM" ? histogramWrong(family) : "";
    if (wrong) return `${family.name}: ${wrong}`;
    if (family.metrics.some((m) => m.buckets === undefined && !/^[-+]?[.\d]/.test(m.value))) return `${family.name} is no number`;
  }
  return "";
}

const plantedInMetrics = {
  "a name with a dash": (t) => t.replace("\ntrm_queue_depth ", "\ntrm-queue-depth "),
  "a label without quotes": (t) => t.replace('result="solved"', "result=solved"),
  "a sample without a value": (t) => t.replace(/^(trm_queue_depth) .*$/m, "$1"),
  "a counter without _total": (t) => t.replaceAll("trm_early_halt_total", "trm_early_halt"),
  "a count that is not +Inf": (t) => t.replace(/^(trm_supervision_steps_count) .*$/m, "$1 77777"),
  "a family twice": (t) => t + t.slice(t.indexOf("# HELP trm_ready")),
};

// -- all --------------------------------------------------------------------------------------------------------------

const description = await (await get("/v1/openapi.json")).json();
check(!(await describedWrongOrThrows(description)), `the description: ${await describedWrongOrThrows(description)}`);
await checkBodies(description);
await checkTypes(description);
for (const [what, plant] of Object.entries(plantedInDescription)) {
  const copy = structuredClone(description);
  plant(copy);
  check(await describedWrongOrThrows(copy), `not found in the description: ${what}`);
}
const answer = await get("/metrics"), text = await answer.text();
check(answer.headers.get("content-type") === "text/plain; version=0.0.4; charset=utf-8", "the type of /metrics");
check(!metricsWrong(text), `the metrics: ${metricsWrong(text)}`);
for (const [what, plant] of Object.entries(plantedInMetrics)) {
  check(plant(text) !== text, `cannot be planted: ${what}`);
  check(metricsWrong(plant(text)), `not found in the metrics: ${what}`);
}
for (const fault of faults) console.log(fault);
console.log(`${Object.keys(description.paths).length} paths, ${bodies.length} bodies, ${parsePrometheus(text).length} families of metrics, ` +
  `${Object.keys(plantedInDescription).length + Object.keys(plantedInMetrics).length} planted faults`);
process.exit(faults.length ? 1 : 0);
