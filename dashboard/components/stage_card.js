// A card: the sheet of one run at an epoch, with window and level or as the difference from another epoch, drawn at the
// resolution of the file.

const PADDING = 2; // between and around the pictures of a sheet
const GENERATED = { columns: 4, rows: 4 };
const TRANSLATED = { columns: 6, rows: 4 }; // three pictures, in two directions

// From darker through unchanged to brighter: ColorBrewer's PuOr reversed, which colour-blind readers can distinguish.
const COLOURS = [
  [45, 0, 75], [84, 39, 136], [128, 115, 172], [178, 171, 210], [247, 247, 247],
  [253, 184, 99], [224, 130, 20], [179, 88, 6], [127, 59, 8],
];
const STRONGEST = 0.3; // difference with the strongest colours, as a share of the grey scale

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
    // The canvas is read often (window, difference), which is faster from memory than from the graphics card.
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.view = made("div", "view");
    this.view.tabIndex = 0;
    this.view.setAttribute("role", "group");
    this.view.append(this.canvas);
    this.missing = made("p", "missing", "loading");
    this.at = made("p", "at");
    this.gif = made("a", "gif", "GIF");
    this.gif.title = "the same samples from first to last epoch, as one animated picture";
    const foot = made("div", "foot");
    foot.append(this.at, this.gif);
    this.lock = made("p", "lock");
    this.facts = made("div", "facts");
    this.title = made("p", "title");
    this.root.append(this.name, this.headings, this.view, this.missing, foot, this.lock, this.facts, this.title);
    this.shown = undefined;
  }

  // run: the data from grids.describe, or real images with one file.
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
    for (const word of [run.origin, run.state]) if (word) this.name.append(" ", made("span", "state", word));
    this.view.setAttribute("aria-label", `${run.label}: Enter shows one sample large`);
    this.title.textContent = run.title;
    this.gif.hidden = !run.gif;
    this.gif.href = run.gif ?? "";
    this.gif.download = `${run.label}.gif`;
    this.lock.hidden = !run.private;
    this.lock.textContent = run.file ? "real images: they stay on this machine" : "real inputs: stays on this machine";
    this.write(run.ways, run.steps);
    this.shown = undefined;
    if (!this.drawn) this.reserve();
  }

  // Writes the headings of a translator's sheet: its two directions and its six columns.
  write(ways, steps) {
    this.headings.hidden = !ways;
    if (!ways) return;
    const titles = ways.map(([a, b]) => made("span", "way", `${a} → ${b}`));
    this.headings.replaceChildren(...titles, ...[...steps, ...steps].map((word) => made("span", "", word)));
  }

  // Reserves the space of the sheet, so that the page does not jump when the sheet arrives.
  reserve() {
    const { columns, rows } = this.layout;
    const pitch = (this.run.size || 64) + PADDING;
    this.canvas.width = columns * pitch + PADDING;
    this.canvas.height = rows * pitch + PADDING;
  }

  // A sheet of another program has as many pictures as fit, or is one picture where their size is not known.
  get layout() {
    if (this.run.domains) return TRANSLATED;
    if (!this.run.origin || !this.drawn) return GENERATED;
    const { size } = this.run;
    const fitting = (side) => (size ? Math.max(1, Math.round((side - PADDING) / (size + PADDING))) : 1);
    return { columns: fitting(this.canvas.width), rows: fitting(this.canvas.height) };
  }

  // A place on the page's axis as what this run counts: "step 3000".
  own(at) {
    return `${this.run.unit ?? "epoch"} ${Math.round(at * (this.run.scale ?? 1))}`;
  }

  nearest(epoch) {
    return this.run.file ? 0 : nearest(this.epochs, epoch);
  }

  address(epoch) {
    if (this.run.file) return this.run.base + this.run.file;
    return epoch === undefined ? undefined : this.run.base + this.frames.get(epoch);
  }

  // Draws the sheet nearest to the epoch if it is loaded; returns whether it is still loading.
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
    this.label(at, epoch, since);
    this.missing.hidden = bitmap !== null;
    this.missing.textContent = frames.failed.has(address) ? "could not be loaded" : "no image yet";
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

  label(at, epoch, since) {
    const { file, label, ways, steps } = this.run;
    this.root.dataset.epoch = file ? "" : (at ?? "");
    if (file) this.at.textContent = "of every epoch";
    else if (at === undefined) this.at.textContent = "";
    else if (Math.abs(at - epoch) < 0.005) this.at.textContent = this.own(at);
    else this.at.textContent = `${this.own(at)}, the nearest this run has to ${this.own(epoch).split(" ")[1]}`;
    this.at.classList.toggle("other", !file && at !== epoch);
    const what = file ? `${this.run.kind} images, ${label}` : `Sample grid of ${label} at ${this.own(at ?? 0)}`;
    const directions = ways?.map(([a, b]) => `from ${a} to ${b}`).join(" and then ");
    const shows = ways ? `: ${steps[0]}, ${steps[1]} and ${steps[2]}, ${directions}` : "";
    const less = since === undefined ? "" : `, its difference from ${this.own(since)}`;
    this.canvas.setAttribute("aria-label", what + shows + less);
    this.writeNumbers(at);
  }

  // Writes the run's numbers at this epoch, if the page has some.
  writeNumbers(at) {
    const numbers = this.run.facts;
    this.facts.hidden = !numbers;
    if (!numbers) return;
    const column = numbers.epochs.indexOf(at);
    const table = made("table");
    table.append(made("caption", "", `${numbers.title} at ${this.own(at ?? 0)}`));
    for (const [name, values] of numbers.rows) {
      const row = made("tr");
      const head = made("th", "", name);
      head.scope = "row";
      row.append(head, made("td", "", column < 0 ? "–" : values[column]));
      table.append(row);
    }
    this.facts.replaceChildren(table, made("p", "note", numbers.note));
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

  // Zooms and pans in shares of the sheet, so that sheets of any size show the same part.
  place({ zoom, x, y }) {
    const shift = (at) => `${(0.5 - at * zoom) * 100}%`;
    this.canvas.style.transform = zoom === 1 ? "" : `translate(${shift(x)}, ${shift(y)}) scale(${zoom})`;
    const enlarged = (this.view.clientWidth * zoom) / this.canvas.width;
    this.canvas.style.imageRendering = enlarged >= 2 ? "pixelated" : "auto";
    this.view.classList.toggle("zoomed", zoom > 1);
    this.headings.classList.toggle("zoomed", zoom > 1);
  }

  // The number of samples of the sheet; a translator's sample has three pictures.
  get samples() {
    const { columns, rows } = this.layout;
    return columns * rows / (this.run.domains ? 3 : 1);
  }

  // The box of a sample: [left, top, width, height] in pixels of the sheet.
  box(sample) {
    const across = this.run.domains ? 2 : this.layout.columns;
    const pictures = this.run.domains ? 3 : 1;
    const pitch = Math.floor((this.canvas.width - PADDING) / this.layout.columns); // of the file, not of the config
    const left = PADDING + (sample % across) * pictures * pitch;
    return [left, PADDING + Math.floor(sample / across) * pitch, pictures * pitch - PADDING, pitch - PADDING];
  }

  // The sample at a point, whose coordinates are shares of the sheet.
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

// The difference of the means of the colour channels, as colours.
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
