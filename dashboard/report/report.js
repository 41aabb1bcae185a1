// The page of a comparison: the app's scrubber moves the sample grids and a cursor on every curve.
//
// It stands behind stage_address.js and stage_scrubber.js, whose events it hears. Everything that it shows is in the
// page; in a folder the grids are pictures beside it.

const SVG = "http://www.w3.org/2000/svg";
const SAME_PLACE = 0.005; // on the scrubber, whose place an address keeps with two decimals
const AHEAD = 6; // pictures of a folder that are fetched at once
const told = JSON.parse(document.getElementById("told").textContent);

// A page that was opened from a disk, or in a cell of a notebook, may change nothing of its address but the fragment.
Object.assign(address, {
  get: (name) => new URLSearchParams(location.hash.slice(1)).get(name),
  set(values) {
    const kept = new URLSearchParams(location.hash.slice(1));
    for (const [name, value] of Object.entries(values)) {
      if (value === null) kept.delete(name);
      else kept.set(name, String(value));
    }
    try {
      history.replaceState(history.state, "", `#${kept}`);
    } catch {
      // Here not even the fragment may change: the page forgets where it stood.
    }
  },
});

// The sample grid of one run, at the place nearest to the scrubber's.
class Sheet {
  constructor(figure, run) {
    this.run = run;
    this.image = figure.querySelector("img");
    this.words = figure.querySelector(".at");
    this.opening = this.image?.src;
    this.places = this.image ? run.frames.map(([place]) => place) : [];
    if (!this.image) return;
    for (const kind of ["load", "error"]) this.image.addEventListener(kind, wait);
    this.image.addEventListener("load", () => this.fit());
    window.addEventListener("resize", () => this.fit());
    this.figure = figure;
    this.offer();
    this.fit();
  }

  // A click, or Enter, makes the grid as large as the window, and small again.
  offer() {
    this.image.tabIndex = 0;
    this.image.setAttribute("role", "button");
    this.image.setAttribute("aria-pressed", "false");
    this.image.title = "Larger, or smaller again";
    this.image.addEventListener("click", () => this.enlarge());
    this.image.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.enlarge();
    });
  }

  enlarge() {
    const large = this.figure.classList.toggle("large");
    this.image.setAttribute("aria-pressed", String(large));
    this.fit();
    if (large) this.figure.scrollIntoView({ block: "nearest" });
  }

  // Squares for pixels where the grid is enlarged; a grid that is made smaller would lose lines by them.
  fit() {
    const { clientWidth, naturalWidth, naturalHeight, style } = this.image;
    style.imageRendering = clientWidth >= naturalWidth ? "pixelated" : "auto";
    this.figure.style.setProperty("--shape", naturalWidth / naturalHeight || 1);
  }

  source(index) {
    return this.run.frames[index][2] ?? this.opening;
  }

  draw(epoch) {
    const place = nearest(this.places, epoch);
    if (place === undefined) return;
    const index = this.places.indexOf(place);
    const at = `${this.run.unit} ${this.run.frames[index][1]}`;
    const there = Math.abs(place - epoch) < SAME_PLACE;
    const source = this.source(index);
    if (this.image.src !== source && this.image.getAttribute("src") !== source) this.image.src = source;
    this.image.alt = `Sample grid of ${this.run.label} at ${at}`;
    const wanted = Math.round(epoch * this.run.scale);
    this.words.textContent = there ? at : `${at}, the nearest this run has to ${wanted}`;
    this.words.classList.toggle("other", !there);
  }
}

// A chart: a line at the scrubber's epoch, a dot on every curve, and the values there.
class Chart {
  constructor(root) {
    const drawn = root.querySelector("svg");
    [this.left, this.top, this.right, this.bottom] = numbers(drawn.dataset.box);
    [this.low, this.high] = numbers(drawn.dataset.span);
    this.end = Number(drawn.dataset.end);
    this.percent = "percent" in root.dataset;
    drawn.querySelector(".cursor")?.remove();
    this.curves = [...drawn.querySelectorAll("path[data-run]")].map((path) => new Curve(path));
    this.lines = made("g", { class: "lines" });
    this.dots = made("g", { class: "dots" });
    drawn.querySelector("g[clip-path]").before(this.lines);
    drawn.append(this.dots);
    this.values = document.createElement("p");
    this.values.className = "values";
    drawn.after(this.values);
    drawn.classList.toggle("pressed", told.axis === "epoch");
    drawn.addEventListener("click", (event) => this.press(event, drawn));
  }

  // A click on a chart along epochs moves the page there; on other axes each run has its own place.
  press(event, drawn) {
    const { left, width } = drawn.getBoundingClientRect();
    const x = ((event.clientX - left) / width) * drawn.viewBox.baseVal.width;
    if (told.axis !== "epoch" || x < this.left || x > this.right) return;
    seek(((x - this.left) / (this.right - this.left)) * this.end, "curves");
  }

  draw(epoch) {
    const pixels = new Map();
    const dots = [];
    const values = [];
    for (const curve of this.curves) {
      const x = this.left + (this.right - this.left) * (curve.place(epoch) / this.end);
      if (!(x >= this.left && x <= this.right + 0.5)) continue;
      pixels.set(Math.round(x), pixels.has(Math.round(x)) ? "" : curve.colour);
      const y = curve.at(x);
      if (y === null) continue;
      dots.push(made("circle", { cx: x, cy: y, r: 5, fill: curve.colour }));
      const value = this.high - ((y - this.top) / (this.bottom - this.top)) * (this.high - this.low);
      values.push([curve, this.percent ? `${Math.round(value * 100)}%` : short(value)]);
    }
    const colour = (own) => (pixels.size === 1 || !own ? {} : { stroke: own });
    const lines = [...pixels].map(([x, own]) =>
      made("path", { class: "cursor", d: `M${x} ${this.top}V${this.bottom}`, ...colour(own) }),
    );
    this.lines.replaceChildren(...lines);
    this.dots.replaceChildren(...dots);
    this.values.replaceChildren(...values.map(([curve, value]) => this.value(curve, value)));
  }

  value(curve, text) {
    const item = document.createElement("span");
    const dot = document.createElement("i");
    dot.style.background = curve.colour;
    const number = document.createElement("b");
    number.textContent = text;
    item.append(dot, `${curve.run.label} `, number);
    return item;
  }
}

// A smoothed curve as it is drawn: the corners of its line, in pixels of the chart.
class Curve {
  constructor(path) {
    this.run = told.runs[Number(path.dataset.run)];
    this.colour = path.getAttribute("stroke");
    const corners = path.getAttribute("d").slice(1).split("L").map(numbers);
    this.xs = corners.map(([x]) => x);
    this.ys = corners.map(([, y]) => y);
  }

  // Where the run stands on the x axis at an epoch.
  place(epoch) {
    if (!this.run.places) return epoch;
    const [epochs, along] = this.run.places;
    return epochs.length && epoch <= epochs.at(-1) + 1 ? between(epochs, along, epoch) : NaN;
  }

  // The height at an x; null beyond the curve, but for the pixels before its first value.
  at(x) {
    if (x > this.xs.at(-1) + 6 || x < this.xs[0] - 6) return null;
    return between(this.xs, this.ys, x);
  }
}

function made(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

const numbers = (text) => text.trim().split(/\s+/).map(Number);

// Linear interpolation between ascending xs; the ends continue.
function between(xs, ys, x) {
  const next = xs.findIndex((each) => each >= x);
  if (next < 0) return ys.at(-1);
  if (next === 0 || xs[next] === xs[next - 1]) return ys[next];
  const share = (x - xs[next - 1]) / (xs[next] - xs[next - 1]);
  return ys[next - 1] + share * (ys[next] - ys[next - 1]);
}

function short(value) {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en");
  return value.toPrecision(3).replace("-", "−");
}

const sheets = [...document.querySelectorAll("figure[data-run]")].map(
  (figure) => new Sheet(figure, told.runs[Number(figure.dataset.run)]),
);
const charts = [...document.querySelectorAll(".chart")].map((root) => new Chart(root));

// The scrubber plays no faster than the pictures arrive.
function wait() {
  window.ganrayWaiting = sheets.filter(({ image }) => image && !image.complete).length;
}

// Fetches the pictures of a folder before they are asked for, the nearest first.
function fetchAhead(epoch) {
  const left = sheets
    .flatMap((sheet) => sheet.places.map((place, index) => [Math.abs(place - epoch), sheet.source(index)]))
    .filter(([, source]) => !source.startsWith("data:"))
    .sort((one, other) => one[0] - other[0])
    .map(([, source]) => source);
  const next = () => {
    const source = left.shift();
    if (source === undefined) return;
    const image = new Image();
    image.onload = image.onerror = next;
    image.src = source;
  };
  for (let count = 0; count < AHEAD; count++) next();
}

function go(epoch) {
  for (const sheet of sheets) sheet.draw(epoch);
  for (const chart of charts) chart.draw(epoch);
  wait();
}

// The times of events become buttons that move the page, which the scrubber hears of.
for (const link of document.querySelectorAll("[data-epoch-link]")) {
  link.setAttribute("role", "button");
  link.tabIndex = 0;
  link.title = "Show the samples of this epoch";
}

document.documentElement.classList.add("runs");
window.addEventListener("ganray:epoch", ({ detail }) => go(detail.epoch));
const place = document.getElementById("scrubber");
const shadow = place.attachShadow({ mode: "open" });
shadow.append(document.getElementById("scrubber-parts").content.cloneNode(true));
place.hidden = false;
const scrubber = new Scrubber(shadow);
const stops = [...new Set(sheets.flatMap((sheet) => sheet.places))].sort((one, other) => one - other);
scrubber.update({ stops, last: told.last, unit: told.unit, whole: told.whole });
if (address.get("epoch") === null && told.epoch !== null) scrubber.move(told.epoch, false, "stage");
fetchAhead(scrubber.epoch);

// On the scrubber's buttons its keys work as well, but for the space bar, which presses them. Home and End work here
// alone: elsewhere they lead to the ends of the page.
shadow.addEventListener("keydown", (event) => {
  if (event.target.closest("button") && event.key !== " ") scrubber.key(event);
});

// Arrows and the space bar work wherever nothing has the focus that uses them itself.
document.addEventListener("keydown", (event) => {
  const taken = event.target.closest?.("a, button, input, select, summary, .scroll, [data-epoch-link], #scrubber");
  if (!taken && [" ", "ArrowLeft", "ArrowRight"].includes(event.key)) scrubber.key(event);
});
