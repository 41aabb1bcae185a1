// The tab Explore. The server sends sheets of pictures once a view; whatever is dragged shows the nearest one of them,
// drawn by the network as it is, and asks for the next view when it is let go.
const GANRAY_SETTLE = 300;  // ms without a key after which the place is taken for chosen
const ganraySigma = (value) => `${value < 0 ? "\u2212" : "+"}${Math.abs(value).toFixed(1)} \u03c3`;
const ganrayPlace = (row, cell) => (row.code ? `${Math.round(100 * row.stops[cell])}%` : ganraySigma(row.stops[cell]));

const GANRAY_SLIDE = {
  ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -2, PageUp: 2, Home: -Infinity, End: Infinity,
};

// Where a stop is on its slider, whose steps are even: the stop at the visitor's own place is between two of them.
function ganrayHandle(stops, cell) {
  const last = stops.length - 1;
  return (last * (stops[cell] - stops[0])) / (stops[last] - stops[0] || 1);
}

function ganrayNearest(stops, handle) {
  const away = stops.map((_, cell) => Math.abs(ganrayHandle(stops, cell) - Number(handle)));
  return away.indexOf(Math.min(...away));
}

class GanrayExplorer {
  constructor(place) {
    this.place = place;
    this.data = null;
    this.move = "";
    this.timer = 0;
    this.moved = false;  // whether the visitor has moved in the plane, and the server does not know it
    this.coming = false;  // whether a newer view is being decoded
    this.late = false;  // whether a move waits for it
    const find = (selector) => place.querySelector(selector);
    [this.stage, this.pad, this.spot, this.ring] = [".stage", ".pad", ".spot", ".ring"].map(find);
    this.canvases = [...place.querySelectorAll(".shown canvas")];
    this.pad.onpointerdown = (event) => {
      this.pad.setPointerCapture(event.pointerId);
      this.pad.focus({ preventScroll: true });
      this.drag(event);
      event.preventDefault();
    };
    this.pad.onpointermove = (event) => {
      if (this.pad.hasPointerCapture(event.pointerId)) this.drag(event);
    };
    this.pad.onpointerup = () => this.settle(0);
    this.pad.onkeydown = (event) => this.key(event);
    place.addEventListener("keydown", (event) => this.step(event));
    place.addEventListener("input", (event) => this.slide(event, false));
    place.addEventListener("change", (event) => this.slide(event, true));
    place.addEventListener("focusin", (event) => (this.focused = event.target.closest(".direction")?.dataset.row));
    for (let number = 0; number < 9; number++) this.ring.append(number === 4 ? ganrayCanvas() : this.neighbour(number));
  }

  neighbour(number) {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-label", `Go to neighbour ${number < 4 ? number + 1 : number}`);
    button.append(ganrayCanvas());
    button.onclick = () => this.send("near", [0, number < 4 ? number : number - 1]);
    return button;
  }

  async take(text) {
    this.sent = text;
    this.coming = true;
    const data = JSON.parse(text);
    const sheets = await Promise.all(data.sheets.map(ganrayLoaded));
    if (this.sent !== text) return;  // a newer view came meanwhile
    this.coming = false;
    if (this.data && data.view < this.data.view) return;
    const [old, late] = [this.data?.plane, this.late];
    [this.data, this.sheets, this.late] = [data, sheets, false];
    // A key that was pressed meanwhile counts, if the new plane has the same places.
    this.moved &&= ganraySides(old) === ganraySides(data.plane);
    if (!this.moved) this.cell = data.plane.at ? [...data.plane.at] : null;
    this.shown = this.cell ? ["plane", ...this.cell] : ["rows", 0, data.rows[0].at];
    this.layout();
    this.rows();
    this.show();
    if (this.moved && late) this.settle(0);
  }

  layout() {
    const { data } = this;
    const [own, second] = this.place.querySelectorAll(".shown");
    ganrayWrite(own.querySelector("figcaption"), data.name);
    second.hidden = !data.other;
    if (data.other) ganrayWrite(second.querySelector("figcaption"), data.other);
    const plane = this.place.querySelector(".plane");
    const lines = [[plane.querySelector(".message"), data.refusal], [this.stage.querySelector(".slow"), data.note]];
    for (const [message, words] of lines) {
      message.hidden = !words;
      ganrayWrite(message, words);
    }
    this.pad.hidden = !data.plane.at;
    if (data.plane.at) {
      const canvas = this.pad.querySelector("canvas");
      [canvas.width, canvas.height] = [this.sheets[0].plane.naturalWidth, this.sheets[0].plane.naturalHeight];
      canvas.getContext("2d").drawImage(this.sheets[0].plane, 0, 0);
      const part = `${100 / data.plane.xs.length}%`;
      [this.spot.style.width, this.spot.style.height] = [part, part];
    }
    ganrayWrite(plane.querySelector(".axes"), data.plane.at ? `\u2192 ${data.plane.across}  \u2191 ${data.plane.up}` : "");
    [...this.ring.children].forEach((one, number) => {
      const canvas = one.querySelector("canvas") ?? one;
      if (number === 4) this.paint(canvas, 0, ...this.shown);
      else this.paint(canvas, 0, "near", 0, number < 4 ? number : number - 1);
    });
  }

  // The sliders: those that the view has pictures for.
  rows() {
    for (const place of this.place.querySelectorAll(".direction")) {
      const row = this.data?.rows[Number(place.dataset.row)];
      const input = place.querySelector("input");
      input.disabled = !row || row.name !== input.getAttribute("aria-label");
      if (input.disabled) continue;
      const number = Number(place.dataset.row);
      input.max = row.stops.length - 1;
      input.value = ganrayHandle(row.stops, row.at);
      this.tell(place, row, row.at);
      const ends = place.querySelectorAll("canvas");
      this.paint(ends[0], 0, "rows", number, 0);
      this.paint(ends[1], 0, "rows", number, row.stops.length - 1);
    }
  }

  tell(place, row, cell) {
    ganrayWrite(place.querySelector("output"), ganrayPlace(row, cell));
    place.querySelector("input").setAttribute("aria-valuetext", ganrayPlace(row, cell));
  }

  paint(canvas, sheet, kind, row, column) {
    const alone = this.sheets[sheet]?.here;  // all that there was time for
    if (alone) [kind, row, column] = ["here", 0, 0];
    const picture = this.sheets[sheet]?.[kind];
    if (!picture) return;
    const { size } = this.data;
    const side = kind === "near" || alone ? picture.naturalHeight : picture.naturalHeight / this.lines(kind);
    if (canvas.width !== side) canvas.width = canvas.height = side;
    canvas.getContext("2d").drawImage(picture, column * side, row * side, side, side, 0, 0, side, side);
    if (sheet === 0) canvas.dataset.size = size;
  }

  lines(kind) {
    return kind === "rows" ? this.data.rows.length : this.data.plane.ys.length;
  }

  // The nearest picture that the network drew, never a blend of two.
  show() {
    this.canvases.forEach((canvas, sheet) => this.paint(canvas, sheet, ...this.shown));
    const [kind, row, column] = this.shown;
    let words = "";
    if (this.cell) {
      const { xs, ys, across, up } = this.data.plane;
      const [y, x] = this.cell;
      this.spot.style.left = `${(100 * x) / xs.length}%`;
      this.spot.style.top = `${(100 * y) / ys.length}%`;
      const named = (name, value) => `${name} ${name.startsWith("Class code") ? `${Math.round(100 * value)}%` : ganraySigma(value)}`;
      words = `${named(across, xs[x])}, ${named(up, ys[y])}`;
    }
    if (kind === "rows") words = `${this.data.rows[row].name} ${ganrayPlace(this.data.rows[row], column)}`;
    ganrayWrite(this.place.querySelector(".where"), words);
    const same = "The same latent vector";
    ganrayWrite(this.place.querySelector(".same"), this.sheets[1]?.here ? `${same}, where you last let go` : same);
  }

  drag(event) {
    if (!this.cell) return;
    const box = this.pad.getBoundingClientRect();
    const { xs, ys } = this.data.plane;
    const at = (share, count) => Math.min(Math.max(Math.floor(share * count), 0), count - 1);
    this.to(at((event.clientY - box.top) / box.height, ys.length), at((event.clientX - box.left) / box.width, xs.length));
  }

  key(event) {
    const step = GANRAY_KEYS[event.key];
    if (!step || !this.cell) return;
    event.preventDefault();
    const { xs, ys } = this.data.plane;
    const within = (value, count) => Math.min(Math.max(value, 0), count - 1);
    this.to(within(this.cell[0] + step[1], ys.length), within(this.cell[1] + step[0], xs.length));
    this.settle(GANRAY_SETTLE);
  }

  to(row, column) {
    this.cell = [row, column];
    this.moved = true;
    this.shown = ["plane", row, column];
    this.show();
  }

  settle(delay) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.late = this.coming;
      if (this.coming) return;
      this.moved = false;
      const [row, column] = this.data.plane.at;
      if (this.cell[0] !== row || this.cell[1] !== column) this.send("plane", this.cell);
    }, delay);
  }

  slide(event, chosen) {
    const place = event.target.closest(".direction");
    if (!place || !this.data) return;
    const number = Number(place.dataset.row);
    const { stops } = this.data.rows[number];
    this.slideTo(place, number, ganrayNearest(stops, event.target.value), chosen);
  }

  step(event) {
    const place = event.target.closest("input")?.closest(".direction");
    const by = GANRAY_SLIDE[event.key];
    if (!place || !by || !this.data) return;
    event.preventDefault();
    const number = Number(place.dataset.row);
    const { stops } = this.data.rows[number];
    const cell = Math.min(Math.max(ganrayNearest(stops, event.target.value) + by, 0), stops.length - 1);
    this.slideTo(place, number, cell, true);
  }

  // The handle stands where the picture is drawn, so that both say the same.
  slideTo(place, number, cell, chosen) {
    place.querySelector("input").value = ganrayHandle(this.data.rows[number].stops, cell);
    this.shown = ["rows", number, cell];
    this.show();
    this.tell(place, this.data.rows[number], cell);
    if (chosen && cell !== this.data.rows[number].at) this.send("row", [number, cell]);
  }

  send(kind, cell) {
    this.move = JSON.stringify({ view: this.data.view, kind, cell });
    document.getElementById("ganray-go").click();
  }
}

function ganraySides(plane) {
  return plane?.at ? JSON.stringify([plane.across, plane.up, plane.xs, plane.ys]) : "";
}

function ganrayCanvas() {
  const canvas = document.createElement("canvas");
  canvas.setAttribute("aria-hidden", "true");
  return canvas;
}

async function ganrayLoaded(sheets) {
  const found = await Promise.all(Object.entries(sheets).map(async ([name, source]) => {
    const picture = new Image();
    picture.src = source;
    await picture.decode();
    return [name, picture];
  }));
  return Object.fromEntries(found);
}

let ganrayExplorer = null;

// A view, sliders or effects may have arrived.
function ganrayExplore() {
  const place = document.querySelector(".exploring");
  if (!place?.querySelector(".stage")) return;
  if (ganrayExplorer?.place !== place) ganrayExplorer = new GanrayExplorer(place);
  const sent = place.querySelector(".view");
  if (sent && ganrayExplorer.sent !== sent.dataset.view) ganrayExplorer.take(sent.dataset.view);
  const first = place.querySelector(".direction");
  if (first && ganrayExplorer.first !== first) {
    ganrayExplorer.first = first;
    ganrayExplorer.rows();
    // The sliders were replaced: whoever had one in hand goes on with its successor.
    const { focused } = ganrayExplorer;
    if (focused && document.activeElement === document.body) {
      place.querySelector(`.direction[data-row="${focused}"] input`)?.focus({ preventScroll: true });
    }
  }
  const effects = place.querySelector(".effects");
  const words = effects ? JSON.parse(effects.dataset.effects) : [];
  place.querySelectorAll(".direction .effect").forEach((one, number) => ganrayWrite(one, words[number] || "\u00a0"));
  const stage = place.querySelector(".stage");
  if (stage.hidden !== !sent) stage.hidden = !sent;
}

function ganrayMove() {
  return ganrayExplorer?.move ?? "";
}
