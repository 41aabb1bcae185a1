// The stage: a card for each run, drawn at the scrubber's epoch.

class Stage {
  constructor(root) {
    this.find = (name) => root.querySelector(`.${name}`);
    this.cards = [];
    this.real = [];
    this.stops = [];
    this.epoch = 0;
    this.frames = new Frames(() => this.later());
    this.look = new Look(root, () => this.later());
    this.large = new Large(root, this);
    this.ends = new AbortController();
    const until = { signal: this.ends.signal };
    window.addEventListener("ganray:epoch", ({ detail }) => this.go(detail), until);
    this.sizes = new ResizeObserver(() => this.later());
    this.sizes.observe(this.find("cards"));
  }

  update({ runs, real, columns, unit }) {
    this.unit = unit;
    const first = !this.cards.length;
    const kept = new Map([...this.cards, ...this.real].map((card) => [card.run.name, card]));
    const card = (run) => {
      const found = kept.get(run.name) ?? this.made();
      found.update(run);
      return found;
    };
    this.cards = runs.map(card);
    this.real = real.map((one) => {
      const [name, label] = [`real ${one.file}`, `${one.kind}: ${one.label}`];
      return card({ ...one, name, label, dot: "◆" });
    });
    this.stops = [...new Set(this.cards.flatMap((one) => one.epochs))].sort((a, b) => a - b);
    this.columns = columns;
    this.look.update(this.stops, real.length > 0, unit);
    const requested = address.get("epoch");
    const begun = window.ganrayEpoch ?? (requested === null ? NaN : Number(requested));
    this.epoch = Number.isFinite(begun) ? begun : (this.stops.at(-1) ?? 0);
    this.fetch();
    this.draw();
    if (first) this.large.restore();
  }

  made() {
    const card = new Card();
    handle(card, this.look, (one, sample) => {
      if (!one.run.file) this.large.open(one, sample);
    });
    return card;
  }

  get realShown() {
    return this.look.real ? this.real : [];
  }

  go({ epoch, final, from }) {
    const moved = epoch !== this.epoch;
    this.epoch = epoch;
    if (moved) this.later();
    if (final && moved) this.fetch();
    // A link to an epoch may be far from the samples: bring them into view.
    if (from === "link") this.find("cards").scrollIntoView({ block: "nearest" });
  }

  // Requests all frames, those nearest to the epoch first.
  fetch() {
    const found = this.cards.flatMap((card) => card.epochs.map((epoch) => [Math.abs(epoch - this.epoch), card, epoch]));
    found.sort((a, b) => a[0] - b[0]);
    this.frames.plan(found.map(([, card, epoch]) => card.address(epoch)));
  }

  // Draws at most once per animation frame.
  later() {
    this.due ??= requestAnimationFrame(() => {
      this.due = null;
      this.draw();
    });
  }

  draw() {
    const shown = [...this.cards, ...this.realShown];
    const grid = this.find("cards");
    const there = [...grid.children];
    if (there.length !== shown.length || shown.some((card, index) => card.root !== there[index])) {
      grid.replaceChildren(...shown.map((card) => card.root));
      // On the Run page a single sheet takes the full width, or half of it beside real images.
      const alone = this.columns === 1;
      grid.classList.toggle("alone", alone);
      grid.style.setProperty("--columns", alone ? shown.length : this.columns);
    }
    const waiting = shown.filter((card) => card.draw(this.epoch, this.look, this.frames));
    window.ganrayWaiting = waiting.length;
    grid.dataset.left = this.frames.left;
    this.large.draw();
  }

  close() {
    cancelAnimationFrame(this.due ?? 0);
    this.ends.abort();
    this.sizes.disconnect();
    this.frames.close();
    this.look.close();
    this.large.close();
    window.ganrayWaiting = 0;
  }
}

export default mounted((root) => new Stage(root));
