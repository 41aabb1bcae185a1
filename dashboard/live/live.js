// Apply window and level with the SVG filter of the picture: out = (in - level) / window + 1/2.
function ganrayWindow(input) {
  const place = input.closest(".large");
  const read = (role) => Number(place.querySelector(`[data-role=${role}]`).value);
  const slope = 1 / read("window");
  const intercept = 0.5 - read("level") * slope;
  for (const part of place.querySelectorAll("feFuncR, feFuncG, feFuncB")) {
    part.setAttribute("slope", slope);
    part.setAttribute("intercept", intercept);
  }
}

function ganrayReset(button) {
  for (const input of button.parentNode.querySelectorAll("[data-role]")) {
    input.value = input.defaultValue;
    ganrayWindow(input);
  }
}

// Interpolation between classes: the page holds every image, the slider selects the visible ones.
function ganrayHold(input) {
  const place = input.closest(".generation");
  const share = Number(input.value) / Number(input.max);
  const percent = (part) => `${Math.round(part * 100)}%`;
  for (const frames of place.querySelectorAll(".frames")) {
    [...frames.children].forEach((frame, number) => frame.classList.toggle("now", number === Number(input.value)));
  }
  const words = `${percent(1 - share)} ${input.dataset.first}, ${percent(share)} ${input.dataset.second}`;
  input.setAttribute("aria-valuetext", words);
  ganrayWrite(place.querySelector(".hold output"), words);
  const cursor = place.querySelector(".chances .cursor");
  if (cursor) cursor.style.transform = `translateX(${share * 300}px)`;
  ganraySay(place);
}

// The opinions of the classifiers arrive after the images, as one list: put each below its image.
function ganraySay(place) {
  const said = place.querySelector(".opinion");
  const words = said ? JSON.parse(said.dataset.words) : [];
  const input = place.querySelector(".hand input");
  const first = input ? Number(input.value) * Number(input.closest(".hold").dataset.count) : 0;
  for (const one of place.querySelectorAll(".said")) {
    const number = first + Number(one.dataset.number);
    const differs = said && said.dataset.differs[number] === "1";
    const now = words.length ? `${differs ? "\u2260 " : ""}${words[number]}` : "\u00a0";
    ganrayWrite(one, now);
    one.classList.toggle("differs", Boolean(differs));
  }
}

// Do not write unchanged text: each write triggers ganrayHeld.
function ganrayWrite(place, words) {
  if (place.textContent !== words) place.textContent = words;
}

function ganrayHeld() {
  for (const place of document.querySelectorAll(".generation")) {
    const input = place.querySelector(".hand input");
    if (input) ganrayHold(input);
    else ganraySay(place);
  }
  ganrayPaint();
  ganrayExplore();
}

// Put a pasted image into the file field of the open tab, as if it were dropped there.
function ganrayPaste(event) {
  const files = event.clipboardData ? [...event.clipboardData.files] : [];
  const places = [...document.querySelectorAll(".ganray-upload")];
  const place = places.find((one) => one.offsetParent !== null);
  if (!files.length || !place) return;
  event.preventDefault();
  const clear = place.querySelector("button[aria-label='Clear']");
  if (clear) clear.click();  // otherwise it would be added to the previous image
  ganrayGive(place, files, performance.now() + 2000);
}

// The field reappears a moment after it was cleared.
function ganrayGive(place, files, latest) {
  const field = place.querySelector("input[type=file]");
  const full = place.querySelector("button[aria-label='Clear']");
  if ((full || !field) && performance.now() < latest) {
    setTimeout(ganrayGive, 50, place, files, latest);
    return;
  }
  if (!field) return;
  const held = new DataTransfer();
  for (const file of files) held.items.add(file);
  field.files = held.files;
  field.dispatchEvent(new Event("change", { bubbles: true }));
}
document.addEventListener("paste", ganrayPaste);

// Inside the dashboard, accept a paste wherever the focus is.
const ganrayOuter = window.frameElement ? window.frameElement.ownerDocument : document;
if (window.frameElement) {
  ganrayOuter.addEventListener("paste", ganrayPaste);
  window.addEventListener("pagehide", () => {
    ganrayOuter.removeEventListener("paste", ganrayPaste);
    ganrayOuter.defaultView.removeEventListener("resize", ganrayFit);
    ganrayThemes.disconnect();
  });
} else {
  document.documentElement.classList.add("alone");
}

// The page may change its theme while the tab is open. Loading the tab anew would lose uploads and paintings.
const ganrayApp = window.frameElement ? ganrayOuter.querySelector(".stApp") : null;
function ganrayTheme() {
  if (ganrayApp) document.body.classList.toggle("dark", getComputedStyle(ganrayApp).colorScheme === "dark");
}

const ganrayThemes = new MutationObserver(ganrayTheme);

// Make the frame as tall as its content, so that only one page scrolls; --room is the visible height for pictures.
function ganrayFit() {
  const frame = window.frameElement;
  const view = ganrayOuter.defaultView;
  const above = frame ? frame.getBoundingClientRect().top + ganrayScrolled(frame) : 0;
  const room = view.innerHeight - above;
  document.documentElement.style.setProperty("--room", `${room}px`);
  const tabs = document.querySelector(".gradio-container .tabs");
  if (!frame || !tabs) return;
  const height = `${Math.ceil(Math.max(tabs.getBoundingClientRect().bottom + 32, room - 64))}px`;
  if (frame.style.height !== height) frame.style.height = height;
  // The page gave its element around the frame a height of its own: below a taller frame it would print over it.
  const around = frame.parentElement.style;
  if (around.flex !== "0 0 auto") [around.flex, around.height] = ["0 0 auto", "auto"];
}

function ganrayScrolled(element) {
  let scrolled = 0;
  for (let one = element.parentElement; one; one = one.parentElement) scrolled += one.scrollTop;
  return scrolled;
}

ganrayOuter.defaultView.addEventListener("resize", ganrayFit);
if (window.frameElement) {  // the page may use the element for something else when the frame is gone
  const around = window.frameElement.parentElement.style;
  window.addEventListener("pagehide", () => ([around.flex, around.height] = ["", ""]));
}
const ganrayWaiting = new MutationObserver(() => {
  const tabs = document.querySelector(".gradio-container .tabs");
  if (!tabs) return;
  ganrayWaiting.disconnect();
  ganrayTheme(); // the theme in the address may be an earlier one by now
  if (ganrayApp) ganrayThemes.observe(ganrayApp, { attributeFilter: ["class"] });
  new ResizeObserver(ganrayFit).observe(tabs);
  // Gradio may keep an element and change what it holds.
  const attributeFilter = ["data-view", "data-effects"];
  new MutationObserver(ganrayHeld).observe(tabs, { childList: true, subtree: true, attributeFilter });
});
ganrayWaiting.observe(document, { childList: true, subtree: true });
ganrayFit();
