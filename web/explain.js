// The page of one puzzle's reasoning: it reads the object in #data, whose fields docs/solve.md describes, and shows one step
// of it at a time. The question comes before the first. #step=3 behind the page's name is a link to the third.
import { createBoard, legendOf, placeOf, symbolOf, wordOf } from "./board.js";
import { createCurves } from "./curves.js";

const PLAY = 12000, SLOWEST = 900, QUICKEST = 120; // milliseconds: of all steps, and of one
const $ = id => document.getElementById(id);
const data = JSON.parse($("data").textContent), task = data.task;
const frames = [{ step: 0, chain: 1, answer: data.question, changed: [], broken: [] }, ...data.steps];
const percent = fraction => fraction === null || fraction === undefined ? "unknown" : `${(100 * fraction).toFixed(1)} %`;
const shortOf = number => (number === null ? "unknown" : String(+number.toFixed(2)));
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
const heeded = data.halt_threshold !== null; // the halting head may end the puzzle
const gaveAnswer = frame => frame.step && frame.chain === data.chain && frame.step === data.answer_step;
const answerAt = frames.some(gaveAnswer) ? frames.findIndex(gaveAnswer) : frames.length - 1;
let at = 0, timer = 0;

// -- what is said of a step

function leastCell(frame) {
  return frame.confidence.reduce((least, c, i, all) => (c < all[least] ? i : least), 0);
}

function rulesOf(frame) {
  if (frame.correct === null) return "not known";
  return frame.correct ? "all hold" : frame.fault || "broken";
}

function factsOf(frame) {
  if (!frame.step) {
    const empty = data.question.filter((token, i) => !symbolOf(task, token) && !data.clues.includes(i)).length;
    return [["Given", plural(data.clues.length, "cell")], ["Empty", plural(empty, "cell")]];
  }
  const facts = [
    ["Confidence", percent(frame.says_right), `q ${shortOf(frame.q)}` + (heeded ? `, halts over ${shortOf(data.halt_threshold)}` : "")],
    ["Cells", `${percent(frame.mean_confidence)} on average`, `least sure: ${placeOf(task, leastCell(frame))}, ${percent(frame.least_confidence)}`],
    ["Changed", plural(frame.changed.length, "cell")],
    ["Rules", rulesOf(frame)],
  ];
  if (typeof frame.change === "number") facts.splice(3, 0, ["Distance", frame.change.toPrecision(3), "to the last state, relative"]);
  return facts;
}

function titleOf(frame) {
  if (!frame.step) return "Question";
  const last = frames.findLast(other => other.chain === frame.chain);
  return `Step ${frame.step} of ${last.step}` + (data.chain > 1 ? `, chain ${frame.chain}` : "");
}

function noteOf(frame, index) {
  const before = frames[index - 1];
  if (before && before.chain !== frame.chain) return "Begun again: this is the chain that answered.";
  return index === answerAt && index < frames.length - 1 ? "This is the answer that was kept." : "";
}

function changesOf(frame, index) {
  const before = index && frames[index - 1].chain === frame.chain ? frames[index - 1] : frames[0];
  const told = frame.changed.slice(0, 12).map(i => `${placeOf(task, i)} ${wordOf(task, before.answer[i])} to ${wordOf(task, frame.answer[i])}`);
  return told.join(", ") + (frame.changed.length > 12 ? ` and ${frame.changed.length - 12} more` : "");
}

// The whole step as a text, for people who listen.
function spokenOf(frame, index) {
  const facts = factsOf(frame).map(([name, value, more]) => `${name}: ${value}${more ? `, ${more}` : ""}.`);
  const changes = changesOf(frame, index);
  return [titleOf(frame) + ".", noteOf(frame, index), ...facts, changes && changes + "."].filter(Boolean).join(" ");
}

function rowsOf(frame) {
  return Array.from({ length: task.height }, (_, r) =>
    frame.answer.slice(r * task.width, (r + 1) * task.width).map(token => wordOf(task, token)).join(" "));
}

// -- showing

function put(parent, name, text, className) {
  const element = document.createElement(name);
  element.textContent = text;
  if (className) element.className = className;
  parent.append(element);
  return element;
}

function show(index) {
  const frame = frames[(at = Math.max(0, Math.min(frames.length - 1, index)))];
  board.show(frame);
  board.element.setAttribute("aria-label", titleOf(frame));
  $("step").textContent = titleOf(frame);
  $("note").textContent = noteOf(frame, at);
  $("facts").replaceChildren();
  for (const [name, value, more] of factsOf(frame)) {
    put($("facts"), "dt", name);
    const dd = put($("facts"), "dd", value, name === "Rules" && frame.correct === false ? "bad" : "");
    if (more) put(dd, "small", ` ${more}`);
  }
  $("spoken").textContent = spokenOf(frame, at);
  $("rows").replaceChildren();
  for (const row of rowsOf(frame)) put($("rows"), "li", row);
  $("slider").value = at;
  $("slider").setAttribute("aria-valuetext", titleOf(frame));
  for (const id of ["first", "back"]) $(id).disabled = at === 0;
  for (const id of ["forward", "last"]) $(id).disabled = at === frames.length - 1;
  curves.show(at);
  remember();
}

// Browsers refuse an address that changes very often, as on a long drag.
function remember() {
  try {
    history.replaceState(null, "", `#step=${at}`);
  } catch {}
}

function hover(cell) {
  const frame = frames[at], token = cell === null ? 0 : frame.answer[cell];
  $("hover").textContent = cell === null ? "" :
    `${placeOf(task, cell)}: ${wordOf(task, token)}` +
    (frame.confidence ? `, ${percent(frame.confidence[cell])}` : "") + (data.clues.includes(cell) ? ", given" : "");
}

// -- moving

function setPlaying(playing) {
  document.body.classList.toggle("playing", playing);
  $("play").setAttribute("aria-label", playing ? "stop (space)" : "play (space)");
}

function stop() {
  clearTimeout(timer);
  timer = 0;
  setPlaying(false);
}

function go(index) {
  stop();
  show(index);
}

function play() {
  if (timer) return stop();
  const pause = Math.max(QUICKEST, Math.min(SLOWEST, PLAY / frames.length));
  const next = () => {
    if (at === frames.length - 1) return stop();
    timer = setTimeout(next, pause);
    show(at + 1);
  };
  if (at === frames.length - 1) show(0);
  setPlaying(true);
  timer = setTimeout(next, pause);
}

const keys = {
  ArrowLeft: () => go(at - 1), ArrowRight: () => go(at + 1), Home: () => go(0), End: () => go(frames.length - 1), " ": play,
};

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || !keys[event.key]) return;
  if (event.key === " " && event.target.tagName === "BUTTON") return;
  event.preventDefault();
  keys[event.key]();
}

// The frame that the page's address names; without one that of the answer.
function fromAddress() {
  const wanted = /#step=(\d+)/.exec(location.hash);
  return wanted ? +wanted[1] : answerAt;
}

function switchTheme() {
  const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = (root.dataset.theme || (dark ? "dark" : "light")) === "dark" ? "light" : "dark";
}

// -- the page

const breaks = frames.map((frame, i) => (i && frame.chain !== frames[i - 1].chain ? i : 0)).filter(Boolean);
const values = key => frames.map(frame => frame[key] ?? null);
const panels = [
  { title: heeded ? "q, and dotted where it halts" : "q, the halting head's word", lines: [{ values: values("q") }],
    mark: heeded ? data.halt_threshold : undefined },
  { title: "cells: mean confidence, dashed the least", fraction: true,
    lines: [{ values: values("mean_confidence") }, { values: values("least_confidence"), dashed: true }] },
  { title: "cells changed", bars: true, lines: [{ values: frames.map(frame => frame.changed.length) }] },
];
if (data.steps.some(step => typeof step.change === "number"))
  panels.push({ title: "distance to the last state", lines: [{ values: values("change") }] });

document.title = `${task.title}: ${data.message}`;
$("title").textContent = task.title;
$("source").textContent = [data.where, data.model.replace(/.*\//, "")].filter(Boolean).join(" \u00b7 ");
$("verdict").textContent = data.message;
$("verdict").className = data.checked ? (data.solved ? "right" : "wrong") : "";
for (const [name, sample, words] of legendOf(task)) {
  const item = put($("legend"), "li", "", name);
  put(item, "b", sample);
  item.append(` ${words}`);
}
$("slider").max = frames.length - 1;
const board = createBoard($("board"), task, data.clues);
const curves = createCurves($("curves"), panels, frames.map(frame => frame.step), breaks, go);
board.element.addEventListener("cell", event => hover(event.detail));
document.addEventListener("keydown", onKey);
$("slider").addEventListener("input", () => go(+$("slider").value));
$("first").onclick = keys.Home;
$("back").onclick = keys.ArrowLeft;
$("play").onclick = play;
$("forward").onclick = keys.ArrowRight;
$("last").onclick = keys.End;
$("theme").onclick = switchTheme;
addEventListener("hashchange", () => go(fromAddress()));
show(fromAddress());
