// The scrubber sets the epoch of the page. stage_address.js documents its events.

const UNTRAINED = "No epoch is finished yet: the grids show images of untrained networks.";

const FEW = 15; // stops: a film of fewer shows one a second, for what changes between two of them is much
const [SLOW, USUAL] = ["1", "4"]; // stops a second

// What uses the arrows or the space bar itself: whoever types, moves another slider, or reads a menu.
const USES_KEYS = [
  "input, textarea, select, audio, video, iframe, dialog, [contenteditable]:not([contenteditable=false])",
  ...["textbox", "searchbox", "combobox", "listbox", "option", "slider", "spinbutton", "radio", "tab", "tree", "grid"],
  ...["dialog", "alertdialog", "menu", "menubar", "menuitem", "application"],
];
const TAKES_KEYS = USES_KEYS.map((one, index) => (index ? `[role=${one}]` : one)).join(", ");
// The space bar presses these.
const PRESSED = "button, a[href], summary, [role=button], [role=link], [role=checkbox], [role=switch]";
// While one of these is open, keys are for it.
const OPEN = "dialog[open], [role=dialog], [role=alertdialog], [role=menu], [role=listbox]";

class Scrubber {
  constructor(root) {
    this.find = (name) => root.querySelector(`.${name}`);
    this.range = this.find("range");
    this.stops = null;
    this.timer = null;
    this.pressed = false;
    this.ends = new AbortController();
    this.listen();
  }

  listen() {
    const until = { signal: this.ends.signal };
    const on = (target, kind, hear) => target.addEventListener(kind, hear, until);
    on(this.range, "pointerdown", () => (this.pressed = true));
    for (const kind of ["pointerup", "pointercancel"]) on(window, kind, () => (this.pressed = false));
    on(this.range, "input", () => this.dragged(Number(this.range.value)));
    on(this.range, "change", () => this.move(this.epoch, true, "stage"));
    on(this.range, "keydown", (event) => this.key(event));
    on(this.find("play"), "click", () => this.toggle());
    on(this.find("back"), "click", () => this.step(-1));
    on(this.find("on"), "click", () => this.step(1));
    on(this.find("speed"), "change", (event) => {
      this.chosen = true;
      address.set({ speed: event.target.value });
    });
    on(window, "ganray:seek", ({ detail }) => this.sought(detail));
    on(window, "popstate", () => this.fromAddress());
    on(document, "click", (event) => this.linked(event));
    on(document, "keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") this.linked(event);
    });
    const speed = this.find("speed");
    const requested = address.get("speed");
    this.chosen = [...speed.options].some((option) => option.value === requested);
    if (this.chosen) speed.value = requested;
  }

  // Space and the arrows to the sides work on the whole page, until it is left; the other keys scroll it.
  everywhere() {
    window.addEventListener("keydown", (event) => this.anywhere(event), { signal: this.ends.signal });
  }

  anywhere(event) {
    if (event.defaultPrevented || event.shiftKey || !this.stops || this.find("bar").hidden) return;
    if (![" ", "ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const from = event.composedPath().filter((node) => node instanceof Element);
    if (from.some((node) => node.matches(TAKES_KEYS) || (event.key === " " && node.matches(PRESSED)))) return;
    if ([...document.querySelectorAll(OPEN)].some((node) => node.checkVisibility())) return;
    if (event.key === " " && event.repeat) return event.preventDefault();
    this.key(event);
  }

  // Called when the runs change or one of them gets a new sheet.
  // unit: what the runs count; whole: whether all of them count the same; pictures: whether none of them was trained;
  // kept: the earlier epochs whose weights runs have kept, {at, title} each.
  update({ stops, last, unit, whole, pictures, kept = [] }) {
    Object.assign(this, { unit, whole });
    this.range.step = whole ? "1" : "any";
    this.range.setAttribute("aria-label", unit === "step" ? "Step" : "Epoch");
    const first = this.stops === null;
    const stood = !first && this.epoch === this.last;
    const pinned = address.get("epoch") !== null;
    this.stops = stops.length ? stops : [0, last];
    if (!this.chosen) this.find("speed").value = stops.length && stops.length < FEW ? SLOW : USUAL;
    this.last = last;
    this.range.max = String(Math.max(last, 1));
    this.find("kept").replaceChildren(...kept.map((one) => this.star(one)));
    this.find("bar").hidden = last === 0;
    this.find("none").hidden = last !== 0 || Boolean(pictures);
    this.find("none").textContent = unit === "step" ? "There is no later sheet yet than that of step 0." : UNTRAINED;
    if (first) this.fromAddress();
    // A reader at the last epoch follows the training; other readers keep their epoch.
    else this.move(stood ? last : this.epoch, pinned, "stage");
  }

  star({ at, title, colour }) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "★", title });
    button.setAttribute("aria-label", `${title} Go there.`);
    button.style.color = colour; // of the run's curves
    button.style.setProperty("--share", at / Number(this.range.max));
    button.addEventListener("click", () => this.settle(at));
    return button;
  }

  fromAddress() {
    const requested = address.get("epoch");
    const known = requested !== null && /^\d{1,9}(\.\d{1,2})?$/.test(requested);
    this.move(known ? Number(requested) : this.last, known, "stage");
  }

  move(epoch, final, from) {
    this.epoch = within(0, this.whole ? Math.round(epoch) : epoch, this.last);
    slide(this.range, this.epoch);
    const [here, last] = [placed(this.epoch), placed(this.last)];
    this.range.setAttribute("aria-valuetext", `${this.unit} ${here} of ${last}`);
    const number = document.createElement("b");
    number.textContent = here;
    this.find("epoch").replaceChildren(this.unit === "step" ? "Step " : "Epoch ", number, ` of ${last}`);
    if (final) address.set({ epoch: here });
    window.ganrayEpoch = this.epoch;
    window.dispatchEvent(new CustomEvent("ganray:epoch", { detail: { epoch: this.epoch, final, from } }));
  }

  // A drag snaps to epochs that have a sheet. A screen reader changes the value by one: a step to the next sheet.
  dragged(value) {
    this.pause();
    if (!this.pressed && Math.abs(value - this.epoch) === 1) this.step(value - this.epoch);
    else this.move(nearest(this.stops, value), false, "stage");
  }

  step(way) {
    this.pause();
    this.move(this.next(way), true, "stage");
  }

  next(way) {
    if (way > 0) return this.stops.find((stop) => stop > this.epoch) ?? this.last;
    return this.stops.findLast((stop) => stop < this.epoch) ?? 0;
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const actions = {
      ArrowRight: () => this.step(1),
      ArrowUp: () => this.step(1),
      ArrowLeft: () => this.step(-1),
      ArrowDown: () => this.step(-1),
      PageUp: () => this.leap(1),
      PageDown: () => this.leap(-1),
      Home: () => this.settle(0),
      End: () => this.settle(this.last),
      " ": () => this.toggle(),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }

  // Moves by a tenth of the range.
  leap(way) {
    this.settle(nearest(this.stops, this.epoch + way * Math.max(1, this.last / 10)));
  }

  settle(epoch, from = "stage") {
    this.pause();
    this.move(epoch, true, from);
  }

  sought({ epoch, from }) {
    if (Number.isFinite(epoch) && this.stops) this.settle(epoch, from ?? "curves");
  }

  linked(event) {
    const link = event.composedPath().find((node) => node instanceof Element && node.hasAttribute("data-epoch-link"));
    const epoch = Number(link?.getAttribute("data-epoch-link") || NaN);
    if (!link || !Number.isFinite(epoch)) return;
    event.preventDefault();
    this.settle(epoch, "link");
  }

  toggle() {
    if (this.timer !== null) {
      this.settle(this.epoch);
      return;
    }
    this.show(true);
    this.move(this.epoch >= this.last ? this.stops[0] : this.epoch, false, "stage");
    this.wait(performance.now());
  }

  // Waits for sheets that are still loading, at most four seconds.
  wait(since) {
    const pause = 1000 / Number(this.find("speed").value);
    this.timer = setTimeout(() => {
      const late = (window.ganrayWaiting ?? 0) > 0 && performance.now() - since < 4000;
      if (late) {
        this.wait(since);
        return;
      }
      this.move(this.next(1), false, "stage");
      if (this.epoch >= this.last) this.settle(this.last);
      else this.wait(performance.now());
    }, pause);
  }

  pause() {
    if (this.timer === null) return;
    clearTimeout(this.timer);
    this.timer = null;
    this.show(false);
  }

  show(playing) {
    const button = this.find("play");
    button.classList.toggle("playing", playing);
    button.setAttribute("aria-label", playing ? "Pause" : "Play");
    button.title = `${playing ? "Pause" : "Play"} (space bar)`;
  }

  close() {
    this.pause();
    this.ends.abort();
  }
}

export default mounted((root) => {
  const scrubber = new Scrubber(root);
  scrubber.everywhere();
  return scrubber;
});
