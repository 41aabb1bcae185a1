// A quiz in the browser: all its images are here from the start, so that the next one is shown at once, and every key
// is an answer to the image that stands there. The server gets all answers so far after each one. Until it has them,
// they are kept in the tab as well, so that neither a busy server nor a reload loses one.

// What keeps the keys for itself while it lies open: a dialog, or Help and the tour of the frame, which are popovers.
const OPEN = "dialog[open], [role=dialog], [role=alertdialog], [role=menu], [role=listbox]";
const stored = (key) => `ganray-quiz-${key}`;

// Whether something lies open over the page; what stands around the page has a shadow root of its own.
function covered() {
  const roots = [document, ...[...document.querySelectorAll("*")].map((one) => one.shadowRoot).filter(Boolean)];
  const open = (root) => [...root.querySelectorAll(`${OPEN}, :popover-open`)].some((one) => one.checkVisibility());
  return roots.some(open);
}

class Play {
  constructor(root) {
    this.find = (name) => root.querySelector(name);
    this.ends = new AbortController();
    // Streamlit uses R itself: keys are caught before it.
    window.addEventListener("keydown", (event) => this.hear(event), { capture: true, signal: this.ends.signal });
  }

  // data: see display.play.
  update(data, send) {
    this.send = send;
    if (this.key === data.key) return;
    Object.assign(this, { key: data.key, total: data.pictures.length, given: data.begun });
    if (data.fresh) sessionStorage.removeItem(stored(this.key));
    const kept = sessionStorage.getItem(stored(this.key)) ?? "";
    const answers = data.choices.map(({ answer }) => answer);
    const whole = [...kept].every((one) => answers.includes(one));
    if (whole && kept.startsWith(this.given) && kept.length <= this.total) this.given = kept;
    this.images = data.pictures.map((source) => Object.assign(new Image(), { src: source, draggable: false }));
    this.keys = new Map(data.choices.flatMap(({ answer, keys }) => keys.map((key) => [key.toLowerCase(), answer])));
    this.question = data.question;
    this.find(".question").textContent = data.question;
    this.buttons = data.choices.map((choice) => this.button(choice));
    this.find(".answers").replaceChildren(...this.buttons);
    if (this.given !== data.begun) this.send(this.given);
    this.show();
  }

  button({ answer, label, keys }) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: label });
    button.dataset.answer = answer;
    button.append(Object.assign(document.createElement("kbd"), { textContent: keys[0] }));
    button.addEventListener("click", () => this.answer(answer));
    return button;
  }

  get done() {
    return this.given.length >= this.total;
  }

  hear(event) {
    const answer = this.keys?.get(event.key.toLowerCase());
    const field = event.composedPath()[0];
    const types = field instanceof Element && field.closest("input, textarea, select, [contenteditable=true]");
    if (!answer || this.done || types || covered() || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!event.repeat) this.answer(answer); // a key that is held down is one answer
  }

  answer(one) {
    if (this.done) return;
    this.given += one;
    sessionStorage.setItem(stored(this.key), this.given);
    this.send(this.given);
    this.show();
  }

  show() {
    const number = this.given.length + 1;
    const words = this.done ? "All answered. Counting…" : `Image ${number} of ${this.total}`;
    this.find(".progress i").style.width = `${(100 * this.given.length) / this.total}%`;
    this.find(".count").textContent = words;
    for (const button of this.buttons) button.disabled = this.done;
    const figure = this.find("figure");
    figure.dataset.number = this.done ? "" : String(number);
    const image = this.images[Math.min(number, this.total) - 1];
    image.alt = `Image ${Math.min(number, this.total)} of ${this.total}: ${this.question}`;
    if (figure.firstChild !== image) figure.replaceChildren(image);
  }

  close() {
    this.ends.abort();
    if (this.done) sessionStorage.removeItem(stored(this.key)); // the server has drawn the results
  }
}

const instances = new WeakMap();

// Streamlit also calls the cleanup of a run that a newer run has replaced: only that of the newest closes the quiz.
export default function ({ data, parentElement, setStateValue }) {
  const kept = instances.get(parentElement) ?? { play: new Play(parentElement), runs: 0 };
  instances.set(parentElement, kept);
  const run = ++kept.runs;
  kept.play.update(data, (answers) => setStateValue("answers", answers));
  return () => {
    if (run !== kept.runs) return;
    kept.play.close();
    instances.delete(parentElement);
  };
}
