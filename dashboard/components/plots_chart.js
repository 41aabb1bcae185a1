// A card with one quantity: one panel, or one for each run, and the texts below.

class Chart {
  constructor(plots) {
    this.plots = plots;
    this.root = made("section", "card");
    this.title = made("h3");
    this.tools = made("div", "tools");
    this.panels = [];
    this.box = made("div", "panels");
    this.note = made("p", "note");
    this.words = made("p", "words");
    const head = made("div", "head");
    head.append(this.title, this.tools);
    for (const [name, words, save] of [
      ["CSV", "the points of the curves", () => this.saveCsv()],
      ["PNG", "the chart as an image", () => this.savePng()],
    ]) {
      const button = made("button", "tool", name);
      button.type = "button";
      button.addEventListener("click", save);
      button.dataset.words = words;
      this.tools.append(button);
    }
    this.root.append(head, this.box, this.note, this.words);
  }

  update(data) {
    this.data = data;
    this.curves = data.curves.map((one) => ({
      lane: one.lane,
      ends: one.ends ?? [],
      runs: one.runs,
      raw: one.raw.map((pair) => pair.map(unpacked)),
      x: unpacked(one.x),
      y: unpacked(one.y),
      low: one.low ? unpacked(one.low) : null,
      high: one.high ? unpacked(one.high) : null,
    }));
    this.title.textContent = data.title;
    for (const button of this.tools.children) {
      const words = `${data.title}: ${button.dataset.words}`;
      button.title = words;
      button.setAttribute("aria-label", `${button.textContent} of ${words}`);
    }
  }

  get shown() {
    return this.curves.filter(({ lane }) => this.plots.shows(lane));
  }

  // The lowest and the highest x of all curves.
  reach() {
    const log = this.plots.view.log_x;
    let [low, high] = [Infinity, -Infinity];
    for (const { x, raw } of this.curves) {
      for (const xs of [x, ...raw.map((pair) => pair[0])]) {
        const first = log ? xs.find((value) => value > 0) : xs[0];
        if (first < low) low = first;
        if (xs[xs.length - 1] > high) high = xs[xs.length - 1];
      }
    }
    return [low, high];
  }

  arrange() {
    const { plots, shown } = this;
    const several = plots.view.multiples && this.curves.length > 1;
    const groups = !shown.length ? [] : several ? shown.map((curve) => [curve]) : [shown];
    while (this.panels.length < groups.length) this.panels.push(plots.panel());
    while (this.panels.length > groups.length) plots.drop(this.panels.pop());
    this.root.classList.toggle("several", several);
    if (this.box.children.length !== groups.length) this.box.replaceChildren(...this.panels.map(({ root }) => root));
    const spanY = spanOf(shown, plots.view, this.data.percent);
    groups.forEach((curves, index) => {
      const panel = this.panels[index];
      const names = curves.map(({ lane }) => plots.lanes[lane].label);
      panel.name.textContent = several ? names[0] : "";
      panel.name.hidden = !several;
      panel.hit.setAttribute("aria-label", `Values of ${this.data.title} along ${plots.view.along}: ${names.join(", ")}`);
      const marks = this.data.marks.filter(({ lane }) => curves.some((curve) => curve.lane === lane));
      panel.set(this.data, curves, plots.zoom ?? plots.spanX, spanY, marks);
    });
    this.tools.hidden = !shown.length;
    this.note.textContent = shown.length ? beyond(shown, spanY, plots) : "";
    this.note.hidden = !this.note.textContent;
    const empty = this.curves.length ? "None of the visible runs has it." : this.data.empty;
    this.words.textContent = shown.length ? this.data.meaning : empty;
    this.words.hidden = !this.words.textContent;
  }

  saveCsv() {
    const text = toCsv(this.data, this.shown, this.plots.lanes, this.plots.view);
    download(fileName(this.data.title, "csv"), text, "text/csv");
  }

  async savePng() {
    download(fileName(this.data.title, "png"), await toPng(this.data, this.panels, this.plots), "image/png");
  }
}

// The y range: it holds the smoothed curves and, without rare spikes, the logged values.
function spanOf(curves, view, percent) {
  const log = view.log_y && !percent;
  let [low, high] = percent ? [0.45, 0.98] : [Infinity, -Infinity];
  const widen = (from, to) => {
    if (from < low) low = from;
    if (to > high) high = to;
  };
  const sorted = (values) => values.filter((value) => Number.isFinite(value) && (!log || value > 0)).sort();
  for (const curve of curves) {
    for (const values of [curve.y, curve.low, curve.high].filter(Boolean)) {
      const all = sorted(values);
      if (!all.length) continue;
      const [begin, end] = [all[0], all[all.length - 1]];
      const [usual, most] = [quantile(all, 0.02), quantile(all, 0.98)];
      // A curve far outside its usual range would flatten all others.
      const far = view.clip ? 2 * (most - usual) : Infinity;
      widen(usual - begin > far ? usual : begin, end - most > far ? most : end);
    }
    for (const [, values] of curve.raw) {
      const all = sorted(values);
      if (!all.length) continue;
      if (!view.clip) widen(all[0], all[all.length - 1]);
      else if (!percent) widen(quantile(all, 0.02), quantile(all, 0.98));
    }
  }
  if (!(low <= high)) return log ? [0.1, 1] : [0, 1];
  if (log) {
    const margin = (high / low) ** 0.05 * (high === low ? 2 : 1);
    return [low / margin, high * margin];
  }
  const margin = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  return percent ? [Math.max(low - 0.05, 0), Math.max(high + 0.04, 1.02)] : [low - margin, high + margin];
}

// A sentence about logged values outside the y range.
function beyond(curves, [low, high], plots) {
  const found = [];
  for (const { lane, raw, x, y } of curves) {
    const parts = raw.length ? raw : [[x, y]];
    let [least, most] = [Infinity, -Infinity];
    let [leastAt, mostAt] = [0, 0];
    for (const [xs, values] of parts) {
      for (let i = 0; i < values.length; i++) {
        if (values[i] < least) [least, leastAt] = [values[i], xs[i]];
        if (values[i] > most) [most, mostAt] = [values[i], xs[i]];
      }
    }
    const words = [];
    if (most > high) words.push(`up to ${written(most)} at ${plots.written(mostAt)}`);
    if (least < low) words.push(`down to ${written(least)} at ${plots.written(leastAt)}`);
    const name = curves.length > 1 ? `${plots.lanes[lane].label} ` : "";
    if (words.length) found.push(`${name}${words.join(" and ")}`);
  }
  if (!found.length) return "";
  const more = found.length > 4 ? `; and ${found.length - 4} more` : "";
  return `Beyond the scale: ${found.slice(0, 4).join("; ")}${more}.`;
}
