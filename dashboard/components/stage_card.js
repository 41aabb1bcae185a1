// A card: one run's sheet at an epoch, windowed or as the difference from another epoch, at the sheet's own pixels.

const PADDING = 2; // between and around the pictures of a sheet
const GENERATED = { columns: 4, rows: 4 };
const TRANSLATED = { columns: 6, rows: 4 }; // three pictures, in two directions

// From darker through unchanged to brighter, told apart by colour-blind eyes (after ColorBrewer's PuOr, turned round).
const COLOURS = [
  [45, 0, 75], [84, 39, 136], [128, 115, 172], [178, 171, 210], [247, 247, 247],
  [253, 184, 99], [224, 130, 20], [179, 88, 6], [127, 59, 8],
];
const STRONGEST = 0.3; // of the grey scale: the strongest colours

// 511 colours for a difference of -255 to 255.
const DIFFERENCE = Array.from({ length: 511 }, (_, index) => {
  const place = within(0, ((index - 255) / 255 / STRONGEST + 1) / 2, 1) * (COLOURS.length - 1);
  const low = Math.min(Math.floor(place), COLOURS.length - 2);
  return COLOURS[low].map((value, band) => Math.round(value + (COLOURS[low + 1][band] - value) * (place - low)));
});

function made(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}

class Card {
  constructor() {
    this.root = made("article", "card");
    this.name = made("h4", "name");
    this.headings = made("div", "headings");
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("role", "img");
    // Read again and again where it is windowed: kept in memory, not on the graphics card.
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.view = made("div", "view");
    this.view.tabIndex = 0;
    this.view.setAttribute("role", "group");
    this.view.append(this.canvas);
    this.missing = made("p", "missing", "no picture here (yet)");
    this.at = made("p", "at");
    this.lock = made("p", "lock");
    this.facts = made("div", "facts");
    this.title = made("p", "title");
    this.root.append(this.name, this.headings, this.view, this.missing, this.at, this.lock, this.facts, this.title);
    this.shown = undefined;
  }

  // run: as stage.py describes it, or real images with one file.
  update(run) {
    this.run = run;
    this.frames = new Map(run.frames ?? []);
    this.epochs = [...this.frames.keys()];
    this.root.dataset.run = run.name ?? "";
    this.root.classList.toggle("wide", Boolean(run.domains));
    const dot = made("span", "dot", run.dot);
    dot.style.color = run.colour;
    dot.setAttribute("aria-hidden", "true");
    this.name.replaceChildren(dot, " ", run.label);
    if (run.state) this.name.append(" ", made("span", "state", run.state));
    this.view.setAttribute("aria-label", `${run.label}: Enter shows one sample large`);
    this.title.textContent = run.title;
    this.lock.hidden = !run.private;
    this.lock.textContent = run.file ? "real images: they stay on this machine" : "real inputs: stays on this machine";
    this.write(run.ways, run.steps);
    this.shown = undefined;
    if (!this.drawn) this.reserve();
  }

  // The two directions of a translator's sheet, and what its six columns show.
  write(ways, steps) {
    this.headings.hidden = !ways;
    if (!ways) return;
    const titles = ways.map(([a, b]) => made("span", "way", `${a} → ${b}`));
    this.headings.replaceChildren(...titles, ...[...steps, ...steps].map((word) => made("span", "", word)));
  }

  // The sheet's room before it is there: nothing jumps when it comes.
  reserve() {
    const { columns, rows } = this.layout;
    const pitch = this.run.size + PADDING;
    this.canvas.width = columns * pitch + PADDING;
    this.canvas.height = rows * pitch + PADDING;
  }

  get layout() {
    return this.run.domains ? TRANSLATED : GENERATED;
  }

  nearest(epoch) {
    return this.run.file ? 0 : nearest(this.epochs, epoch);
  }

  address(epoch) {
    if (this.run.file) return this.run.base + this.run.file;
    return epoch === undefined ? undefined : this.run.base + this.frames.get(epoch);
  }

  // Draws the sheet nearest to the epoch if it is there; whether it still has to be waited for.
  draw(epoch, look, frames) {
    const at = this.nearest(epoch);
    const address = this.address(at);
    const bitmap = address === undefined ? null : frames.get(address);
    const since = look.against === null || this.run.file ? undefined : this.nearest(look.against);
    const before = since === undefined ? undefined : frames.get(this.address(since));
    this.place(look);
    const waiting = bitmap === undefined || (since !== undefined && before === undefined);
    this.root.setAttribute("aria-busy", String(waiting));
    if (waiting) return true;
    this.say(at, epoch, since);
    this.missing.hidden = bitmap !== null;
    this.view.hidden = bitmap === null;
    if (bitmap === null) {
      this.shown = undefined;
      return false;
    }
    const state = [address, look.window, look.level, since].join(" ");
    if (state !== this.shown) this.paint(bitmap, before, look);
    this.shown = state;
    this.drawn = true;
    return false;
  }

  say(at, epoch, since) {
    const { file, label, ways, steps } = this.run;
    this.root.dataset.epoch = file ? "" : (at ?? "");
    if (file) this.at.textContent = "of every epoch";
    else if (at === undefined) this.at.textContent = "";
    else this.at.textContent = at === epoch ? `epoch ${at}` : `epoch ${at}, the nearest this run has to ${epoch}`;
    this.at.classList.toggle("other", !file && at !== epoch);
    const what = file ? `${this.run.kind} images, ${label}` : `Sample grid of ${label} at epoch ${at}`;
    const directions = ways?.map(([a, b]) => `from ${a} to ${b}`).join(" and then ");
    const shows = ways ? `: ${steps[0]}, ${steps[1]} and ${steps[2]}, ${directions}` : "";
    const less = since === undefined ? "" : `, its difference from epoch ${since}`;
    this.canvas.setAttribute("aria-label", what + shows + less);
    this.count(at);
  }

  // The run's numbers at this epoch, where the page gave some.
  count(at) {
    const told = this.run.facts;
    this.facts.hidden = !told;
    if (!told) return;
    const column = told.epochs.indexOf(at);
    const table = made("table");
    table.append(made("caption", "", `${told.title} at epoch ${at}`));
    for (const [name, values] of told.rows) {
      const row = made("tr");
      const head = made("th", "", name);
      head.scope = "row";
      row.append(head, made("td", "", column < 0 ? "–" : values[column]));
      table.append(row);
    }
    this.facts.replaceChildren(table, made("p", "note", told.note));
  }

  paint(bitmap, before, look) {
    const { width, height } = bitmap;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const draw = (picture) => {
      this.context.drawImage(picture, 0, 0);
      return this.context.getImageData(0, 0, width, height);
    };
    if (before && before.width === width && before.height === height) {
      const old = draw(before).data;
      this.context.putImageData(difference(draw(bitmap), old), 0, 0);
    } else if (look.plain) this.context.drawImage(bitmap, 0, 0);
    else this.context.putImageData(windowed(draw(bitmap), look), 0, 0);
  }

  // Zoom and pan in shares of the sheet, so that sheets of any size move alike.
  place({ zoom, x, y }) {
    const shift = (at) => `${(0.5 - at * zoom) * 100}%`;
    this.canvas.style.transform = zoom === 1 ? "" : `translate(${shift(x)}, ${shift(y)}) scale(${zoom})`;
    const enlarged = (this.view.clientWidth * zoom) / this.canvas.width;
    this.canvas.style.imageRendering = enlarged >= 2 ? "pixelated" : "auto";
    this.view.classList.toggle("zoomed", zoom > 1);
    this.headings.classList.toggle("zoomed", zoom > 1);
  }

  // The samples of the sheet: of a translator three pictures each.
  get samples() {
    const { columns, rows } = this.layout;
    return columns * rows / (this.run.domains ? 3 : 1);
  }

  // Where a sample is: [left, top, width, height] in pixels of the sheet.
  box(sample) {
    const across = this.run.domains ? 2 : this.layout.columns;
    const pictures = this.run.domains ? 3 : 1;
    const pitch = Math.floor((this.canvas.width - PADDING) / this.layout.columns); // as the file has it
    const left = PADDING + (sample % across) * pictures * pitch;
    return [left, PADDING + Math.floor(sample / across) * pitch, pictures * pitch - PADDING, pitch - PADDING];
  }

  // The sample at a point of the sheet, in shares of it.
  sampleAt(x, y) {
    const { columns, rows } = this.layout;
    const across = this.run.domains ? 2 : columns;
    const column = within(0, Math.floor(x * across), across - 1);
    return within(0, Math.floor(y * rows), rows - 1) * across + column;
  }
}

function windowed(picture, { window, level }) {
  const low = (level - window / 2) * 255;
  const table = Uint8ClampedArray.from({ length: 256 }, (_, value) => Math.round((value - low) / window));
  const { data } = picture;
  for (let place = 0; place < data.length; place += 4) {
    for (let band = place; band < place + 3; band++) data[band] = table[data[band]];
  }
  return picture;
}

// Of the means of the bands, as colours.
function difference(picture, before) {
  const { data } = picture;
  for (let place = 0; place < data.length; place += 4) {
    const now = data[place] + data[place + 1] + data[place + 2];
    const then = before[place] + before[place + 1] + before[place + 2];
    const colour = DIFFERENCE[Math.round((now - then) / 3) + 255];
    for (let band = 0; band < 3; band++) data[place + band] = colour[band];
  }
  return picture;
}
