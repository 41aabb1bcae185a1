// What the steps of the tour do in the pages, by the names that library/tour.py uses. Each ends early where `going()`
// is false, because the visitor has moved on, and does nothing where the page lacks what it needs.

const rest = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

// What `find` returns, once it returns something; undefined after so many seconds.
async function awaited(find, seconds, going) {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const found = find();
    if (found || !going() || performance.now() > end) return found;
    await rest(0.15);
  }
}

// Moves a range input as a hand would, over so many seconds.
async function drag(range, values, seconds, going) {
  for (const value of values) {
    if (!going() || !range.isConnected) return;
    range.value = String(value);
    range.dispatchEvent(new Event("input", { bubbles: true }));
    await rest(seconds / values.length);
  }
  range.dispatchEvent(new Event("change", { bubbles: true }));
}

const between = (from, to, count) => Array.from({ length: count + 1 }, (_, i) => from + ((to - from) * i) / count);

const ACTS = {
  // Show the four families in turn.
  async families(going) {
    for (const tab of deep(".st-key-families >>> [role=tab]")) {
      if (!going()) return;
      tab.click();
      await rest(2.4);
    }
  },

  async first_epoch() {
    seek(0, "tour");
  },

  async scrub(going) {
    const range = inSight(".st-key-scrubber >>> .range");
    const last = Number(range?.max ?? 0);
    const frames = Math.min(last, 8);
    for (const epoch of between(0, last, frames)) {
      if (!going()) return;
      seek(epoch, "tour");
      await rest(8 / (frames + 1));
    }
  },

  // Open the first ailment that was found, else the first event of any kind.
  async diagnosis(going) {
    await rest(2);
    const link = inSight(".st-key-happened .happened-ailment [data-epoch-link]|.st-key-happened [data-epoch-link]");
    if (!link || !going()) return;
    window.dispatchEvent(new CustomEvent("ganray:seek", { detail: { epoch: Number(link.dataset.epochLink), from: "tour" } }));
    link.focus({ preventScroll: true });
  },

  // Translate the first example, then sweep the edge between before and after, and the severity where there is one.
  async translate(going, say) {
    const page = () => document.querySelector("iframe[src*='/gradio/']")?.contentDocument;
    const find = (selector) => [...(page()?.querySelectorAll(selector) ?? [])].find((one) => one.getClientRects().length);
    say("The networks are being loaded; this happens once.");
    await awaited(() => find("[role=tab]"), 40, going);
    const begun = await awaited(() => find(".wipe input") ?? find(".ganray-examples button"), 15, going);
    // The tab may translate one by itself: its own comes first.
    let wipe = begun && (await awaited(() => find(".wipe input"), 6, going));
    const example = find(".ganray-examples button");
    if (!wipe && example && going()) {
      example.click();
      wipe = await awaited(() => find(".wipe input"), 30, going);
    }
    say("");
    if (!wipe) return !going();
    // The picture and the slider below it lie above the card.
    const lowest = find(".severity input") ?? wipe;
    lowest.style.scrollMarginBottom = "165px";
    lowest.scrollIntoView({ block: "end", behavior: "instant" });
    await drag(wipe, between(85, 15, 20), 2.5, going);
    await drag(wipe, between(15, 50, 10), 1.5, going);
    const severity = find(".severity input");
    if (!severity) return true;
    const [low, high, before] = [Number(severity.min), Number(severity.max), Number(severity.value)];
    await drag(severity, between(low, high, 24), 3, going);
    await drag(severity, between(high, before, 8), 1, going);
    return true;
  },
};
