// The plane: what the discriminator thinks of each place, points, arrows and the latent grid.

const REACH = 1.6;
const UNIT = 4096;
const CELLS = 48;
const PULL = 0.12; // length of an arrow, for a gradient of 1 a unit of the plane
const LONGEST = 0.4;
const SHORTEST = 0.004; // no arrow: the place of a gradient that has vanished stays empty
const LAYERS = {
  heat: "Discriminator: generated … real",
  real: "Real",
  generated: "Generated",
  arrows: "Generator's gradient",
  manifold: "Latent grid",
};

const rgb = (colour) => colour.match(/[\da-f]{2}/gi).map((part) => Number.parseInt(part, 16));

class Plot {
  constructor(canvas) {
    this.canvas = canvas;
    this.heat = Object.assign(document.createElement("canvas"), { width: CELLS, height: CELLS });
    this.shown = { heat: true, real: true, generated: true, arrows: true, manifold: false };
    this.frame = null;
    this.drawing = null; // points [x, y] while the visitor draws
    this.cross = null;
  }

  begin(frame) {
    this.real = frame.real;
    this.modes = frame.modes;
    this.near = frame.near;
  }

  // From the plane to pixels.
  x(value) {
    return ((value + REACH) / (2 * REACH)) * this.side;
  }

  y(value) {
    return ((REACH - value) / (2 * REACH)) * this.side;
  }

  // From a pointer to the plane.
  at({ clientX, clientY }) {
    const box = this.canvas.getBoundingClientRect();
    const within = (value) => Math.min(Math.max(value, -1.5), 1.5);
    return [
      within(((clientX - box.left) / box.width) * 2 * REACH - REACH),
      within(REACH - ((clientY - box.top) / box.height) * 2 * REACH),
    ];
  }

  draw(colours) {
    const pen = cleared(this.canvas);
    this.side = this.canvas.clientWidth;
    pen.fillStyle = colours.ground;
    pen.fillRect(0, 0, this.side, this.side);
    if (this.drawing) {
      this.drawDrawing(pen, colours);
      return;
    }
    if (!this.frame) return;
    if (this.shown.heat) this.drawHeat(pen, colours);
    this.drawModes(pen, colours);
    if (this.shown.manifold) this.drawManifold(pen, colours);
    if (this.shown.real) this.drawPoints(pen, this.real, colours.real, false);
    if (this.shown.arrows) this.drawArrows(pen, colours);
    if (this.shown.generated) this.drawPoints(pen, this.frame.generated, colours.made, true);
  }

  drawHeat(pen, colours) {
    const [real, made] = [rgb(colours.real), rgb(colours.made)];
    const picture = new ImageData(CELLS, CELLS);
    this.frame.heat.forEach((value, index) => {
      const side = value >= 128 ? real : made;
      picture.data.set(side, 4 * index);
      // The root: where a discriminator is held it is sure of nothing, and its slight leanings still show the way.
      picture.data[4 * index + 3] = Math.sqrt(Math.abs(value - 127.5) / 127.5) * 120;
    });
    this.heat.getContext("2d").putImageData(picture, 0, 0);
    pen.imageSmoothingEnabled = true;
    pen.drawImage(this.heat, 0, 0, this.side, this.side);
  }

  drawModes(pen, colours) {
    pen.strokeStyle = colours.text;
    const radius = (this.near / (2 * REACH)) * this.side;
    this.frame.covered.forEach((covered, index) => {
      pen.setLineDash(covered ? [] : [3, 4]);
      pen.globalAlpha = covered ? 0.75 : 0.45;
      pen.lineWidth = covered ? 1.5 : 1;
      pen.beginPath();
      pen.arc(this.x(this.modes[2 * index] / UNIT), this.y(this.modes[2 * index + 1] / UNIT), radius, 0, 7);
      pen.stroke();
    });
    pen.setLineDash([]);
    pen.globalAlpha = 1;
  }

  drawPoints(pen, points, colour, filled) {
    pen.fillStyle = pen.strokeStyle = colour;
    pen.lineWidth = 1.2;
    const size = Math.max(this.side / 230, 1.6);
    pen.beginPath();
    for (let i = 0; i < points.length; i += 2) {
      const [x, y] = [this.x(points[i] / UNIT), this.y(points[i + 1] / UNIT)];
      pen.moveTo(x + size, y);
      pen.arc(x, y, size, 0, 7);
    }
    if (filled) pen.fill();
    else pen.stroke();
  }

  drawArrows(pen, colours) {
    const { generated, arrows } = this.frame;
    pen.strokeStyle = colours.text;
    pen.globalAlpha = 0.8;
    pen.lineWidth = 1;
    pen.beginPath();
    for (let i = 0; i < arrows.length; i += 2) {
      const [x, y] = [generated[i] / UNIT, generated[i + 1] / UNIT];
      let [right, up] = [(arrows[i] / UNIT) * PULL, (arrows[i + 1] / UNIT) * PULL];
      const length = Math.hypot(right, up);
      if (length < SHORTEST) continue;
      if (length > LONGEST) [right, up] = [(right * LONGEST) / length, (up * LONGEST) / length];
      const [fromX, fromY, toX, toY] = [this.x(x), this.y(y), this.x(x + right), this.y(y + up)];
      pen.moveTo(fromX, fromY);
      pen.lineTo(toX, toY);
      const angle = Math.atan2(toY - fromY, toX - fromX);
      const head = Math.min(5, Math.hypot(toX - fromX, toY - fromY) / 2);
      for (const turn of [2.6, -2.6]) {
        pen.moveTo(toX, toY);
        pen.lineTo(toX + head * Math.cos(angle + turn), toY + head * Math.sin(angle + turn));
      }
    }
    pen.stroke();
    pen.globalAlpha = 1;
  }

  // A line for one latent number; else a net of the first two.
  drawManifold(pen, colours) {
    const points = this.frame.manifold;
    const count = points.length / 2;
    const side = count === 161 ? 0 : Math.round(Math.sqrt(count));
    const move = (index, first) => {
      const [x, y] = [this.x(points[2 * index] / UNIT), this.y(points[2 * index + 1] / UNIT)];
      if (first) pen.moveTo(x, y);
      else pen.lineTo(x, y);
    };
    pen.strokeStyle = colours.text;
    pen.globalAlpha = 0.55;
    pen.lineWidth = side ? 0.8 : 1.6;
    pen.beginPath();
    if (!side) for (let i = 0; i < count; i++) move(i, i === 0);
    for (let row = 0; row < side; row++) {
      for (let i = 0; i < side; i++) move(row * side + i, i === 0);
      for (let i = 0; i < side; i++) move(i * side + row, i === 0);
    }
    pen.stroke();
    pen.globalAlpha = 1;
  }

  drawDrawing(pen, colours) {
    const flat = this.drawing.flatMap(([x, y]) => [x * UNIT, y * UNIT]);
    this.drawPoints(pen, flat, colours.real, false);
    if (!this.cross) return;
    const [x, y] = [this.x(this.cross[0]), this.y(this.cross[1])];
    pen.strokeStyle = colours.text;
    pen.lineWidth = 1.5;
    pen.beginPath();
    pen.moveTo(x - 9, y);
    pen.lineTo(x + 9, y);
    pen.moveTo(x, y - 9);
    pen.lineTo(x, y + 9);
    pen.stroke();
  }
}

// Clears a canvas, fits its resolution to the screen and returns its context.
function cleared(canvas) {
  const scale = Math.min(window.devicePixelRatio || 1, 2);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const pixels = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== pixels[0] || canvas.height !== pixels[1]) [canvas.width, canvas.height] = pixels;
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}

// A small chart of lines over the steps. lines: [colour, values]; span: [low, high], or null for that of the values.
function drawCurves(canvas, steps, lines, span, colours) {
  const pen = cleared(canvas);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const values = lines.flatMap(([, found]) => found.filter(Number.isFinite));
  if (steps.length < 2 || !values.length) return;
  const sorted = values.toSorted((one, other) => one - other);
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  let [low, high] = span ?? [at(0.01), at(0.99)]; // rare spikes leave the scale alone
  if (!(high > low)) [low, high] = [low - 0.5, high + 0.5];
  const scale = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16; // more in projector mode
  const [left, top, bottom] = [38 * scale, 5, height - 5];
  const x = (step) => left + ((step - steps[0]) / (steps.at(-1) - steps[0])) * (width - left - 2);
  const y = (value) => bottom - (Math.min(Math.max((value - low) / (high - low), -0.05), 1.05)) * (bottom - top);
  pen.font = `${11 * scale}px ${colours.font}`;
  pen.fillStyle = pen.strokeStyle = colours.text;
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  pen.lineWidth = 1;
  for (const end of [low, high]) {
    pen.fillText(span ? `${end * 100} %` : String(Number(end.toPrecision(2))), left - 5, y(end) + (end === low ? -3 : 4));
    pen.globalAlpha = 0.25;
    pen.beginPath();
    pen.moveTo(left, y(end));
    pen.lineTo(width, y(end));
    pen.stroke();
    pen.globalAlpha = 1;
  }
  for (const [colour, found] of lines) {
    pen.strokeStyle = colour;
    pen.lineWidth = 1.3;
    pen.beginPath();
    let drawn = false;
    found.forEach((value, index) => {
      if (!Number.isFinite(value)) return;
      if (drawn) pen.lineTo(x(steps[index]), y(value));
      else pen.moveTo(x(steps[index]), y(value));
      drawn = true;
    });
    pen.stroke();
  }
}
