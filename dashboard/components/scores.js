// Histograms of the discriminators' scores of training, held-out and generated images, at the page's epoch.

const STROKES = { real: "solid", held_out: "dash", generated: "solid" };

class Scores {
  constructor(root) {
    this.root = root.querySelector(".plots");
    this.cards = made("div", "cards");
    this.root.append(this.cards);
    this.runs = [];
    this.ends = new AbortController();
    const until = { signal: this.ends.signal };
    window.addEventListener("ganray:epoch", ({ detail }) => this.go(detail.epoch), until);
    this.root.addEventListener("transitionend", ({ target }) => target === this.root && this.draw(), until);
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(this.root);
  }

  update({ runs, edges, kinds, title }) {
    this.edges = edges;
    this.runs = runs.map((run) => this.prepared(run, kinds));
    while (this.cards.children.length < runs.length) this.cards.append(this.card());
    while (this.cards.children.length > runs.length) this.cards.lastChild.remove();
    this.cards.style.setProperty("--columns", Math.min(Math.max(runs.length, 1), 4));
    this.cards.classList.toggle("alone", runs.length === 1);
    this.title = title;
    const requested = address.get("epoch");
    const begun = window.ganrayEpoch ?? (requested === null ? NaN : Number(requested));
    this.epoch = Number.isFinite(begun) ? begun : Infinity;
    this.draw();
  }

  prepared(run, kinds) {
    const bins = this.edges.length - 1;
    const shares = Object.entries(run.kinds).map(([kind, text]) => {
      const [word, colour] = kinds[kind] ?? [run.word, run.colour];
      return { kind, word, colour, values: unpacked(text) };
    });
    // One scale for all epochs but epoch 0: an untrained discriminator gives all images one score, whose high bar would
    // flatten the rest.
    let most = 0;
    const used = new Set();
    run.epochs.forEach((epoch, row) => {
      for (const { values } of shares) {
        for (let bin = 0; bin < bins; bin++) {
          const share = values[row * bins + bin];
          if (share > 0) used.add(bin);
          if (share > most && (epoch > 0 || run.epochs.length < 2)) most = share;
        }
      }
    });
    const first = Math.max(Math.min(...used) - 2, 0);
    const last = Math.min(Math.max(...used) + 3, bins);
    const span = [Math.min(this.edges[first], -2), Math.max(this.edges[last], 2)];
    return { ...run, bins, shares, most: most || 1, span };
  }

  card() {
    const card = made("section", "card");
    const plot = made("div", "plot");
    const canvas = made("canvas");
    canvas.setAttribute("role", "img");
    plot.append(canvas);
    card.append(made("h3"), made("ul", "legend"), plot, made("p", "words"));
    return card;
  }

  go(epoch) {
    if (epoch === this.epoch) return;
    this.epoch = epoch;
    this.draw();
  }

  draw() {
    const colours = look(this.root);
    this.runs.forEach((run, index) => {
      const card = this.cards.children[index];
      const row = run.epochs.indexOf(nearest(run.epochs, Math.min(this.epoch, run.epochs[run.epochs.length - 1])));
      const rows = run.shares.map((one) => one.values.subarray(row * run.bins, (row + 1) * run.bins));
      const there = run.shares.map((one, i) => [one, rows[i]]).filter(([, values]) => Number.isFinite(values[0]));
      this.label(card, run, run.epochs[row], there);
      this.paint(card.querySelector("canvas"), run, there, colours);
    });
  }

  label(card, run, epoch, there) {
    const of = this.runs.length > 1 ? `${run.label}, ` : `${this.title}, `;
    card.querySelector("h3").textContent = `${of}epoch ${epoch}`;
    const items = there.map(([{ word, colour, kind }]) => {
      const item = made("li", "key");
      item.append(swatch(colour, STROKES[kind]), made("span", "", word));
      return item;
    });
    card.querySelector(".legend").replaceChildren(...items);
    const middle = (values) => values.reduce((sum, share, bin) => sum + share * (this.edges[bin] + this.edges[bin + 1]), 0) / 2;
    const words = there.map(([{ word }, values]) => `${word.toLowerCase()} images ${written(middle(values))} on average`);
    const canvas = card.querySelector("canvas");
    canvas.setAttribute("aria-label", `Scores of ${run.label} at epoch ${epoch}: ${words.join(", ")}`);
    const patches = run.word === "Translated" ? "Means over the patches of an image, both domains. " : "";
    card.querySelector(".words").textContent = `${patches}Above ${run.boundary} it classifies an image as real.`;
  }

  paint(canvas, run, there, colours) {
    if (!canvas.clientWidth) return;
    const pen = cleared(canvas);
    const box = boxOf(canvas.clientWidth, canvas.clientHeight, colours.scale);
    const view = { along: "score (logit)" };
    const to = scales(box, run.span, [0, run.most * 1.06], view, false);
    to.percent = true;
    paintAxes(pen, to, view, colours);
    pen.save();
    pen.beginPath();
    pen.rect(box.left, box.top, box.right - box.left, box.bottom - box.top);
    pen.clip();
    pen.strokeStyle = GREY;
    pen.setLineDash([1, 3]);
    segment(pen, to.x.at(run.boundary), box.top, to.x.at(run.boundary), box.bottom);
    for (const [{ colour, kind }, values] of there) {
      pen.beginPath();
      pen.moveTo(to.x.at(this.edges[0]), to.y.at(0));
      values.forEach((share, bin) => {
        pen.lineTo(to.x.at(this.edges[bin]), to.y.at(share));
        pen.lineTo(to.x.at(this.edges[bin + 1]), to.y.at(share));
      });
      pen.lineTo(to.x.at(this.edges[run.bins]), to.y.at(0));
      pen.fillStyle = pen.strokeStyle = colour;
      pen.globalAlpha = 0.14;
      pen.fill();
      pen.globalAlpha = 1;
      pen.lineWidth = 2;
      pen.setLineDash(DASHES[STROKES[kind]] ?? []);
      pen.stroke();
    }
    pen.restore();
  }

  close() {
    this.ends.abort();
    this.sizes.disconnect();
    this.root.replaceChildren();
  }
}

export default mounted((root) => new Scores(root));
