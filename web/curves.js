// Curves over the steps, one above the other with one scale of steps, and a line at the step that is shown. A click or a
// drag on them chooses a step.
import { svg } from "./board.js";

const PANEL = 76, GAP = 32, LEFT = 44, RIGHT = 16, TOP = 18;

// What an axis runs over: the values and 0, or [0, 1].
function range(panel) {
  if (panel.fraction) return [0, 1];
  const values = panel.lines.flatMap(line => line.values).filter(v => v !== null);
  if (panel.mark !== undefined) values.push(panel.mark);
  const low = Math.min(...values, 0);
  return [low, Math.max(...values, low + 1e-9)];
}

const shown = (panel, value) => panel.fraction ? `${Math.round(100 * value)} %` : String(+value.toPrecision(3));

// panels: {title, lines: [{values, dashed}], fraction, bars, mark}; breaks: indices at which a new chain begins.
export function createCurves(element, panels, labels, breaks, choose) {
  const root = svg("svg", { class: "curves", role: "img", "aria-label": panels.map(p => p.title).join(", ") + " over the steps" }, element);
  const count = labels.length;
  let width = 0, at = 0;
  const x = i => LEFT + (count < 2 ? 0 : i / (count - 1)) * (width - LEFT - RIGHT);

  function drawPanel(panel, top) {
    const [low, high] = range(panel), y = v => top + PANEL * (1 - (v - low) / (high - low));
    const label = (text, attributes) => (svg("text", attributes, root).textContent = text);
    label(panel.title, { x: LEFT, y: top - 6, class: "title" });
    for (const v of new Set([low, high, 0])) {
      svg("path", { d: `M${LEFT} ${y(v)}H${width - RIGHT}`, class: "rule" }, root);
      if (v === low || v === high || Math.min(y(low) - y(v), y(v) - y(high)) > 16)
        label(shown(panel, v), { x: LEFT - 6, y: y(v) + 4, class: "tick" });
    }
    if (panel.mark !== undefined) svg("path", { d: `M${LEFT} ${y(panel.mark)}H${width - RIGHT}`, class: "mark" }, root);
    for (const line of panel.lines) panel.bars ? drawBars(line, y, low) : drawLine(line, y);
  }

  function drawLine(line, y) {
    let d = "", pen = "M";
    line.values.forEach((v, i) => {
      if (v === null || breaks.includes(i)) pen = "M";
      if (v !== null) d += `${pen}${x(i)} ${y(v)}`, pen = "L";
    });
    svg("path", { d, class: line.dashed ? "line dashed" : "line" }, root);
    if (count <= 60)
      line.values.forEach((v, i) => v !== null && svg("circle", { cx: x(i), cy: y(v), r: 2.2, class: "dot" }, root));
  }

  function drawBars(line, y, low) {
    const thick = Math.max(1.5, Math.min(14, ((width - LEFT - RIGHT) / count) * 0.6));
    line.values.forEach((v, i) => {
      if (v) svg("path", { d: `M${x(i)} ${y(low)}V${y(v)}`, class: "bars", "stroke-width": thick }, root);
    });
  }

  function drawSteps(top) {
    const every = Math.ceil(count / Math.max(2, Math.floor((width - LEFT) / 34)));
    labels.forEach((text, i) => {
      if (i % every === 0) svg("text", { x: x(i), y: top, class: "tick step" }, root).textContent = text;
    });
    for (const i of breaks) {
      const middle = (x(i - 1) + x(i)) / 2;
      svg("path", { d: `M${middle} ${TOP - 4}V${top - 14}`, class: "break" }, root);
    }
  }

  function draw() {
    width = element.clientWidth;
    if (!width) return;
    const bottom = TOP + panels.length * (PANEL + GAP);
    root.replaceChildren();
    root.setAttribute("viewBox", `0 0 ${width} ${bottom}`);
    panels.forEach((panel, i) => drawPanel(panel, TOP + i * (PANEL + GAP)));
    drawSteps(bottom - 8);
    svg("path", { d: `M${x(at)} ${TOP - 6}V${bottom - 22}`, class: "now" }, root);
  }

  function pick(event) {
    const box = root.getBoundingClientRect(), place = event.clientX - box.left - LEFT;
    choose(Math.max(0, Math.min(count - 1, Math.round((place / (width - LEFT - RIGHT)) * (count - 1)))));
  }

  root.addEventListener("pointerdown", event => {
    root.setPointerCapture(event.pointerId);
    pick(event);
  });
  root.addEventListener("pointermove", event => event.buttons && pick(event));
  new ResizeObserver(draw).observe(element);
  return {
    show(index) {
      at = index;
      draw();
    },
  };
}
