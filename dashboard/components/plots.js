// The charts of several runs, with one legend, one x axis and one cursor for all of them.

class Plots {
  constructor(root) {
    this.root = root.querySelector(".plots");
    this.legend = made("ul", "legend");
    this.whole = made("button", "whole", "Whole range");
    this.whole.type = "button";
    this.whole.addEventListener("click", () => this.zoomTo(null));
    const head = made("div", "bar");
    head.append(this.legend, this.whole);
    this.cards = made("div", "cards");
    this.root.append(head, this.cards);
    this.charts = [];
    this.lanes = [];
    this.view = {};
    this.zoom = zoomOf(address.get("zoom_x") ?? address.get("zoom")); // older links have it under the name of the sheets' own
    this.epoch = null;
    this.panelOf = new WeakMap();
    const names = address.get("shown");
    this.only = names ? new Set(names.split(",").map(unescaped)) : null;
    this.ends = new AbortController();
    const until = { signal: this.ends.signal };
    window.addEventListener("ganray:epoch", ({ detail }) => this.go(detail.epoch), until);
    window.addEventListener("ganray:read", ({ detail }) => this.read(detail), until);
    window.addEventListener("ganray:zoom", ({ detail }) => this.zoomed(detail), until);
    // The transition of the text colour ends when the page's theme has changed.
    this.root.addEventListener("transitionend", ({ target }) => target === this.root && this.redraw(), until);
    this.sizes = new ResizeObserver(() => this.redraw());
    this.sizes.observe(this.root);
    this.sight = new IntersectionObserver((found) => this.seen(found), { rootMargin: "200px" });
  }

  // dense: many small charts of one run, without a legend.
  update({ view, dense, end, lanes, charts }) {
    const begun = this.view.axis;
    if (begun && view.axis !== begun && this.zoom) {
      this.zoom = null;
      this.keepZoom();
    }
    this.view = view;
    this.lanes = lanes.map((lane) => ({ ...lane, places: lane.places.map(unpacked) }));
    while (this.charts.length < charts.length) this.charts.push(new Chart(this));
    while (this.charts.length > charts.length) for (const panel of this.charts.pop().panels) this.drop(panel);
    if (this.cards.children.length !== charts.length) this.cards.replaceChildren(...this.charts.map(({ root }) => root));
    const requested = address.get("epoch");
    const epoch = window.ganrayEpoch ?? (requested === null ? NaN : Number(requested));
    this.epoch = Number.isFinite(epoch) ? epoch : (this.epoch ?? null);
    this.legend.hidden = dense;
    this.root.classList.toggle("dense", dense);
    this.drawLegend();
    this.end = end;
    charts.forEach((data, index) => this.charts[index].update(data));
    this.spanX = this.wholeSpan();
    this.arrange();
  }

  // The x range of all charts: from the start of the first curve to the end of the last one.
  wholeSpan() {
    const ends = this.charts.filter(({ curves }) => curves.length).map((chart) => chart.reach());
    const high = Math.max(this.end ?? 0, ...ends.map((pair) => pair[1]));
    const low = this.view.log_x ? Math.min(...ends.map((pair) => pair[0])) : 0;
    return [Number.isFinite(low) ? low : 0, high > low ? high : low + 1];
  }

  arrange() {
    this.whole.hidden = !this.zoom;
    for (const chart of this.charts) chart.arrange();
  }

  panel() {
    const panel = new Panel(this);
    this.panelOf.set(panel.root, panel);
    this.sight.observe(panel.root);
    return panel;
  }

  drop(panel) {
    this.sight.unobserve(panel.root);
    panel.root.remove();
  }

  get panels() {
    return this.charts.flatMap((chart) => chart.panels);
  }

  // Draws only visible panels.
  seen(found) {
    for (const { target, isIntersecting } of found) {
      const panel = this.panelOf.get(target);
      panel.visible = isIntersecting;
      if (isIntersecting && panel.stale) panel.draw();
      else if (isIntersecting) panel.cursor();
    }
  }

  redraw() {
    for (const panel of this.panels) {
      panel.stale = true;
      if (panel.visible) panel.draw();
    }
  }

  go(epoch) {
    this.epoch = epoch;
    for (const panel of this.panels) if (panel.visible) panel.cursor();
  }

  // The position of a run on the axis at an epoch; NaN beyond its end.
  placeOf(lane, epoch) {
    const [epochs, along] = this.lanes[lane].places;
    if (!epochs) return this.view.axis === "epoch" ? epoch : NaN;
    return epochs.length && epoch <= epochs[epochs.length - 1] + 1 ? interpolated(epochs, along, epoch) : NaN;
  }

  // All charts show the values at the pointer's position, including those of other tasks.
  tell(x, curve) {
    const detail = { x, axis: this.view.axis, curve };
    window.dispatchEvent(new CustomEvent("ganray:read", { detail }));
  }

  read({ x, axis, curve }) {
    const at = axis === this.view.axis ? x : null;
    for (const panel of this.panels) if (panel.visible) panel.read(at, curve);
  }

  seekAt(x, curve) {
    const [epochs, along] = curve ? this.lanes[curve.lane].places : [];
    const epoch = epochs?.length ? interpolated(along, epochs, x) : this.view.axis === "epoch" ? x : NaN;
    if (Number.isFinite(epoch)) seek(epoch, "curves");
  }

  // Sets the x range of all charts of the page, null for the whole range. The address keeps it.
  zoomTo(span) {
    const inside = span && span[1] > span[0] && (span[0] > this.spanX[0] || span[1] < this.spanX[1]);
    const zoom = inside ? span.map((end) => Number(end.toPrecision(6))) : null;
    this.keepZoom(zoom);
    window.dispatchEvent(new CustomEvent("ganray:zoom", { detail: { zoom, axis: this.view.axis } }));
  }

  keepZoom(zoom = null) {
    const older = zoomOf(address.get("zoom")) ? { zoom: null } : {};
    address.set({ ...older, zoom_x: zoom && zoom.join("~") });
  }

  zoomed({ zoom, axis }) {
    if (axis !== this.view.axis) return;
    this.zoom = zoom;
    this.arrange();
  }

  // A position on the axis as text.
  written(x) {
    if (this.view.axis === "epoch") return `${this.view.unit} ${Number(x.toFixed(1))}`;
    if (this.view.axis === "seconds") {
      const [unit, word] = timeUnit(this.spanX[1]);
      return `${written(x / unit)} ${word}`;
    }
    const count = Math.round(x).toLocaleString("en");
    return this.view.axis === "step" ? `step ${count}` : `${count} images`;
  }

  shows(lane) {
    return !this.only || this.only.has(this.lanes[lane].name);
  }

  drawLegend() {
    const named = new Set(this.lanes.map(({ name }) => name));
    if (this.only && ![...named].some((name) => this.only.has(name))) this.only = null;
    const items = this.lanes.map((lane, index) => {
      const button = made("button", "run");
      button.type = "button";
      button.append(swatch(lane.colour, lane.dash, lane.shape), made("span", "", lane.label));
      if (lane.note) button.append(made("small", "", lane.note));
      button.setAttribute("aria-pressed", String(this.shows(index)));
      button.title = this.only ? "Show or hide this run" : "Show this run alone";
      button.disabled = this.lanes.length < 2;
      button.addEventListener("click", () => this.toggle(lane.name));
      return button;
    });
    if (this.only) {
      const all = made("button", "all", "Show all");
      all.type = "button";
      all.addEventListener("click", () => this.isolate(null));
      items.push(all);
    }
    const focused = [...this.legend.querySelectorAll("button")].findIndex((button) => button.matches(":focus"));
    this.legend.replaceChildren(
      ...items.map((button) => {
        const item = made("li");
        item.append(button);
        return item;
      }),
    );
    if (focused >= 0) items[Math.min(focused, items.length - 1)].focus();
  }

  // The first click shows a run alone; the next clicks add or remove others.
  toggle(name) {
    const only = new Set(this.only ?? []);
    if (only.has(name)) only.delete(name);
    else only.add(name);
    this.isolate(only.size && only.size < this.lanes.length ? only : null);
  }

  isolate(only) {
    this.only = only;
    address.set({ shown: only ? [...only].map((name) => name.replace(/[%,]/g, encodeURIComponent)).join(",") : null });
    this.drawLegend();
    this.arrange();
  }

  close() {
    this.ends.abort();
    this.sizes.disconnect();
    this.sight.disconnect();
    this.root.replaceChildren();
  }
}

// A name of the list in the address, where commas and percent signs are escaped.
function unescaped(name) {
  try {
    return decodeURIComponent(name);
  } catch {
    return name; // of an older link
  }
}

// The x range in the address; null if there is none or it is not valid.
function zoomOf(text) {
  const ends = (text ?? "").split("~").map(Number);
  return ends.length === 2 && ends.every(Number.isFinite) && ends[0] < ends[1] && text ? ends : null;
}

export default mounted((root) => new Plots(root));
