// Charts on a canvas: axes, curves, bands.

const EDGES = { left: 52, right: 12, top: 12, bottom: 36 }; // in pixels at the usual size of letters; plots.css has them in rem
const DASHES = { solid: [], dash: [7, 4], dot: [2, 3], dashdot: [7, 3, 2, 3] };
// Shapes on the lines from the fifth run of a family on: corners relative to the centre.
const SHAPES = {
  square: [[-1, -1], [1, -1], [1, 1], [-1, 1]],
  diamond: [[0, -1.4], [1.4, 0], [0, 1.4], [-1.4, 0]],
  "triangle-up": [[0, -1.3], [1.3, 1], [-1.3, 1]],
  "triangle-down": [[0, 1.3], [1.3, -1], [-1.3, -1]],
};
const SHAPE_EVERY = 80; // pixels along the axis
const GREY = "#7F8C9B";
const FAINT = "rgba(127, 140, 155, 0.22)";

// The current colours and font of the page, and how large its letters are: 1 usually, more in projector mode.
function look(root) {
  const style = getComputedStyle(root);
  const ground = style.getPropertyValue("--st-background-color").trim();
  const scale = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
  return { text: style.color, font: style.fontFamily, ground: ground || "#ffffff", scale };
}

// Clears a canvas, fits its resolution to the screen and returns its context.
function cleared(canvas) {
  const scale = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const pixels = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== pixels[0] || canvas.height !== pixels[1]) [canvas.width, canvas.height] = pixels;
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}

// Maps values to pixels and back.
class Scale {
  constructor(span, [begin, end], log) {
    this.span = span;
    this.log = log && span[0] > 0;
    const [low, high] = this.log ? span.map(Math.log) : span;
    this.low = low;
    this.begin = begin;
    this.slope = (end - begin) / (high - low || 1);
  }

  at(value) {
    return this.begin + ((this.log ? Math.log(value) : value) - this.low) * this.slope;
  }

  value(pixel) {
    const found = this.low + (pixel - this.begin) / this.slope;
    return this.log ? Math.exp(found) : found;
  }

  ticks(count) {
    return this.log ? logTicks(this.span, count) : ticks(this.span, count);
  }
}

function scales(box, spanX, spanY, view, percent) {
  return {
    box,
    percent,
    x: new Scale(spanX, [box.left, box.right], view.log_x),
    y: new Scale(spanY, [box.bottom, box.top], view.log_y && !percent),
  };
}

const boxOf = (width, height, scale = 1) => ({
  scale,
  left: EDGES.left * scale,
  right: Math.max(width - EDGES.right * scale, EDGES.left * scale + 1),
  top: EDGES.top * scale,
  bottom: height - EDGES.bottom * scale,
});

function paintAxes(pen, { box, x, y, percent }, view, colours) {
  const { scale } = box;
  pen.font = `${11 * scale}px ${colours.font}`;
  pen.lineWidth = 1;
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  for (const value of y.ticks(Math.max(3, Math.min(5, Math.round((box.bottom - box.top) / (36 * scale)))))) {
    const at = Math.round(y.at(value)) + 0.5;
    pen.strokeStyle = FAINT;
    segment(pen, box.left, at, box.right, at);
    pen.fillStyle = colours.text;
    pen.globalAlpha = 0.75;
    pen.fillText(written(value, percent), box.left - 6 * scale, at);
    pen.globalAlpha = 1;
  }
  const [unit, word] = view.axis === "seconds" ? timeUnit(x.span[1]) : [1, ""];
  const along = new Scale(x.span.map((end) => end / unit), [box.left, box.right], x.log);
  pen.fillStyle = colours.text;
  pen.textAlign = "center";
  pen.textBaseline = "top";
  pen.globalAlpha = 0.75;
  const widest = Math.max(2, Math.floor((box.right - box.left) / (60 * scale)));
  let free = -Infinity;
  for (const value of along.ticks(Math.min(7, widest))) {
    const text = written(value);
    const half = pen.measureText(text).width / 2;
    const at = Math.min(along.at(value), box.right + EDGES.right * scale - half);
    if (at - half < free) continue;
    pen.fillText(text, at, box.bottom + 5 * scale);
    free = at + half + 6 * scale;
  }
  const axis = word ? `${view.along} (${word})` : view.along;
  pen.fillText(axis, (box.left + box.right) / 2, box.bottom + 20 * scale);
  pen.globalAlpha = 1;
  pen.strokeStyle = "rgba(127, 140, 155, 0.55)";
  segment(pen, box.left, box.bottom + 0.5, box.right, box.bottom + 0.5);
}

function paintCurves(pen, to, curves, lanes) {
  const { box } = to;
  pen.save();
  pen.beginPath();
  pen.rect(box.left, box.top - 2, box.right - box.left + 2, box.bottom - box.top + 2);
  pen.clip();
  if (to.percent) {
    pen.setLineDash([1, 3]);
    pen.strokeStyle = GREY;
    segment(pen, box.left, to.y.at(0.5), box.right, to.y.at(0.5));
  }
  pen.lineJoin = "round";
  pen.setLineDash([]);
  pen.lineWidth = 1;
  const count = curves.reduce((sum, { raw }) => sum + raw.length, 0);
  pen.globalAlpha = within(0.07, 0.5 / count, 0.22); // many raw curves would hide the smoothed ones
  for (const { lane, raw } of curves) {
    pen.strokeStyle = lanes[lane].colour;
    for (const [x, y] of raw) trace(pen, to, x, y);
  }
  for (const { lane, x, low, high } of curves) {
    if (!low) continue;
    pen.globalAlpha = 0.2;
    pen.fillStyle = lanes[lane].colour;
    pen.beginPath();
    for (let i = 0; i < x.length; i++) pen.lineTo(to.x.at(x[i]), to.y.at(high[i]));
    for (let i = x.length - 1; i >= 0; i--) pen.lineTo(to.x.at(x[i]), to.y.at(low[i]));
    pen.fill();
  }
  pen.globalAlpha = 1;
  pen.lineWidth = 2;
  for (const { lane, x, y } of curves) {
    pen.setLineDash(DASHES[lanes[lane].dash] ?? []);
    pen.strokeStyle = pen.fillStyle = lanes[lane].colour;
    if (x.length > 1) trace(pen, to, x, y);
    else spot(pen, to.x.at(x[0]), to.y.at(y[0]), 3.5);
    if (lanes[lane].shape) placeShapes(pen, to, x, y, lanes[lane].shape, lane);
  }
  pen.restore();
}

function trace(pen, to, x, y) {
  pen.beginPath();
  let down = false;
  for (let i = 0; i < x.length; i++) {
    // A logarithmic axis has no position for values that are not above zero.
    const there = (!to.x.log || x[i] > 0) && (!to.y.log || y[i] > 0);
    if (there && down) pen.lineTo(to.x.at(x[i]), to.y.at(y[i]));
    else if (there) pen.moveTo(to.x.at(x[i]), to.y.at(y[i]));
    down = there;
  }
  pen.stroke();
}

// Draws shapes along a curve, every SHAPE_EVERY pixels, shifted so that those of several lanes differ.
function placeShapes(pen, to, x, y, shape, lane) {
  pen.setLineDash([]);
  let next = to.box.left + 20 + ((lane * 31) % SHAPE_EVERY);
  for (let i = 0; i < x.length; i++) {
    const at = to.x.at(x[i]);
    if (!(at >= next || x.length === 1)) continue;
    fillShape(pen, at, to.y.at(y[i]), shape, 3.5);
    next = at + SHAPE_EVERY;
  }
}

function fillShape(pen, x, y, shape, size) {
  pen.beginPath();
  for (const [right, down] of SHAPES[shape]) pen.lineTo(x + right * size, y + down * size);
  pen.fill();
}

function segment(pen, x0, y0, x1, y1) {
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  pen.stroke();
}

function spot(pen, x, y, radius) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fill();
}

function made(kind, name, text) {
  const element = document.createElement(kind);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}

// A legend sign: a short line with the colour, dash and shape of a curve.
function swatch(colour, dash, shape) {
  const space = "http://www.w3.org/2000/svg";
  const image = document.createElementNS(space, "svg");
  const line = document.createElementNS(space, "line");
  const values = { x1: 0, x2: 22, y1: 5, y2: 5, stroke: colour, "stroke-width": 2.5 };
  for (const [name, value] of Object.entries(values)) line.setAttribute(name, value);
  line.setAttribute("stroke-dasharray", (DASHES[dash] ?? []).join(" "));
  image.setAttribute("viewBox", "0 0 22 10");
  image.setAttribute("class", "swatch");
  image.setAttribute("aria-hidden", "true");
  image.append(line);
  if (shape) {
    const corners = document.createElementNS(space, "polygon");
    corners.setAttribute("points", SHAPES[shape].map(([x, y]) => `${11 + 3.2 * x},${5 + 3.2 * y}`).join(" "));
    corners.setAttribute("fill", colour);
    image.append(corners);
  }
  return image;
}
