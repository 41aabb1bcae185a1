// A panel: one set of axes with its curves, a cursor at the page's epoch, and the values at the pointer.

const READ_ROWS = 9; // in the box of values

class Panel {
  constructor(plots) {
    this.plots = plots;
    this.root = made("div", "panel");
    this.name = made("p", "name");
    this.canvas = made("canvas");
    this.canvas.setAttribute("aria-hidden", "true"); // the slider above it describes it
    this.cursors = made("div", "cursors");
    this.line = made("i", "line");
    this.pins = made("div", "pins");
    this.hit = made("div", "hit");
    this.box = made("div", "box");
    this.selected = made("i", "selected");
    for (const [name, value] of [["role", "slider"], ["tabindex", "0"]]) this.hit.setAttribute(name, value);
    const plot = made("div", "plot");
    plot.append(this.canvas, this.cursors, this.selected, this.line, this.hit, this.pins, this.box);
    this.root.append(this.name, plot);
    this.listen();
  }

  listen() {
    const x = (event) => this.to?.x.value(within(this.to.box.left, event.offsetX, this.to.box.right));
    let from = null;
    this.hit.addEventListener("pointermove", (event) => {
      if (!this.to) return;
      if (from !== null && Math.abs(event.offsetX - from) > 6) this.select(from, event.offsetX);
      this.plots.tell(x(event), this.nearest(event.offsetX, event.offsetY));
    });
    this.hit.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "touch" || event.button !== 0) return;
      from = event.offsetX;
      this.hit.setPointerCapture(event.pointerId);
    });
    this.hit.addEventListener("pointerup", (event) => {
      const begun = from;
      from = null;
      this.selected.hidden = true;
      if (begun === null || !this.to || Math.abs(event.offsetX - begun) <= 6) return;
      this.dragged = true; // ignore the click event that follows a drag
      const ends = [begun, event.offsetX].map((at) => this.to.x.value(within(this.to.box.left, at, this.to.box.right)));
      this.plots.zoomTo(ends.sort((a, b) => a - b));
    });
    this.hit.addEventListener("pointercancel", () => {
      from = null;
      this.selected.hidden = true;
    });
    this.hit.addEventListener("pointerleave", () => this.plots.tell(null));
    this.hit.addEventListener("blur", () => this.plots.tell(null));
    this.hit.addEventListener("dblclick", () => this.plots.zoomTo(null));
    this.hit.addEventListener("click", (event) => {
      if (!this.dragged && this.to) this.plots.seekAt(x(event), this.nearest(event.offsetX, event.offsetY));
      this.dragged = false;
    });
    this.hit.addEventListener("keydown", (event) => this.key(event));
  }

  select(from, to) {
    this.selected.hidden = false;
    this.selected.style.left = `${Math.min(from, to)}px`;
    this.selected.style.width = `${Math.abs(to - from)}px`;
  }

  // Arrow keys move the cursor, Enter goes to its epoch, plus and minus zoom.
  key(event) {
    if (!this.to) return;
    const { box, x } = this.to;
    const at = x.at(this.at ?? x.span[1]);
    const step = (box.right - box.left) / (event.shiftKey ? 10 : 100);
    const moves = { ArrowLeft: at - step, ArrowRight: at + step, Home: box.left, End: box.right };
    if (event.key in moves) {
      this.plots.tell(x.value(within(box.left, moves[event.key], box.right)));
    } else if (event.key === "Enter" || event.key === " ") {
      this.plots.seekAt(this.at ?? x.span[1], this.curves[0]);
    } else if (event.key === "+" || event.key === "-") {
      const half = ((box.right - box.left) / 4) * (event.key === "+" ? 1 : 4);
      const ends = [at - half, at + half].map((end) => x.value(end));
      const whole = this.plots.spanX;
      this.plots.zoomTo([Math.max(ends[0], whole[0]), Math.min(ends[1], whole[1])]);
    } else if (event.key === "Escape") {
      this.plots.tell(null);
      this.plots.zoomTo(null);
    } else {
      return;
    }
    event.preventDefault();
  }

  // Sets the curves, the ranges of both axes and the signs.
  set(chart, curves, spanX, spanY, pins) {
    Object.assign(this, { chart, curves, spanX, spanY, marks: pins });
    this.stale = true;
    if (this.visible) this.draw();
  }

  draw() {
    const { plots, canvas } = this;
    if (!canvas.clientWidth) return;
    this.stale = false;
    const pen = cleared(canvas);
    const colours = look(plots.root);
    const box = boxOf(canvas.clientWidth, canvas.clientHeight, colours.scale);
    this.to = scales(box, this.spanX, this.spanY, plots.view, this.chart.percent);
    paintAxes(pen, this.to, plots.view, colours);
    paintCurves(pen, this.to, this.curves, plots.lanes);
    this.hit.setAttribute("aria-valuemin", this.to.x.span[0]);
    this.hit.setAttribute("aria-valuemax", this.to.x.span[1]);
    if (!this.hit.hasAttribute("aria-valuenow")) this.hit.setAttribute("aria-valuenow", this.to.x.span[1]);
    this.drawPins();
    this.cursor();
    this.read(this.at ?? null);
  }

  // Draws a line at the page's epoch; several lines if the runs have different positions at it.
  cursor() {
    const { to, plots } = this;
    if (!to || plots.epoch === null) return;
    const places = new Map();
    for (const { lane } of this.curves) {
      const x = plots.placeOf(lane, plots.epoch);
      if (!(x >= to.x.span[0] && x <= to.x.span[1])) continue;
      const pixel = Math.round(to.x.at(x));
      if (Number.isFinite(pixel)) places.set(pixel, places.has(pixel) ? GREY : plots.lanes[lane].colour);
    }
    const lone = places.size === 1;
    while (this.cursors.children.length < places.size) this.cursors.append(made("i", "cursor"));
    while (this.cursors.children.length > places.size) this.cursors.lastChild.remove();
    [...places].forEach(([pixel, colour], index) => {
      const { style } = this.cursors.children[index];
      style.transform = `translateX(${pixel}px)`;
      style.borderColor = lone ? GREY : colour;
    });
  }

  // The curve closest to a pixel; undefined if there is none.
  nearest(pixelX, pixelY) {
    const x = this.to.x.value(pixelX);
    let best;
    let least = Infinity;
    for (const curve of this.curves) {
      const away = Math.abs(this.to.y.at(curve.y[closest(curve.x, x)]) - pixelY);
      if (away < least) [best, least] = [curve, away];
    }
    return best;
  }

  // Shows the values at a position of the axis; null hides them.
  read(x, bold) {
    this.at = x;
    const { to, line, box, plots } = this;
    const there = x !== null && to && x >= to.x.span[0] * 0.999999 && x <= to.x.span[1] * 1.000001;
    line.hidden = box.hidden = !there;
    if (!there) return;
    const pixel = to.x.at(x);
    line.style.transform = `translateX(${pixel}px)`;
    const found = this.curves
      .filter((curve) => x >= curve.x[0] && x <= curve.x[curve.x.length - 1])
      .map((curve) => [curve, closest(curve.x, x)])
      .sort((a, b) => b[0].y[b[1]] - a[0].y[a[1]]);
    const rows = found.slice(0, READ_ROWS).map(([curve, at]) => this.row(curve, at, curve === bold));
    if (found.length > READ_ROWS) rows.push(made("p", "more", `and ${found.length - READ_ROWS} more`));
    box.replaceChildren(made("b", "", plots.written(x)), ...rows);
    const [wide, room] = [box.offsetWidth, this.canvas.clientWidth];
    const beside = pixel > room / 2 ? pixel - wide - 8 : pixel + 8;
    box.style.left = `${Math.max(0, Math.min(beside, room - wide))}px`;
    this.hit.setAttribute("aria-valuenow", x);
    const words = found.map(([curve, at]) => `${plots.lanes[curve.lane].label} ${this.value(curve, at)}`);
    this.hit.setAttribute("aria-valuetext", [plots.written(x), ...words].join(", "));
  }

  value(curve, at) {
    const { percent } = this.chart;
    const mean = written(curve.y[at], percent);
    if (!curve.low) return mean;
    const count = curve.ends.filter((end) => end >= curve.x[at] * 0.999999).length;
    return `${mean} (${written(curve.low[at], percent)} to ${written(curve.high[at], percent)}, N = ${count})`;
  }

  row(curve, at, bold) {
    const { label, colour, dash, shape } = this.plots.lanes[curve.lane];
    const row = made("p", bold ? "bold" : "");
    row.append(swatch(colour, dash, shape), made("span", "", label), made("span", "value", this.value(curve, at)));
    return row;
  }

  // Draws the signs, side by side where they would overlap, with bars below them for the duration.
  drawPins() {
    const { to, plots } = this;
    const focused = [...this.pins.querySelectorAll("button")].findIndex((button) => button.matches(":focus"));
    const found = this.marks
      .map((mark) => ({ mark, begin: plots.placeOf(mark.lane, mark.epoch) }))
      .filter(({ begin }) => begin >= to.x.span[0] && begin <= to.x.span[1])
      .sort((one, other) => one.begin - other.begin);
    let free = -Infinity;
    const both = found.map(({ mark, begin }, row) => {
      const place = Math.max(to.x.at(begin), free);
      free = place + 17;
      return this.pin(mark, to.x.at(begin), Math.min(place, to.box.right), row);
    });
    this.pins.replaceChildren(...both.map(([reach]) => reach), ...both.map(([, pin]) => pin));
    if (focused >= 0) both[focused]?.[1].focus({ preventScroll: true });
  }

  pin(mark, begin, place, row) {
    const { to, plots } = this;
    const { colour } = plots.lanes[mark.lane];
    const words = `${mark.run}: ${mark.title}`;
    const pin = made("button", "pin", SIGNS[mark.kind] ?? "!");
    pin.type = "button";
    pin.title = words;
    pin.setAttribute("aria-label", `${words} Go to ${mark.at}.`);
    pin.style.left = `${place}px`;
    pin.style.setProperty("--run", colour);
    pin.addEventListener("click", () => seek(mark.epoch, "curves"));
    const [epochs] = plots.lanes[mark.lane].places; // none on the axis of epochs
    const until = plots.placeOf(mark.lane, Math.min(mark.until, epochs?.at(-1) ?? Infinity));
    const end = Math.min(to.x.at(until), to.box.right);
    const reach = made("i", "reach");
    reach.style.left = `${begin}px`;
    reach.style.width = `${Math.max(0, end - begin)}px`;
    reach.style.top = `${2 + 4 * (row % 3)}px`;
    reach.style.background = colour;
    return [reach, pin];
  }
}

// One sign per kind of event; the tooltip says the rest.
const SIGNS = {
  diverged: "✕",
  saturated: "▲",
  vanishing: "▽",
  collapse: "◆",
  overfitting: "◐",
  oscillation: "∿",
  nothing_learned: "○",
  head_start: "▸",
  fooled: "▼",
  guessing: "?",
  narrow: "◇",
  unchanged: "=",
  critic_ahead: "⇈",
  critic_follows: "⇊",
  balance: "◎",
  converged: "✓",
  nearer: "↓",
  nearer_until: "↳",
  past_best: "◁",
  past_best_kept: "★",
};
