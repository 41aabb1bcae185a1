// The dialog with one large sample of a run beside the same sample of the other runs, copied from the cards' canvases.

class Large {
  // stage: has cards, epoch and stops.
  constructor(root, stage) {
    this.find = (name) => root.querySelector(`.${name}`);
    this.stage = stage;
    this.dialog = this.find("large");
    this.first = null; // the card of the large sample
    this.sample = 0;
    this.requested = null; // [sample, name] of the address, until that sheet is drawn
    const on = (name, hear) => this.find(name).addEventListener("click", hear);
    on("close", () => this.dialog.close());
    on("sample-back", () => this.turn(-1));
    on("sample-on", () => this.turn(1));
    on("epoch-back", () => this.step(-1));
    on("epoch-on", () => this.step(1));
    this.dialog.addEventListener("close", () => {
      address.set({ sample: null, large: null });
      this.first?.view.focus({ preventScroll: true });
      this.first = this.requested = null;
    });
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close(); // a click beside the dialog
    });
    this.dialog.addEventListener("keydown", (event) => this.key(event));
  }

  // Opens the sample in the address; called when the cards exist.
  restore() {
    const sample = address.get("sample") ?? "";
    if (!/^\d{1,3}$/.test(sample)) return;
    this.requested = [Number(sample) - 1, address.get("large")];
    this.openRequested();
  }

  // Only a sheet that is drawn says how many samples it has.
  openRequested() {
    const [sample, name] = this.requested;
    const card = this.stage.cards.find((one) => one.run.name === name) ?? this.stage.cards[0];
    if (card?.root.getAttribute("aria-busy") === "true") return;
    this.requested = null;
    if (card) this.open(card, sample);
  }

  open(card, sample) {
    this.requested = null; // who opens another one does not wait for that of the address
    this.first = card;
    this.sample = within(0, sample, card.samples - 1);
    address.set({ sample: this.sample + 1, large: card.run.name });
    if (!this.dialog.open) this.dialog.showModal();
    this.draw();
  }

  turn(way) {
    const count = this.first.samples;
    this.open(this.first, (this.sample + way + count) % count);
  }

  step(way) {
    const { stops, epoch } = this.stage;
    const next = way > 0 ? stops.find((stop) => stop > epoch) : stops.findLast((stop) => stop < epoch);
    if (next !== undefined) seek(next, "stage");
  }

  key(event) {
    const actions = {
      ArrowLeft: () => this.step(-1),
      ArrowRight: () => this.step(1),
      ArrowUp: () => this.turn(-1),
      ArrowDown: () => this.turn(1),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }

  // Called after every change of the cards.
  draw() {
    if (this.requested) this.openRequested();
    if (!this.first) return;
    if (!this.stage.cards.includes(this.first)) {
      this.dialog.close(); // its run is no longer chosen
      return;
    }
    this.find("what").textContent =
      `Sample ${this.sample + 1} of ${this.first.samples}, ${this.stage.unit} ${placed(this.stage.epoch)}`;
    const all = [...this.stage.cards, ...this.stage.realShown].filter((card) => this.comparable(card));
    const beside = all.filter((card) => card.samples > this.sample);
    const others = made("div", "others");
    others.append(...beside.map((card) => this.figure(card, false)));
    const without = all.filter((card) => !beside.includes(card)).map((card) => `${card.run.label} (${card.samples})`);
    if (without.length) others.append(made("p", "note", `With fewer samples: ${without.join(", ")}`));
    const focused = this.dialog.getRootNode().activeElement?.dataset?.card;
    const samples = this.find("samples");
    samples.classList.toggle("wide", Boolean(this.first.run.domains));
    samples.classList.toggle("few", beside.length <= 4);
    samples.replaceChildren(this.figure(this.first, true), others);
    this.find("turn").hidden = beside.every((card) => card.run.file);
    if (focused) samples.querySelector(`[data-card="${CSS.escape(focused)}"]`)?.focus();
  }

  comparable(card) {
    if (card === this.first) return false;
    const { run } = this.first;
    return card.run.file ? !run.domains && card.run.runs.includes(run.name) : card.run.task === run.task;
  }

  figure(card, large) {
    const figure = made("figure", large ? "main" : "");
    const [left, top, width, height] = card.box(this.sample);
    const picture = made("canvas");
    Object.assign(picture, { width, height });
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", `Sample ${this.sample + 1} of ${this.name(card)}`);
    const there = !card.view.hidden;
    if (there) picture.getContext("2d").drawImage(card.canvas, left, top, width, height, 0, 0, width, height);
    const words = made("figcaption");
    const dot = made("span", "dot", card.run.dot ?? "");
    dot.style.color = card.run.colour ?? "";
    words.append(dot, " ", made("b", "", card.run.label), made("span", "note", this.notes(card)));
    if (large || card.run.file) figure.append(picture);
    else {
      const button = made("button");
      button.type = "button";
      button.dataset.card = card.run.name;
      button.setAttribute("aria-label", `Make ${card.run.label} the large one`);
      button.append(picture);
      button.addEventListener("click", () => this.open(card, this.sample));
      figure.append(button);
    }
    figure.append(words);
    return figure;
  }

  name(card) {
    const { file, label } = card.run;
    return file ? `the images of ${label}` : `${label} at ${card.own(Number(card.root.dataset.epoch))}`;
  }

  // The epoch, the class or direction, and whether the latent vector or input is that of the large sample.
  notes(card) {
    const { run } = card;
    if (run.file) return run.title;
    const found = [card.own(Number(card.root.dataset.epoch))];
    if (run.classes[this.sample]) found.push(`class ${run.classes[this.sample]}`);
    if (run.domains) {
      const [a, b] = run.ways[this.sample % 2];
      found.push(`${a} → ${b}: ${run.steps.join(", ")}`);
    }
    if (card !== this.first) {
      const same = run.inputs === this.first.run.inputs;
      const what = run.domains ? "input" : "latent vector";
      const seed = run.seed === null ? "" : ` (seed ${run.seed})`;
      found.push(same ? `the same ${what}` : `another ${what}${seed}`);
    }
    return found.join(", ");
  }

  close() {
    if (this.dialog.open) this.dialog.close();
  }
}
