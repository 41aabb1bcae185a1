// Window and level of what is shown: out = (in - level) / window + 1/2, by the picture's SVG filter.
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

// A picture that is pasted goes where a dropped one goes: into the file field of the tab that is open.
function ganrayPaste(event) {
  const files = event.clipboardData ? [...event.clipboardData.files] : [];
  const places = [...document.querySelectorAll(".ganray-upload")];
  const place = places.find((one) => one.offsetParent !== null);
  if (!files.length || !place) return;
  event.preventDefault();
  const clear = place.querySelector("button[aria-label='Clear']");
  if (clear) clear.click();  // or it would join the picture before it
  ganrayGive(place, files, performance.now() + 2000);
}

// The field comes back a moment after it was cleared.
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

// Inside the dashboard a picture may be pasted wherever the focus is.
const ganrayOuter = window.frameElement ? window.frameElement.ownerDocument : document;
if (window.frameElement) {
  ganrayOuter.addEventListener("paste", ganrayPaste);
  window.addEventListener("pagehide", () => ganrayOuter.removeEventListener("paste", ganrayPaste));
} else {
  document.documentElement.classList.add("alone");
}

// The frame is as tall as what is in it, so that one page scrolls; and pictures know how much of it can be seen at once.
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
}

function ganrayScrolled(element) {
  let scrolled = 0;
  for (let one = element.parentElement; one; one = one.parentElement) scrolled += one.scrollTop;
  return scrolled;
}

ganrayOuter.defaultView.addEventListener("resize", ganrayFit);
const ganrayWaiting = new MutationObserver(() => {
  const tabs = document.querySelector(".gradio-container .tabs");
  if (!tabs) return;
  ganrayWaiting.disconnect();
  new ResizeObserver(ganrayFit).observe(tabs);
});
ganrayWaiting.observe(document, { childList: true, subtree: true });
ganrayFit();
