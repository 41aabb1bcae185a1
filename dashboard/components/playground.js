// The page of the playground: the game, the plane, the controls and the keys.

const PACES = { slow: { turns: 1, pause: 450 }, one: { turns: 1, pause: 16 }, five: { turns: 5, pause: 16 } };
const RESTS = 20000; // steps after which a game that nobody stops comes to rest
const CURVE = 600; // points of a curve
const MOVE = 0.08; // of the cross by a key
const GAP = 0.05; // between points of a drawing
const MOST_DRAWN = 400;

class Playground {
  constructor(root) {
    this.root = root.querySelector(".playground");
    this.find = (name) => this.root.querySelector(`.${name}`);
    this.plot = new Plot(this.find("plot"));
    this.playing = false;
    this.curves = { steps: [], loss_d: [], loss_g: [], accuracy: [], distance: [] };
    this.ends = new AbortController();
    const until = { signal: this.ends.signal };
    const press = (name, act) => this.find(name).addEventListener("click", () => act());
    press("play", () => this.toggle());
    press("step-d", () => this.step("d"));
    press("step-g", () => this.step("g"));
    press("restart", () => this.begin());
    press("reseed", () => this.set({ seed: (this.settings.seed + 1) % 2 ** 31 }));
    press("action", () => this.act());
    press("use", () => this.useDrawing());
    press("clear", () => this.clearDrawing());
    this.find("pace").addEventListener("change", ({ target }) => this.pace(target.value));
    this.find("notice").querySelector("button").addEventListener("click", () => this.begin());
    window.addEventListener("keydown", (event) => this.key(event), { ...until, capture: true });
    document.addEventListener("visibilitychange", () => this.looked(), until);
    this.root.addEventListener("transitionend", ({ target }) => target === this.root && this.redraw(), until);
    this.sizes = new ResizeObserver(() => this.redraw());
    this.sizes.observe(this.root);
    this.hearPen(until);
  }

  // data: see dashboard/views/playground/page.py; later runs of the page bring the same.
  update(data) {
    if (this.data) return;
    this.data = data;
    this.controls = new Controls(this.find("rules"), data, (values) => this.set(values));
    this.makeLayers();
    this.makeExperiments();
    this.pace("one");
    const wanted = address.get("experiment");
    if (data.experiments.some(({ name }) => name === wanted)) this.load(wanted);
    else this.load(null);
  }

  load(name) {
    const experiment = this.data.experiments.find((one) => one.name === name);
    this.experiment = experiment ?? null;
    this.find("sentences").textContent = experiment?.sentences ?? this.data.welcome;
    this.find("question").textContent = experiment?.question ?? "";
    this.find("action").hidden = !experiment;
    this.find("answer").hidden = !experiment;
    this.find("answer").open = false;
    this.find("answer").querySelector("p").textContent = experiment?.answer ?? "";
    for (const link of this.find("experiments").querySelectorAll("a")) {
      if (link.dataset.name === name) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    this.plot.shown.manifold = Boolean(experiment?.manifold);
    this.showLayers();
    this.pace(experiment?.pace ?? "one");
    this.settings = { ...this.data.defaults, ...experiment?.settings };
    this.plot.drawing = null;
    this.playing = !matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.begin();
  }

  // The game.

  begin() {
    if (this.settings.data === "drawn" && !this.settings.drawing.length) {
      if (!this.plot.drawing) this.startDrawing(); // what is being drawn stays while other settings change
      return;
    }
    this.stopDrawing();
    this.notice("");
    this.controls.show(this.settings);
    if (!this.link || this.link.closed) {
      const link = new Link(this.data.socket, (frame) => this.link === link && this.heard(frame), (words) => this.ended(words));
      this.link = link;
    }
    this.link.waiting = this.link.waiting.filter((request) => request.begin);
    this.link.ask({ begin: this.settings });
    if (!this.plot.frame) this.notice("Starting. The first game takes some seconds, until its libraries are loaded.", "");
    this.showPlay();
  }

  heard(frame) {
    if (frame.error) {
      this.playing = false;
      this.notice(frame.error);
      this.showPlay();
      return;
    }
    if (frame.real) {
      this.notice("");
      this.plot.begin(frame);
      for (const values of Object.values(this.curves)) values.length = 0;
      this.noun = frame.noun;
      this.rest = RESTS;
    }
    this.plot.frame = frame;
    this.note(frame);
    if (frame.step >= this.rest) {
      this.playing = false;
      this.rest = frame.step + RESTS;
      this.showPlay();
    }
    this.goOn();
    if (!this.drawn) this.drawn = requestAnimationFrame(() => this.redraw());
    this.root.dataset.step = frame.step;
  }

  // Asks for the next turns while the game plays. The pause is between two requests, so that a slow server is not hurried.
  goOn() {
    clearTimeout(this.timer);
    if (!this.playing || document.hidden || this.plot.drawing) return;
    const { turns, pause } = PACES[this.find("pace").value];
    const since = performance.now() - (this.last ?? 0);
    this.timer = setTimeout(() => {
      if (!this.playing || !this.link?.idle) return;
      this.last = performance.now();
      this.link.ask(this.find("pace").value === "slow" ? this.slowStep() : { turns });
    }, Math.max(pause - since, 0));
  }

  // In slow motion the players move one after the other.
  slowStep() {
    this.slow = ((this.slow ?? -1) + 1) % (this.settings.d_steps + 1);
    return this.slow < this.settings.d_steps ? { d: 1 } : { g: 1 };
  }

  toggle() {
    if (this.plot.drawing) return;
    this.playing = !this.playing;
    if (this.link?.closed && this.playing) this.begin();
    this.showPlay();
    this.goOn();
  }

  step(player) {
    if (this.plot.drawing) return;
    this.playing = false;
    this.showPlay();
    if (this.link?.closed) this.begin();
    else this.link.ask({ [player]: 1 });
  }

  // values: settings. afresh: whether the game begins again even where it could go on.
  set(values, afresh = false) {
    this.settings = { ...this.settings, ...values };
    this.controls.show(this.settings);
    const anew = afresh || Object.keys(values).some((name) => !this.data.while_playing.includes(name));
    if (values.data === "drawn") this.settings.drawing = [];
    if (anew || this.link?.closed) this.begin();
    else this.link.ask({ change: this.settings });
    this.showPlay();
  }

  // Sets what the experiment proposes to try, and takes it back.
  act() {
    const { change, anew, settings } = this.experiment;
    const names = Object.keys(change);
    this.set(this.acted ? Object.fromEntries(names.map((name) => [name, settings[name]])) : change, anew);
  }

  get acted() {
    return Boolean(this.experiment) && Object.entries(this.experiment.change).every(([name, value]) => this.settings[name] === value);
  }

  pace(name) {
    this.find("pace").value = name;
    this.goOn();
  }

  ended(words) {
    this.playing = false;
    this.notice(words, "Try again");
    this.showPlay();
  }

  // A page that nobody looks at plays on for nobody, and soon gives its place to another.
  looked() {
    clearTimeout(this.leaving);
    if (document.hidden) this.leaving = setTimeout(() => this.link?.close("The page was hidden for long, so its game ended."), LEAVES);
    else this.goOn();
  }

  // What is shown.

  notice(words, button = "Restart") {
    this.find("notice").hidden = !words;
    this.find("notice").querySelector("p").textContent = words;
    this.find("notice").querySelector("button").textContent = button;
    this.find("notice").querySelector("button").hidden = !button;
  }

  showPlay() {
    this.find("play").textContent = this.playing ? "Pause" : "Play";
    this.find("play").setAttribute("aria-pressed", String(this.playing));
    this.find("action").textContent = this.acted ? "Take it back" : (this.experiment?.action ?? "");
    const { seed } = this.settings;
    this.find("seed-line").textContent = `Seed ${seed}. Keys: space plays and pauses, D and G are single steps, T tries what the experiment proposes, R restarts with the same seed.`;
  }

  note({ step, numbers, covered, near_data, events }) {
    const { curves } = this;
    if (curves.steps.at(-1) === step) for (const values of Object.values(curves)) values.pop();
    curves.steps.push(step);
    for (const name of ["loss_d", "loss_g", "accuracy", "distance"]) curves[name].push(numbers[name] ?? NaN);
    if (curves.steps.length > 2 * CURVE) for (const name of Object.keys(curves)) curves[name] = curves[name].filter((_, i) => i % 2);
    const count = covered.filter(Boolean).length;
    const noun = this.noun.charAt(0).toUpperCase() + this.noun.slice(1);
    const shown = [
      ["Step", String(step)],
      [`${noun} covered`, `${count} of ${covered.length}`],
      ["Points near the data", `${Math.round(near_data * 100)} %`],
      ["G's gradient norm", numbers.grad_g === null ? "–" : written(numbers.grad_g)],
    ];
    this.root.dataset.covered = String(count);
    const list = this.find("numbers");
    if (list.children.length !== shown.length) list.replaceChildren(...shown.map(() => pair()));
    shown.forEach(([name, value], index) => {
      const [term, found] = list.children[index].children;
      if (term.textContent !== name) term.textContent = name;
      found.textContent = value;
    });
    this.say(events);
  }

  // What was said of the game before says nothing of a new drawing.
  forget() {
    for (const values of Object.values(this.curves)) values.length = 0;
    for (const found of this.find("numbers").querySelectorAll("dd")) found.textContent = "–";
    delete this.root.dataset.covered;
    this.say([]);
  }

  // Only a new kind of event is a new element, so that a screen reader does not read each change of a number.
  say(events) {
    const box = this.find("says");
    const kinds = events.map(({ kind, advice }) => `${kind} ${advice}`).join(";");
    if (this.kinds !== kinds) {
      this.kinds = kinds;
      box.replaceChildren(...events.map((event) => remark(event)));
    }
    events.forEach((event, index) => (box.children[index].querySelector("span").textContent = event.sentence));
  }

  redraw() {
    cancelAnimationFrame(this.drawn);
    this.drawn = 0;
    const style = getComputedStyle(this.root);
    const ground = style.getPropertyValue("--st-background-color").trim() || "#ffffff";
    const dark = rgb(ground).reduce((sum, part) => sum + part, 0) < 384;
    this.root.classList.toggle("dark", dark);
    this.root.classList.toggle("light", !dark);
    const colours = { text: style.color, font: style.fontFamily, ground, real: dark ? "#5ab4f0" : "#0072b2", made: dark ? "#ff9a52" : "#c24e00" };
    this.plot.draw(colours);
    const { steps, loss_d, loss_g, accuracy, distance } = this.curves;
    const critic = this.settings?.objective === "wasserstein";
    const title = this.find("losses-title");
    if (!title.children.length) title.append("Loss of ", made("b", "of-d", "D"), " and ", made("b", "of-g", "G"));
    drawCurves(this.find("losses"), steps, [[colours.real, loss_d], [colours.made, loss_g]], null, colours);
    const pairs = this.settings?.objective === "relativistic" ? "pairs" : "points";
    this.find("share-title").textContent = critic ? "Estimated distance to the data" : `Accuracy of D, share of ${pairs}`;
    drawCurves(this.find("share"), steps, [[colours.text, critic ? distance : accuracy]], critic ? null : [0, 1], colours);
    const frame = this.plot.frame;
    this.find("plot").setAttribute(
      "aria-label",
      frame ? `Step ${frame.step}: ${this.find("numbers").textContent}` : "The plane, before the game begins",
    );
  }

  makeLayers() {
    const labels = Object.entries(LAYERS).map(([name, title]) => {
      const label = made("label");
      const box = Object.assign(document.createElement("input"), { type: "checkbox" });
      box.dataset.layer = name;
      box.addEventListener("change", () => {
        this.plot.shown[name] = box.checked;
        this.redraw();
      });
      label.append(box, made("i", name), title);
      return label;
    });
    this.find("layers").replaceChildren(...labels);
  }

  showLayers() {
    for (const box of this.find("layers").querySelectorAll("input")) box.checked = this.plot.shown[box.dataset.layer];
  }

  makeExperiments() {
    const items = this.data.experiments.map(({ name, title }) => {
      const link = made("a", "", title);
      link.href = `?experiment=${name}`;
      link.dataset.name = name;
      link.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        address.set({ experiment: name });
        this.load(name);
      });
      const item = made("li");
      item.append(link);
      return item;
    });
    this.find("experiments").replaceChildren(...items);
  }

  // Keys work on the whole page, but not where somebody types; a focused button keeps its space bar.
  key(event) {
    const field = event.composedPath()[0];
    const element = field instanceof Element ? field : null;
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (element?.closest("textarea, [contenteditable=true], select, input:not([type=range], [type=checkbox])")) return;
    const acts = { " ": () => this.toggle(), d: () => this.step("d"), g: () => this.step("g"), r: () => this.begin() };
    if (this.experiment) acts.t = () => this.act();
    const act = acts[event.key.toLowerCase()];
    const presses = event.key === " " && element?.closest("button, a, summary, [role=button], [type=checkbox]");
    if (!act || presses || this.plot.drawing || document.querySelector("[role=dialog]")) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // Streamlit uses R itself
    act();
  }

  // Drawing.

  startDrawing() {
    this.link?.close();
    this.plot.drawing = [];
    this.plot.cross = [0, 0];
    this.plot.frame = null;
    this.forget();
    this.find("pen").hidden = false;
    this.find("plot").classList.add("draws");
    this.notice("");
    this.controls.show(this.settings);
    this.showUse();
    this.redraw();
  }

  stopDrawing() {
    this.plot.drawing = null;
    this.find("pen").hidden = true;
    this.find("plot").classList.remove("draws");
  }

  clearDrawing() {
    this.plot.drawing = [];
    this.showUse();
    this.redraw();
  }

  useDrawing() {
    this.settings = { ...this.settings, drawing: this.plot.drawing };
    this.playing = true;
    this.begin();
  }

  showUse() {
    this.find("use").disabled = this.plot.drawing.length < 3;
  }

  addPoint(point) {
    const { drawing } = this.plot;
    const last = drawing.at(-1);
    if (drawing.length >= MOST_DRAWN || (last && Math.hypot(point[0] - last[0], point[1] - last[1]) < GAP)) return;
    drawing.push(point.map((value) => Math.round(value * 1000) / 1000));
    this.showUse();
    this.redraw();
  }

  hearPen(until) {
    const { canvas } = this.plot;
    let down = false;
    canvas.addEventListener("pointerdown", (event) => {
      if (!this.plot.drawing || event.button !== 0) return;
      down = true;
      canvas.setPointerCapture(event.pointerId);
      this.addPoint(this.plot.at(event));
    }, until);
    canvas.addEventListener("pointermove", (event) => down && this.plot.drawing && this.addPoint(this.plot.at(event)), until);
    for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, () => (down = false), until);
    canvas.addEventListener("keydown", (event) => {
      const moves = { ArrowLeft: [-MOVE, 0], ArrowRight: [MOVE, 0], ArrowUp: [0, MOVE], ArrowDown: [0, -MOVE] };
      if (!this.plot.drawing) return;
      const { cross } = this.plot;
      const move = moves[event.key];
      if (move) this.plot.cross = cross.map((value, i) => Math.min(Math.max(value + move[i], -1.5), 1.5));
      else if (event.key === "Enter" || event.key === " ") this.addPoint(cross);
      else return;
      event.preventDefault();
      event.stopPropagation();
      this.redraw();
    }, until);
  }

  close() {
    clearTimeout(this.timer);
    clearTimeout(this.leaving);
    cancelAnimationFrame(this.drawn);
    this.ends.abort();
    this.sizes.disconnect();
    this.link?.close();
  }
}

function made(kind, name = "", words = "") {
  const element = document.createElement(kind);
  if (name) element.className = name;
  element.textContent = words;
  return element;
}

function pair() {
  const box = made("div");
  box.append(made("dt"), made("dd"));
  return box;
}

function remark({ kind, title, ailment, advice }) {
  const box = made("div", ailment ? "ailment" : "");
  box.dataset.kind = kind;
  box.append(made("b", "", title), made("span"));
  if (advice) box.append(made("small", "", `What helps: ${advice}.`));
  return box;
}

const written = (value) => (value !== 0 && Math.abs(value) < 0.001 ? value.toExponential(0) : String(Number(value.toPrecision(2))));

export default mounted((root) => new Playground(root));
