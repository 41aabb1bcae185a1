// The Help menu: theme and projector mode, which the browser remembers, and what starts the tour.

const PROJECTOR = "ganray-projector";
const SCALE = 1.2; // of the live tab, which has sizes of its own

class Menu {
  constructor(root, startTour) {
    this.find = (name) => root.querySelector(`.${name}`);
    this.menu = this.find("menu");
    this.button = this.find("help");
    this.button.onclick = () => this.menu.togglePopover();
    this.menu.addEventListener("toggle", ({ newState }) => {
      this.button.setAttribute("aria-expanded", String(newState === "open"));
      if (newState === "open") this.opened();
    });
    this.menu.addEventListener("click", (event) => {
      if (event.composedPath().some((node) => node instanceof Element && node.matches("a"))) this.menu.hidePopover();
    });
    this.find("start-tour").onclick = () => {
      this.menu.hidePopover();
      startTour();
    };
    this.themes = [...root.querySelectorAll("[data-theme]")];
    for (const one of this.themes) one.onclick = () => this.choose(one.dataset.theme);
    this.switch = this.find("projector");
    this.switch.onchange = () => this.project(this.switch.checked, true);
    const asked = address.get("projector");
    const on = asked === null ? remembered(PROJECTOR) === "1" : asked === "1";
    if (asked !== null) remember(PROJECTOR, on ? "1" : "0");
    this.project(on, false);
  }

  update({ pages, glossary }) {
    this.pages = pages;
    this.find("glossary").href = glossary;
  }

  opened() {
    const theme = this.theme();
    for (const one of this.themes) one.setAttribute("aria-checked", String(one.dataset.theme === theme));
  }

  // Streamlit keeps the choice for each path apart.
  theme() {
    try {
      return JSON.parse(remembered(`stActiveTheme-${this.pages[0]}-v2`)) ?? "System";
    } catch {
      return "System";
    }
  }

  async choose(theme) {
    for (const path of this.pages) remember(`stActiveTheme-${path}-v2`, JSON.stringify(theme));
    this.opened();
    const own = () => document.querySelector(`[data-testid="stMainMenuItem-theme-${theme}"]`);
    const main = document.querySelector("[data-testid=stMainMenuButton], [data-testid=stMainMenu] button");
    main?.click();
    for (let tries = 0; tries < 20 && !own(); tries++) await new Promise((done) => setTimeout(done, 25));
    const item = own();
    if (!item) {
      location.reload(); // another Streamlit: it reads the choice when it starts
      return;
    }
    item.click();
    if (own()) main.click();
    this.button.focus();
  }

  project(on, chosen) {
    this.switch.checked = on;
    document.documentElement.classList.toggle(PROJECTOR, on);
    clearInterval(this.watch);
    if (on) this.watch = setInterval(() => this.enlarge(SCALE), 1000);
    this.enlarge(on ? SCALE : 1);
    if (!chosen) return;
    remember(PROJECTOR, on ? "1" : "0");
    address.set({ projector: on ? "1" : null });
  }

  enlarge(scale) {
    const inside = document.querySelector("iframe[src*='/gradio/']")?.contentDocument?.documentElement;
    if (inside && inside.style.zoom !== String(scale)) inside.style.zoom = String(scale);
  }

  close() {
    clearInterval(this.watch);
  }
}
