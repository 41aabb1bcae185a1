// Opacity on a canvas: y = x + o * room with o = density * sigmoid(logits + bias), as gan_core.anatomy.painting paints.
// The server sends the picture and the room (PNG) and the pattern (numbers) once; every severity is computed here.
const GANRAY_FRAME = 64;  // pixels a side of a map in the frame of the lungs
const GANRAY_BRUSH = 8;  // logits between where the brush has been and where it has not: painting.BRUSH
const GANRAY_HALVINGS = 40;  // of the interval in which a bias lies, -30 to 30

const ganraySigmoid = (x) => 1 / (1 + Math.exp(-x));

function ganrayBytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function ganrayFloats(text) {
  return new Float32Array(ganrayBytes(text).buffer);
}

class GanrayPainting {
  constructor(place) {
    this.place = place;
    this.picture = place.dataset.picture;
    this.canvas = place.querySelector("canvas.painted");
    this.overlay = place.querySelector("canvas.overlay");
    this.brush = null;  // Float32Array of the frame, from 0 to 1; null: opacity may lie everywhere
    this.fade = 0;
    this.pattern = null;
    this.waiting = false;
    this.ready = this.load();
  }

  async load() {
    const [before, room] = [this.place.querySelector(".wipe img"), this.place.querySelector(".room img")];
    await Promise.all([before.decode(), room.decode()]);
    this.width = this.canvas.width = before.naturalWidth;
    this.height = this.canvas.height = before.naturalHeight;
    this.context = this.canvas.getContext("2d");
    // Read on another canvas: the browser keeps one that is read where the drawing of the other would be slow.
    const reading = new OffscreenCanvas(this.width, this.height).getContext("2d", { willReadFrequently: true });
    const read = (image) => {
      reading.drawImage(image, 0, 0);
      return reading.getImageData(0, 0, this.width, this.height);
    };
    const pixels = read(room).data;
    this.room = Float32Array.from({ length: this.width * this.height }, (_, i) => pixels[4 * i]);
    this.image = read(before);
    this.base = this.image.data.slice();
    this.spans = this.found();
  }

  // In each row the first pixel that can change, and the one after the last.
  found() {
    return Array.from({ length: this.height }, (_, y) => {
      const row = this.room.subarray(y * this.width, (y + 1) * this.width);
      const first = row.findIndex((value) => value > 0);
      return first < 0 ? null : [first, row.findLastIndex((value) => value > 0) + 1];
    });
  }

  async take(numbers) {
    await this.ready;
    const given = JSON.parse(numbers);
    for (const name of ["logits", "density", "mask", "soft"]) given[name] = ganrayFloats(given[name]);
    given.colours = ganrayBytes(given.colours);
    this.pattern = given;
    const [top, bottom, left, right] = given.box;
    this.rows = ganrayPlaces(this.height, top, bottom);
    this.columns = ganrayPlaces(this.width, left, right);
    for (const layer of this.place.querySelectorAll("canvas.overlay, canvas.brushed")) {
      layer.width = layer.height = GANRAY_FRAME;
      const percent = { top, left, height: bottom - top, width: right - left };
      for (const [side, share] of Object.entries(percent)) layer.style[side] = `${100 * share}%`;
    }
    this.draw();
  }

  get severity() {
    return Number(this.place.querySelector(".severity input").value);
  }

  // The opacity map of the frame; where a brush has been, the mean below it is that of the lungs without one.
  opacity(severity) {
    const { logits, density, biases } = this.pattern;
    const map = new Float32Array(logits.length);
    if (severity <= 0) return map;
    const place = Math.min(severity, 1) * (biases.length - 1);
    const low = Math.min(Math.floor(place), biases.length - 2);
    const bias = biases[low] + (place - low) * (biases[low + 1] - biases[low]);
    for (let i = 0; i < map.length; i++) map[i] = density[i] * ganraySigmoid(logits[i] + bias);
    return this.brush ? this.within(this.brush, this.mean(map)) : map;
  }

  within(brush, wanted) {
    const { logits, density, mask } = this.pattern;
    const shifted = logits.map((logit, i) => logit + GANRAY_BRUSH * (brush[i] - 0.5));
    const full = density.map((value, i) => value * brush[i]);
    const below = [...mask.keys()].filter((i) => mask[i] * brush[i] > 0);
    const area = Math.max(below.reduce((sum, i) => sum + mask[i] * brush[i], 0), 1e-6);
    let [low, high] = [-30, 30];
    for (let step = 0; step < GANRAY_HALVINGS; step++) {
      const middle = (low + high) / 2;
      let reached = 0;
      for (const i of below) reached += mask[i] * brush[i] * full[i] * ganraySigmoid(shifted[i] + middle);
      if (reached / area > wanted) high = middle; else low = middle;
    }
    return full.map((value, i) => value * ganraySigmoid(shifted[i] + (low + high) / 2));
  }

  // The mean over the lungs, or over what of them lies below the brush.
  mean(map, brush = null) {
    const { mask } = this.pattern;
    let [sum, area] = [0, 1e-6];
    for (let i = 0; i < map.length; i++) {
      const weight = brush ? mask[i] * brush[i] : mask[i];
      sum += weight * map[i];
      area += weight;
    }
    return sum / area;
  }

  // Draw with the next frame of the screen, however often the slider moves before it.
  soon() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.draw();
    });
  }

  draw() {
    if (!this.pattern) return;
    const map = this.opacity(this.severity);
    this.paint(ganrayPadded(map));
    if (this.fade) this.colour(map);
    this.tell(map);
  }

  paint(padded) {
    const { width, columns, rows, base, room } = this;
    const out = this.image.data;
    const side = GANRAY_FRAME + 2;
    const line = new Float32Array(side);
    for (let y = 0; y < this.height; y++) {
      if (!this.spans[y]) continue;
      const above = rows.first[y] * side;
      for (let i = 0; i < side; i++) {
        line[i] = padded[above + i] + rows.share[y] * (padded[above + side + i] - padded[above + i]);
      }
      for (let x = this.spans[y][0]; x < this.spans[y][1]; x++) {
        const left = line[columns.first[x]];
        const opacity = left + columns.share[x] * (line[columns.first[x] + 1] - left);
        const pixel = y * width + x;
        const brighter = opacity * room[pixel];
        for (let at = 4 * pixel; at < 4 * pixel + 3; at++) out[at] = base[at] + brighter;
      }
    }
    this.context.putImageData(this.image, 0, 0);
  }

  colour(map) {
    const { soft, colours } = this.pattern;
    const context = this.overlay.getContext("2d");
    const image = context.createImageData(GANRAY_FRAME, GANRAY_FRAME);
    for (let i = 0; i < map.length; i++) {
      const place = 4 * Math.round(255 * map[i] * soft[i]);
      image.data.set(colours.subarray(place, place + 4), 4 * i);
    }
    context.putImageData(image, 0, 0);
  }

  tell(map) {
    const mean = `${Math.round(100 * this.mean(map, this.brush))}%`;
    const where = this.brush ? "below the brush" : "in both lungs";
    const words = `${this.severity.toFixed(2)}: ${mean} of the air ${where} is lost`;
    ganrayWrite(this.place.querySelector(".severity output"), words);
    this.place.querySelector(".severity input").setAttribute("aria-valuetext", words);
  }
}

// A map with a border of zeros, as the opacity ends in zeros half a pixel beyond its frame.
function ganrayPadded(map) {
  const side = GANRAY_FRAME + 2;
  const padded = new Float32Array(side * side);
  for (let row = 0; row < GANRAY_FRAME; row++) {
    padded.set(map.subarray(row * GANRAY_FRAME, (row + 1) * GANRAY_FRAME), (row + 1) * side + 1);
  }
  return padded;
}

// For each pixel of a side, the padded map's pixel before it, and the share of the next one.
function ganrayPlaces(count, start, end) {
  const [first, share] = [new Int32Array(count), new Float32Array(count)];
  for (let i = 0; i < count; i++) {
    const place = (((i + 0.5) / count - start) / (end - start)) * GANRAY_FRAME + 0.5;
    if (place <= 0 || place >= GANRAY_FRAME + 1) continue;  // of the border: 0
    first[i] = Math.floor(place);
    share[i] = place - first[i];
  }
  return { first, share };
}

let ganrayKnown = null;

// The painting on the page, which buttons and sliders beside it act on.
function ganrayPainting() {
  const place = document.querySelector(".painting:has(canvas)");
  if (!place) return null;
  // Gradio may keep an element and change what is in it.
  if (ganrayKnown?.place !== place || ganrayKnown.picture !== place.dataset.picture) {
    ganrayKnown = new GanrayPainting(place);
    ganrayLayDown(place);
  }
  return ganrayKnown;
}

// A picture or a pattern may have arrived.
function ganrayPaint() {
  const sent = document.querySelector(".pattern");
  const painting = sent && ganrayPainting();
  if (!painting || painting.sent === sent.dataset.numbers) return;
  painting.sent = sent.dataset.numbers;
  painting.take(sent.dataset.numbers);
  const fader = document.querySelector(".fader input");
  if (fader) ganrayFade(fader);
}

function ganraySeverity() {
  ganrayPainting()?.soon();
}

function ganrayFade(input) {
  const fade = Number(input.value);
  for (const overlay of document.querySelectorAll(".painting .overlay")) overlay.style.opacity = fade;
  const painting = ganrayPainting();
  if (!painting) return;
  painting.fade = fade;
  painting.soon();
}

// What is chosen on the page, for a button that asks the server.
function ganrayChosen() {
  const painting = ganrayPainting();
  if (!painting?.pattern) return "";
  const painted = painting.brush ? [...painting.brush].map((value) => String.fromCharCode(Math.round(255 * value))) : [];
  return JSON.stringify({ severity: painting.severity, seed: painting.pattern.seed, brush: btoa(painted.join("")) });
}
