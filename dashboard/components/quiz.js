// The keys R and G press the buttons of the current image. Streamlit uses R itself, so the keys are caught before it.

const ANSWERS = { r: "real", g: "generated" };
const PATIENCE = 3000; // ms: an image may appear before its buttons

let pressed = null; // the image answered last: the second of two quick keys must not answer the next image unseen

function shown() {
  return document.querySelector(".quiz-one[data-number]")?.dataset.number;
}

function press(answer, number, until) {
  if (shown() !== number) return;
  const button = document.querySelector(`.st-key-answer-${answer}-${number} button`);
  if (button && !button.disabled) {
    button.click();
    // If the click is lost, the keys work again.
    setTimeout(() => { if (pressed === number) pressed = null; }, PATIENCE);
  } else if (performance.now() < until) {
    setTimeout(press, 30, answer, number, until);
  } else {
    pressed = null;
  }
}

export default function () {
  const hear = (event) => {
    const answer = ANSWERS[event.key.toLowerCase()];
    const number = shown();
    const field = event.composedPath()[0];
    const types = field instanceof Element && field.closest("input, textarea, [contenteditable=true]");
    if (!answer || !number || types || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (event.repeat || pressed === number) return;
    pressed = number;
    press(answer, number, performance.now() + PATIENCE);
  };
  pressed = null;
  window.addEventListener("keydown", hear, true);
  return () => window.removeEventListener("keydown", hear, true);
}
