// The view that all sheets share: zoom and position, window and level, the epoch of the difference. The page's address
// keeps it.

const MOST_ZOOM = 8;

class Look {
  constructor(root, changed) {
    this.find = (name) => root.querySelector(`.${name}`);
    this.changed = changed;
    this.stops = [];
    this.read();
    const on = (name, kind, hear) => this.find(name).addEventListener(kind, hear);
    on("in", "click", () => this.enlarge(1.5));
    on("out", "click", () => this.enlarge(1 / 1.5));
    on("window", "input", (event) => this.set({ window: Number(event.target.value) / 100 }));
    on("level", "input", (event) => this.set({ level: Number(event.target.value) / 100 }));
    on("against", "change", ({ target }) => this.set({ against: target.value === "" ? null : Number(target.value) }));
    on("real", "change", (event) => this.set({ real: event.target.checked }));
    on("reset", "click", () => this.set({ zoom: 1, x: 0.5, y: 0.5, window: 1, level: 0.5, against: null }));
    if (!this.plain || this.zoom > 1 || this.against !== null || this.real) this.find("look").open = true;
  }

  read() {
    const share = (name, low, other) => {
      const value = Number.parseFloat(address.get(name) ?? "");
      return Number.isFinite(value) ? within(low, value / 100, 1) : other;
    };
    const [zoom, x, y] = (address.get("zoom") ?? "").split("_").map(Number);
    const placed = [zoom, x, y].every(Number.isFinite);
    Object.assign(this, { zoom: 1, x: 0.5, y: 0.5 });
    if (placed) this.put(zoom, x / 100, y / 100);
    this.window = share("window", 0.02, 1);
    this.level = share("level", 0, 0.5);
    const against = address.get("against");
    this.against = /^\d{1,9}$/.test(against ?? "") ? Number(against) : null;
    this.real = address.get("real") === "1";
  }

  get plain() {
    return this.window === 1 && this.level === 0.5;
  }

  // stops: the epochs that have a sheet; real: whether real images are available.
  // unit: what the runs count.
  update(stops, real, unit) {
    Object.assign(this, { stops, unit });
    const options = [["", `no ${unit}`], ...stops.map((stop) => [String(stop), `${unit} ${placed(stop)}`])];
    this.find("against").replaceChildren(
      ...options.map(([value, words]) => {
        const option = made("option", "", words);
        option.value = value;
        return option;
      }),
    );
    if (this.against !== null && stops.length) this.against = nearest(stops, this.against);
    // The reader has just entered the path of the data: show the real images.
    if (real && this.find("beside").hidden && this.known) {
      this.find("look").open = true;
      this.set({ real: true });
    }
    this.known = true;
    this.find("beside").hidden = !real;
    this.show();
  }

  set(values) {
    Object.assign(this, values);
    this.show();
    this.changed();
    clearTimeout(this.later);
    this.later = setTimeout(() => this.keep(), 200);
  }

  put(zoom, x, y) {
    this.zoom = within(1, zoom, MOST_ZOOM);
    const half = 0.5 / this.zoom;
    this.x = within(half, x, 1 - half);
    this.y = within(half, y, 1 - half);
  }

  // Zooms about a point of the sheet, which stays fixed; by default the centre of the visible part.
  enlarge(factor, x = this.x, y = this.y) {
    const before = this.zoom;
    const zoom = within(1, this.zoom * factor, MOST_ZOOM);
    this.put(zoom, x + ((this.x - x) * before) / zoom, y + ((this.y - y) * before) / zoom);
    this.set({});
  }

  // x, y: shares of the visible part.
  pan(x, y) {
    this.put(this.zoom, this.x + x / this.zoom, this.y + y / this.zoom);
    this.set({});
  }

  show() {
    const percent = (value) => `${Math.round(value * 100)} %`;
    this.find("zoom-is").textContent = `${Math.round(this.zoom * 10) / 10}×`;
    slide(this.find("window"), Math.round(this.window * 100));
    slide(this.find("level"), Math.round(this.level * 100));
    this.find("window-is").textContent = percent(this.window);
    this.find("level-is").textContent = percent(this.level);
    this.find("against").value = this.against === null ? "" : String(this.against);
    this.find("real").checked = this.real;
    // A difference has its own colours.
    for (const name of ["window", "level"]) this.find(name).disabled = this.against !== null;
    this.find("legend").hidden = this.against === null;
    const strongest = Math.round(STRONGEST * 100);
    this.find("since").textContent =
      `than at ${this.unit} ${this.against === null ? "" : placed(this.against)}; the strongest colours are ${strongest} % of the grey scale and more`;
  }

  close() {
    clearTimeout(this.later); // by then the address belongs to another page
  }

  keep() {
    const share = (value, other) => (value === other ? null : Math.round(value * 100));
    const place = [this.zoom, this.x * 100, this.y * 100].map((value) => Math.round(value * 10) / 10).join("_");
    address.set({
      zoom: this.zoom === 1 ? null : place,
      window: share(this.window, 1),
      level: share(this.level, 0.5),
      against: this.against,
      real: this.real ? 1 : null,
    });
  }
}

// Handles mouse, touch and keys on a sheet. open(card, sample): shows a sample large.
function handle(card, look, open) {
  const { view } = card;
  const fingers = new Map(); // pointer id -> its last position
  let moved = false; // a press without a movement opens a sample
  const point = ({ clientX, clientY }) => {
    const box = view.getBoundingClientRect();
    const at = (share, middle) => middle + (share - 0.5) / look.zoom;
    return [at((clientX - box.left) / box.width, look.x), at((clientY - box.top) / box.height, look.y)];
  };
  // The midpoint of two fingers and their distance.
  const spread = () => {
    const [one, other] = [...fingers.values()];
    return {
      clientX: (one.clientX + other.clientX) / 2,
      clientY: (one.clientY + other.clientY) / 2,
      wide: Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1,
    };
  };
  // The point between the fingers stays between them.
  const pinch = (finger, { clientX, clientY }) => {
    const before = spread();
    const [x, y] = point(before);
    Object.assign(finger, { clientX, clientY });
    const now = spread();
    look.put((look.zoom * now.wide) / before.wide, look.x, look.y);
    const [right, down] = point(now);
    look.put(look.zoom, look.x + x - right, look.y + y - down);
    look.set({});
  };
  view.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const { clientX, clientY } = event;
    moved = fingers.size > 0;
    fingers.set(event.pointerId, { clientX, clientY });
    view.setPointerCapture(event.pointerId);
  });
  view.addEventListener("pointermove", (event) => {
    const finger = fingers.get(event.pointerId);
    if (!finger) return;
    if (fingers.size === 2) {
      pinch(finger, event);
      return;
    }
    const { clientX, clientY } = event;
    const [right, down] = [clientX - finger.clientX, clientY - finger.clientY];
    if (!moved && Math.hypot(right, down) < 4) return;
    moved = true;
    Object.assign(finger, { clientX, clientY });
    const { width, height } = view.getBoundingClientRect();
    if (event.shiftKey) {
      const window = within(0.02, look.window + right / width, 1);
      look.set({ window, level: within(0, look.level + down / height, 1) });
    } else if (look.zoom > 1) look.pan(-right / width, -down / height);
  });
  view.addEventListener("pointerup", (event) => {
    if (fingers.delete(event.pointerId) && !moved) open(card, card.sampleAt(...point(event)));
  });
  view.addEventListener("pointercancel", (event) => fingers.delete(event.pointerId));
  const twoFingers = (event) => {
    if (event.touches.length > 1 && event.cancelable) event.preventDefault(); // the page neither zooms nor scrolls
  };
  view.addEventListener("touchstart", twoFingers, { passive: false });
  view.addEventListener("touchmove", twoFingers, { passive: false });
  const wheel = (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
    event.preventDefault();
    look.enlarge(Math.exp(-event.deltaY / 200), ...point(event));
  };
  view.addEventListener("wheel", wheel, { passive: false });
  view.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };
    if (event.key === "Enter" || event.key === " ") open(card, card.sampleAt(look.x - 1e-6, look.y - 1e-6));
    else if (event.key === "+" || event.key === "=") look.enlarge(1.5);
    else if (event.key === "-") look.enlarge(1 / 1.5);
    else if (event.key === "0") look.enlarge(1 / MOST_ZOOM);
    else if (moves[event.key] && look.zoom > 1) look.pan(...moves[event.key]);
    else return;
    event.preventDefault();
  });
}
