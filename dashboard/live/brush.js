// The brush: where on the picture opacity may lie. Its strokes are kept in the frame of the lungs.
const GANRAY_KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

class GanrayBrush {
  constructor(painting) {
    this.painting = painting;
    this.paper = painting.place.querySelector(".paper");
    this.ring = this.paper.querySelector(".ring");
    this.mode = "";  // paint, erase, or none
    this.size = 0.06;  // radius, as a share of the picture's width
    this.at = [painting.width / 2, painting.height / 2];  // pixels of the picture
    this.paper.onpointerdown = (event) => {
      this.paper.setPointerCapture(event.pointerId);
      this.paper.focus();
      this.at = this.point(event);
      this.stroke(this.at);
      event.preventDefault();
    };
    this.paper.onpointermove = (event) => {
      const to = this.point(event);
      if (this.paper.hasPointerCapture(event.pointerId)) this.stroke(to);
      this.move(to);
    };
    this.paper.onkeydown = (event) => this.key(event);
  }

  get radius() {
    return this.size * this.painting.width;
  }

  choose(mode) {
    this.mode = mode;
    this.paper.hidden = !mode;
    const wipe = this.paper.parentNode.querySelector(".wipe > input");
    wipe.disabled = Boolean(mode);
    this.paper.parentNode.style.setProperty("--at", mode ? "0%" : `${wipe.value}%`);
    this.move(this.at);
    this.show();
  }

  point(event) {
    const box = this.paper.getBoundingClientRect();
    const { width, height } = this.painting;
    return [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
  }

  key(event) {
    const { width, height } = this.painting;
    const way = GANRAY_KEYS[event.key];
    if (way) {
      const to = this.at.map((place, axis) => place + way[axis] * this.radius * 0.5);
      this.move([Math.min(Math.max(to[0], 0), width), Math.min(Math.max(to[1], 0), height)]);
    } else if (event.key === " ") {
      this.stroke(this.at);
    } else {
      return;
    }
    event.preventDefault();
  }

  move(to) {
    const { width, height } = this.painting;
    this.at = to;
    this.ring.style.left = `${(100 * to[0]) / width}%`;
    this.ring.style.top = `${(100 * to[1]) / height}%`;
    this.ring.style.width = `${200 * this.size}%`;
  }

  // From where the brush was to where it is, without gaps.
  stroke(to) {
    const [from, count] = [this.at, Math.ceil(Math.hypot(to[0] - this.at[0], to[1] - this.at[1]) / (this.radius / 3))];
    for (let i = 1; i <= count; i++) this.dab(from.map((place, axis) => place + ((to[axis] - place) * i) / count));
    if (!count) this.dab(to);
    this.move(to);
    this.show();
    this.painting.soon();
  }

  // A soft dot: full up to half of the radius, nothing beyond it. That of the eraser takes away all of such a dot.
  dab([x, y]) {
    const { width, height, pattern } = this.painting;
    if (!this.painting.brush && this.mode === "erase") this.painting.brush = new Float32Array(GANRAY_FRAME ** 2).fill(1);
    const map = (this.painting.brush ??= new Float32Array(GANRAY_FRAME ** 2));
    const [top, bottom, left, right] = pattern.box;
    for (let i = 0; i < map.length; i++) {
      const [row, column] = [Math.floor(i / GANRAY_FRAME), i % GANRAY_FRAME];
      const across = (left + ((column + 0.5) / GANRAY_FRAME) * (right - left)) * width - x;
      const down = (top + ((row + 0.5) / GANRAY_FRAME) * (bottom - top)) * height - y;
      const away = Math.hypot(across, down) / this.radius;
      const dot = (from, to) => Math.min(Math.max((to - away) / (to - from), 0), 1);
      map[i] = this.mode === "erase" ? Math.min(map[i], 1 - dot(1, 1.25)) : Math.max(map[i], dot(0.5, 1));
    }
  }

  clear() {
    this.painting.brush = null;
    this.show();
    this.painting.soon();
  }

  // What was painted, while the brush is in the hand.
  show() {
    const canvas = this.painting.place.querySelector("canvas.brushed");
    const context = canvas.getContext("2d");
    const image = context.createImageData(GANRAY_FRAME, GANRAY_FRAME);
    const shown = this.mode && this.painting.brush ? this.painting.brush : [];
    shown.forEach((value, i) => image.data.set([86, 180, 233, 90 * value], 4 * i));
    context.putImageData(image, 0, 0);
  }
}

// A new picture starts without a brush in the hand.
function ganrayLayDown(place) {
  const wipe = place.querySelector(".wipe > input");
  wipe.disabled = false;
  wipe.parentNode.style.setProperty("--at", `${wipe.value}%`);
  place.querySelector(".paper").hidden = true;
  for (const one of document.querySelectorAll(".brush [aria-pressed]")) one.setAttribute("aria-pressed", "false");
}

function ganrayBrushOf() {
  const painting = ganrayPainting();
  if (!painting?.pattern) return null;
  return (painting.brushInHand ??= new GanrayBrush(painting));
}

function ganrayBrush(button, mode) {
  const brush = ganrayBrushOf();
  if (!brush) return;
  brush.choose(brush.mode === mode ? "" : mode);
  for (const one of button.closest(".brush").querySelectorAll("[aria-pressed]")) {
    one.setAttribute("aria-pressed", String(one === button && brush.mode === mode));
  }
  ganraySize(button.closest(".brush").querySelector("input"));
}

function ganraySize(input) {
  const brush = ganrayBrushOf();
  if (!brush) return;
  brush.size = Number(input.value);
  brush.move(brush.at);
}

function ganrayClear() {
  ganrayBrushOf()?.clear();
}
