// Draws a puzzle's grid into a page, as SVG: clues, answers, how sure the network is, what has changed, what breaks a rule.
// Every board of every page is drawn here. What a cell shows is never told by colour alone: clues are bold, a changed cell
// has a ring, a broken one is hatched, and one of which the network is less sure than of its surest cell has a bar as long as
// its confidence.
//
//   const board = createBoard(element, task, clues);   // task: as `trm explain --json` has it; clues: cells
//   board.show({answer, confidence, changed, broken}); // tokens, numbers from 0 to 1 or null, cells, cells
//   board.element.addEventListener("cell", e => e.detail); // the cell under the pointer, null when it leaves
//
// Colours are the page's CSS variables: --paper --ink --hair --answer --changed --ring --broken --alarm --wall --path.

const SVG = "http://www.w3.org/2000/svg";
const UNIT = 40, EDGE = 3; // side of a cell, and what is left around all, in the picture's own units
// Cells that are not this far behind the surest have no bar: networks differ in how sure they ever are.
const BEHIND = 0.95;
const LARGE = 15; // mazes that are wider
let boards = 0;

export function svg(name, attributes, parent) {
  const element = document.createElementNS(SVG, name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (parent) parent.append(element);
  return element;
}

// What a token is called; "" for padding and for a Sudoku's blank.
export function symbolOf(task, token) {
  if (!task.alphabet) return String(token);
  const symbol = token ? task.alphabet[token - 1] ?? "" : "";
  return symbol.trim() === "" || (task.name === "sudoku" && symbol === ".") ? "" : symbol;
}

const MAZE_WORDS = { "#": "wall", S: "start", G: "goal", o: "path", "": "free" };

// The same in words, for people who listen.
export function wordOf(task, token) {
  const symbol = symbolOf(task, token);
  return task.name === "maze" ? MAZE_WORDS[symbol] ?? symbol : symbol || "empty";
}

export function placeOf(task, cell) {
  return `row ${Math.floor(cell / task.width) + 1} column ${(cell % task.width) + 1}`;
}

// -- painters: how the cells of a task kind look. make() adds what a cell needs, set() shows a token in it and how sure the
// network is of it (a share of its surest cell, 1 where nothing is to be shown), after() is called when all are set. legend:
// class, sample and words. A kind without a painter of its own is written as symbols.

const changed = ["changed", "", "changed in this step"], broken = ["broken", "", "breaks a rule"];

const symbols = {
  legend: [["clue", "5", "given"], ["answer", "5", "the network's"], changed, broken,
    ["unsure", "", "how sure, where less than of the surest cell"]],
  make(cell, x, y) {
    const bar = { x: x + 9, y: y + UNIT - 7, height: 3, rx: 1.5 };
    cell.text = svg("text", { x: x + UNIT / 2, y: y + UNIT * 0.68, class: "symbol" }, cell.group);
    svg("rect", { ...bar, width: UNIT - 18, class: "track" }, cell.over);
    cell.bar = svg("rect", { ...bar, class: "bar" }, cell.over);
  },
  set(cell, task, token, sure) {
    const symbol = symbolOf(task, token);
    cell.text.textContent = symbol;
    cell.text.style.fontSize = symbol.length > 1 ? `${Math.floor(44 / symbol.length)}px` : "";
    cell.bar.setAttribute("width", (UNIT - 18) * sure);
  },
};

const maze = {
  legend: [["walls", "", "wall"], ["ways", "", "path"], changed, broken, ["doubt", "", "the larger, the less sure"]],
  // In a large maze start and goal are larger than their cells, to be found.
  make(cell, x, y, task) {
    const middle = { cx: x + UNIT / 2, cy: y + UNIT / 2 }, large = task.width > LARGE;
    cell.bar = svg("circle", { ...middle, class: "bar" }, cell.over);
    cell.end = svg("g", { class: "end" }, cell.over);
    svg("circle", { ...middle, r: large ? 24 : 15 }, cell.end);
    const letter = { x: middle.cx, y: middle.cy + (large ? 10.5 : 7), "font-size": large ? 30 : 20 };
    cell.text = svg("text", letter, cell.end);
  },
  set(cell, task, token, sure) {
    const symbol = symbolOf(task, token);
    cell.symbol = symbol;
    cell.group.classList.toggle("wall", symbol === "#");
    cell.end.classList.toggle("shown", symbol === "S" || symbol === "G");
    cell.text.textContent = symbol;
    cell.bar.setAttribute("r", 4 + 12 * (1 - sure));
  },
  // The path is one line through the middles of its cells; a cell of it that touches no other is a dot.
  after(board, task) {
    const { cells } = board, on = i => "oSG".includes(cells[i].symbol || "-");
    let line = "";
    cells.forEach((cell, i) => {
      if (!on(i)) return;
      const column = i % task.width, start = `M${(column + 0.5) * UNIT} ${(Math.floor(i / task.width) + 0.5) * UNIT}`;
      line += `${start}h0`;
      if (column + 1 < task.width && on(i + 1)) line += `h${UNIT}`;
      if (i + task.width < cells.length && on(i + task.width)) line += `${start}v${UNIT}`;
    });
    board.path ??= svg("path", { class: "path" });
    board.path.setAttribute("d", line);
    board.cellLayer.after(board.path);
  },
};

const painters = { maze };
const painterOf = task => painters[task.name] || symbols;
export const legendOf = task => painterOf(task).legend;

// -- the board

function makeCell(board, task, i) {
  const x = (i % task.width) * UNIT, y = Math.floor(i / task.width) * UNIT;
  const cell = { group: svg("g", { class: "cell" }, board.cellLayer), over: svg("g", { class: "over" }, board.markLayer) };
  svg("rect", { x, y, width: UNIT, height: UNIT, class: "floor" }, cell.group);
  svg("rect", { x, y, width: UNIT, height: UNIT, class: "hatch", fill: `url(#hatch${board.number})` }, cell.over);
  svg("rect", { x: x + 3, y: y + 3, width: UNIT - 6, height: UNIT - 6, rx: 6, class: "ring" }, cell.over);
  board.painter.make(cell, x, y, task);
  return cell;
}

function drawLines(board, task) {
  const width = task.width * UNIT, height = task.height * UNIT;
  const line = (thick, d) => svg("path", { d, class: thick ? "thick" : "thin" }, board.root);
  const boxWidth = task.box_width || 0, boxHeight = task.box_height || 0;
  let thin = "", thick = `M0 0h${width}v${height}h${-width}z`;
  for (let c = 1; c < task.width; c++)
    if (boxWidth && c % boxWidth === 0) thick += `M${c * UNIT} 0v${height}`;
    else thin += `M${c * UNIT} 0v${height}`;
  for (let r = 1; r < task.height; r++)
    if (boxHeight && r % boxHeight === 0) thick += `M0 ${r * UNIT}h${width}`;
    else thin += `M0 ${r * UNIT}h${width}`;
  line(false, thin);
  line(true, thick);
}

function drawHatch(board) {
  const side = 8, pattern = svg("pattern", { id: `hatch${board.number}`, width: side, height: side,
    patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, svg("defs", {}, board.root));
  svg("path", { d: `M0 0v${side}`, class: "hatching" }, pattern);
}

function setCell(board, task, cell, i, state) {
  const sure = state.confidence ? Math.max(0, state.confidence[i] / state.surest) : 1;
  const marks = { clue: board.clues.has(i), changed: state.changed.has(i), broken: state.broken.has(i), unsure: sure < BEHIND };
  board.painter.set(cell, task, state.answer[i], sure);
  for (const mark in marks)
    for (const group of [cell.group, cell.over]) group.classList.toggle(mark, marks[mark]);
}

export function createBoard(element, task, clues) {
  const width = task.width * UNIT, height = task.height * UNIT;
  const root = svg("svg", { viewBox: `${-EDGE} ${-EDGE} ${width + 2 * EDGE} ${height + 2 * EDGE}`, class: `board ${task.name}`, role: "img" }, element);
  const board = { element: root, root, number: ++boards, painter: painterOf(task), clues: new Set(clues) };
  drawHatch(board);
  svg("rect", { width, height, class: "paper" }, root);
  board.cellLayer = svg("g", {}, root);
  board.markLayer = svg("g", {}, root);
  board.cells = Array.from({ length: task.width * task.height }, (_, i) => makeCell(board, task, i));
  drawLines(board, task);
  const tell = cell => root.dispatchEvent(new CustomEvent("cell", { detail: cell }));
  root.addEventListener("pointermove", event => {
    const box = root.getBoundingClientRect(), scale = (width + 2 * EDGE) / box.width;
    const column = Math.floor(((event.clientX - box.left) * scale - EDGE) / UNIT);
    const row = Math.floor(((event.clientY - box.top) * scale - EDGE) / UNIT);
    const inside = column >= 0 && row >= 0 && column < task.width && row < task.height;
    tell(inside ? row * task.width + column : null);
  });
  root.addEventListener("pointerleave", () => tell(null));
  board.show = ({ answer, confidence = null, changed = [], broken = [] }) => {
    const surest = confidence ? Math.max(...confidence) : 1;
    const state = { answer, confidence, surest, changed: new Set(changed), broken: new Set(broken) };
    board.cells.forEach((cell, i) => setCell(board, task, cell, i, state));
    if (board.painter.after) board.painter.after(board, task);
  };
  return board;
}
