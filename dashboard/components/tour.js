// The guided tour: a card that goes through the real pages by itself, and a ring around what it speaks of.
//
// The browser remembers in localStorage that the tour was offered or ended, and in sessionStorage at which step it is, so
// that it goes on where the page was loaded anew. A step without its element says so, or is left out: it never hangs.

const KNOWN = "ganray-tour"; // offered, skipped or ended
const AT = "ganray-tour-step";
const PATIENCE_EACH = 3; // seconds for each alternative of a target
const NO_RUNS = ".st-key-empty";
const BAR = 72; // px: the top bar
const EDGE = 8; // px between the card and the window, and between the ring and the card
const BESIDE = 69; // rem: from this width the offer has room beside the first sentence of Home
const OFFER = {
  title: "New here?",
  words: "A tour of 90 seconds goes through the real pages: four GANs, what went wrong, and an X-ray translated before your eyes.",
};

class Tour {
  constructor(root) {
    this.find = (name) => root.querySelector(`.${name}`);
    this.card = this.find("tour");
    this.ring = this.find("ring");
    this.turn = 0; // counts what was shown, so that what belongs to an earlier step ends
    this.at = null;
    this.find("next").onclick = () => (this.at === null ? this.start() : this.move(1));
    this.find("back").onclick = () => this.move(-1);
    this.find("skip").onclick = () => this.end("skipped");
    this.find("pause").onclick = () => this.pause(this.playing);
    this.ends = new AbortController();
    window.addEventListener("keydown", (event) => this.key(event), { capture: true, signal: this.ends.signal });
    window.addEventListener("resize", () => this.put(), { signal: this.ends.signal });
    this.grown = new ResizeObserver(() => this.put()); // projector mode, the browser's zoom, longer words
    this.grown.observe(this.card);
  }

  update({ steps, home }) {
    const first = !this.steps;
    Object.assign(this, { steps, home });
    if (!first) return;
    const kept = sessionStorage.getItem(AT);
    if (/^\d+$/.test(kept ?? "") && steps[Number(kept)]) this.begin(Number(kept));
    else if (remembered(KNOWN) === null && location.pathname === home) this.offer();
  }

  offer() {
    remember(KNOWN, "offered");
    this.say(OFFER.title, OFFER.words, "");
    this.find("next").textContent = "Start the tour";
    this.find("skip").textContent = "No, thanks";
    for (const name of ["back", "pause", "time"]) this.find(name).hidden = true;
    this.card.dataset.state = "offer";
    this.card.showPopover();
    this.put();
    // Streamlit tells nobody that it opens another page.
    this.leaving = setInterval(() => location.pathname !== this.home && this.withdraw(), 150);
  }

  // The offer is made on Home alone.
  withdraw() {
    clearInterval(this.leaving);
    if (this.at === null) this.card.hidePopover();
  }

  start() {
    this.begin(0);
  }

  begin(step) {
    clearInterval(this.leaving);
    this.playing = !matchMedia("(prefers-reduced-motion: reduce)").matches;
    for (const name of ["back", "pause", "time"]) this.find(name).hidden = false;
    this.find("skip").textContent = "Skip";
    if (!this.card.matches(":popover-open")) this.card.showPopover();
    this.show(step, 1);
    this.find("next").focus({ preventScroll: true });
  }

  move(way) {
    const next = this.at + way;
    if (next >= this.steps.length) this.end("ended");
    else if (next >= 0) this.show(next, way);
  }

  async show(at, way) {
    const turn = ++this.turn;
    const going = () => turn === this.turn;
    const step = this.steps[at];
    this.at = at;
    sessionStorage.setItem(AT, String(at));
    cancelAnimationFrame(this.clock);
    this.bar(0);
    this.unmark();
    this.card.dataset.state = "moving";
    this.card.dataset.step = step.act || step.page;
    this.say(step.title, step.words, `Step ${at + 1} of ${this.steps.length}`);
    this.find("back").disabled = at === 0;
    this.find("next").textContent = at + 1 < this.steps.length ? "Next" : "Done";
    this.pause(!this.playing);
    this.put();
    if (!this.there(step) || this.elsewhere(step)) go(step.href);
    this.page = step.page;
    const begun = performance.now();
    const seconds = () => (performance.now() - begun) / 1000;
    let first = 0; // the second in which the page was there
    // The last element of a page says that it is drawn; elements of the page before stay for a moment.
    const drawn = () => {
      const whole = document.querySelector(`[data-page="${step.page}"]`) || seconds() > 0.7 * step.wait;
      if (!this.there(step) || !whole) return false;
      first ||= seconds();
      return true;
    };
    const allowed = () => 1 + Math.floor((seconds() - first) / PATIENCE_EACH);
    // A page that says that there are no runs will not show the element: nobody waits for it.
    const find = () => drawn() && (inSight(step.target, allowed()) ?? inSight(NO_RUNS));
    const found = await awaited(find, step.wait, going);
    if (!going()) return;
    const target = found?.matches(NO_RUNS) ? undefined : found;
    if (!target && !step.missing) {
      this.skip(way);
      return;
    }
    if (target) await this.mark(target, going);
    if (!going()) return;
    this.card.dataset.state = "here";
    let done = Boolean(target);
    this.time(step.seconds, turn);
    const act = ACTS[step.act];
    if (act && target) done = (await act(going, (note) => going() && this.note(step, note))) !== false;
    if (going() && !done) this.find("words").textContent = step.missing || step.words;
    if (going()) this.card.dataset.state = "done";
  }

  there(step) {
    return location.pathname === new URL(step.href, location.href).pathname;
  }

  // Whether the visitor came to the step's page by himself and looks at other runs than the tour speaks of.
  elsewhere(step) {
    const runs = (href) => new URL(href, location.href).searchParams.getAll("runs").join();
    return this.page !== step.page && runs(step.href) !== "" && runs(step.href) !== runs(location.href);
  }

  skip(way) {
    const next = this.at + (way || 1);
    if (next < 0) this.show(this.at + 1, 1);
    else if (next >= this.steps.length) this.end("ended");
    else this.show(next, way);
  }

  say(title, words, place) {
    this.card.querySelector("h2").textContent = title;
    this.find("words").textContent = words;
    this.find("place").textContent = place;
  }

  note(step, note) {
    this.waiting = Boolean(note);
    this.find("words").textContent = note ? `${step.words} ${note}` : step.words;
  }

  async mark(target, going) {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const tall = target.getBoundingClientRect().height > innerHeight * 0.7;
    // The middle of what the bar above and the card below leave free.
    target.style.scrollMarginTop = `${BAR}px`;
    target.style.scrollMarginBottom = `${this.card.offsetHeight + 3 * EDGE}px`;
    target.scrollIntoView({ block: tall ? "start" : "center", behavior: calm ? "instant" : "smooth" });
    await rest(calm ? 0.05 : 0.5);
    if (!going()) return;
    this.ring.showPopover();
    // Shown again, so that it lies above the ring; its focus stays.
    const focused = this.card.getRootNode().activeElement;
    this.card.hidePopover();
    this.card.showPopover();
    if (this.card.contains(focused)) focused.focus({ preventScroll: true });
    this.target = target;
    this.follow();
    this.put();
  }

  unmark() {
    clearInterval(this.following);
    this.target = undefined;
    if (this.ring.matches(":popover-open")) this.ring.hidePopover();
  }

  // Keeps the ring around its element while the page moves below it.
  follow() {
    clearInterval(this.following);
    const place = () => {
      const box = this.target?.getBoundingClientRect();
      const seen = box && this.target.isConnected && box.bottom > 60 && box.top < innerHeight;
      this.ring.style.visibility = seen ? "visible" : "hidden";
      if (!seen) return;
      const [left, top] = [Math.max(box.left - 6, 2), Math.max(box.top - 6, 2)];
      const right = Math.min(box.right + 6, innerWidth - 2);
      // What is taller than the window is ringed as far as the card.
      const card = this.card.getBoundingClientRect();
      const floor = card.top > innerHeight / 2 ? card.top - EDGE : innerHeight - 2;
      const bottom = Math.min(box.bottom + 6, floor);
      Object.assign(this.ring.style, { left: `${left}px`, top: `${top}px` });
      Object.assign(this.ring.style, { width: `${right - left}px`, height: `${Math.max(bottom - top, 0)}px` });
    };
    place();
    this.following = setInterval(place, 100);
  }

  // Puts the card below what it speaks of, at the edge of the window; above it where the page ends too early to scroll.
  // The offer stands beside the first sentence of Home, or in the corner below where there is no such room.
  put() {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    if (this.at === null) {
      this.card.dataset.side = innerWidth > BESIDE * rem ? "above" : "below";
      return;
    }
    const target = this.target?.getBoundingClientRect();
    const high = this.card.offsetHeight + 2 * EDGE;
    const below = target ? Math.min(target.bottom, innerHeight) - (innerHeight - high) : 0;
    const above = target ? high - Math.max(target.top, 0) : 1;
    this.card.dataset.side = below > 0 && above <= 0 && target.top > innerHeight / 2 ? "above" : "below";
  }

  // Goes on after so many seconds; the time stands still while the tour is paused or a network loads.
  time(seconds, turn) {
    let [spent, before] = [0, performance.now()];
    this.waiting = false;
    const tick = (now) => {
      if (turn !== this.turn) return;
      if (this.playing && !this.waiting) spent += (now - before) / 1000;
      before = now;
      this.bar(spent / seconds);
      if (spent < seconds) this.clock = requestAnimationFrame(tick);
      else this.move(1);
    };
    this.clock = requestAnimationFrame(tick);
  }

  bar(share) {
    this.find("time").firstElementChild.style.width = `${Math.min(share, 1) * 100}%`;
  }

  pause(stop) {
    this.playing = !stop;
    const button = this.find("pause");
    button.textContent = stop ? "Play" : "Pause";
    button.setAttribute("aria-pressed", String(Boolean(stop)));
  }

  // The arrows and Escape, where the card has the focus; Escape also where nothing has.
  key(event) {
    if (!this.card.matches(":popover-open") || event.ctrlKey || event.metaKey || event.altKey) return;
    const inside = event.composedPath().includes(this.card);
    const acts = { Escape: () => this.end("skipped") };
    if (inside && this.at !== null) Object.assign(acts, { ArrowRight: () => this.move(1), ArrowLeft: () => this.move(-1) });
    if (!acts[event.key] || !(inside || event.composedPath()[0] === document.body)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    acts[event.key]();
  }

  end(how) {
    this.turn++;
    this.at = null;
    cancelAnimationFrame(this.clock);
    sessionStorage.removeItem(AT);
    remember(KNOWN, how);
    clearInterval(this.leaving);
    this.unmark();
    this.card.hidePopover();
    this.find("help").focus({ preventScroll: true }); // it starts the tour again
  }

  close() {
    this.turn++;
    cancelAnimationFrame(this.clock);
    clearInterval(this.following);
    clearInterval(this.leaving);
    this.grown.disconnect();
    this.ends.abort();
  }
}
