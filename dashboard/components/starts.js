// The starting points of Home: cards whose thumbnails show what the runs here have drawn. Films show a sheet a second,
// all at once, and stand still at their last sheet where the visitor wants no movement.

const SECOND = 1000;
const SVG = "http://www.w3.org/2000/svg";
const MODES = 8;

function made(kind, name = "", ...inside) {
  const one = document.createElement(kind);
  if (name) one.className = name;
  one.append(...inside);
  return one;
}

function drawn(kind, values, ...inside) {
  const one = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries(values)) one.setAttribute(name, value);
  one.append(...inside);
  return one;
}

// A sheet of which one sees the corner; `show(share)` draws the frame at that share of its training.
function cropped({ label, color, frames }) {
  const images = frames.map(([, address], index) => {
    const image = new Image();
    Object.assign(image, { src: address, alt: "", decoding: "async" });
    image.hidden = index !== frames.length - 1;
    return image;
  });
  const dot = made("i");
  dot.style.background = color;
  const crop = made("div", "crop", ...images, made("span", "tag", dot, label));
  const show = (share) => {
    const chosen = Math.round(share * (images.length - 1));
    images.forEach((image, index) => (image.hidden = index !== chosen));
    return frames[chosen]?.[0] ?? "";
  };
  return { crop, show };
}

function cell(address, columns, column, name) {
  const image = new Image();
  Object.assign(image, { src: address, alt: "" });
  image.style.width = `${columns * 100}%`;
  image.style.left = `${-column * 100}%`;
  return made("div", name, image);
}

const THUMBS = {
  film({ films }) {
    const all = films.map(cropped);
    const epoch = made("span", "tag top");
    return {
      parts: [...all.map(({ crop }) => crop), ...(all.length ? [epoch] : [])],
      play: (share) => all.forEach(({ show }) => (epoch.textContent = show(share))),
      frames: Math.max(0, ...films.map((one) => one.frames.length)),
    };
  },
  pair({ picture, labels, columns }) {
    if (!picture) return { parts: [] };
    const crop = cell(picture, columns, 0, "crop");
    const tags = [made("span", "tag", labels[0]), made("span", "tag right", labels[1])];
    crop.append(cell(picture, columns, 1, "after"), made("span", "edge"), ...tags);
    return { parts: [crop] };
  },
  training({ films = [], curves = [], running }) {
    const [one] = films.map(cropped);
    const lines = curves.map((points) => drawn("polyline", { points }));
    const plot = drawn("svg", { viewBox: "-4 -6 108 42", preserveAspectRatio: "none", "aria-hidden": "true" }, ...lines);
    const tag = made("span", "tag right", running ? "training now" : "its losses");
    return {
      parts: one ? [one.crop, plot, tag] : [],
      play: (share) => one?.show(share),
      frames: films[0]?.frames.length ?? 0,
    };
  },
  ring() {
    const around = (index, radius) => {
      const turn = (2 * Math.PI * index) / MODES;
      return [radius * Math.cos(turn), radius * Math.sin(turn)];
    };
    const goals = Array.from({ length: MODES }, (_, index) => {
      const [cx, cy] = around(index, 36);
      return drawn("circle", { class: "goal", cx, cy, r: 7 });
    });
    const points = Array.from({ length: 5 * MODES }, (_, index) => {
      const [x, y] = around(index % MODES, 36);
      const [cx, cy] = [x + 4 * Math.sin(7 * index), y + 4 * Math.cos(5 * index)];
      const point = drawn("circle", { class: "point", cx, cy, r: 1.6 });
      point.style.setProperty("--x", `${-x * 0.95}px`);
      point.style.setProperty("--y", `${-y * 0.95}px`);
      return point;
    });
    return { parts: [drawn("svg", { viewBox: "-50 -50 100 100", "aria-hidden": "true" }, ...goals, ...points)] };
  },
};

function card({ href, title, words, kind, ...rest }) {
  const { parts, play, frames } = THUMBS[kind](rest);
  const link = made("a");
  link.href = href;
  link.toggleAttribute("data-in-app", true);
  const thumb = made("div", `thumb ${kind}`, ...parts);
  thumb.setAttribute("aria-hidden", "true");
  link.append(thumb, made("div", "told", made("h3", "", title), made("p", "", words)));
  return { link, play, frames: frames ?? 0 };
}

const timers = new WeakMap();

export default function ({ parentElement, data }) {
  const all = data.map(card);
  const place = parentElement.querySelector(".cards");
  place.style.setProperty("--count", String(all.length));
  place.replaceChildren(...all.map(({ link }) => link));
  clearInterval(timers.get(parentElement));
  const films = all.filter(({ play, frames }) => play && frames);
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
    for (const { play } of films) play(1);
    return undefined;
  }
  let beat = 0;
  const turn = () => {
    // The last sheet stays for two beats more.
    for (const { play, frames } of films) play(Math.min((beat % (frames + 2)) / Math.max(frames - 1, 1), 1));
    beat++;
  };
  turn();
  const timer = setInterval(turn, SECOND);
  timers.set(parentElement, timer);
  return () => clearInterval(timer);
}
