// What stands around every page: the Help menu, the tour, and links that stay in the app.

class Frame {
  constructor(root) {
    this.tour = new Tour(root);
    this.menu = new Menu(root, () => this.tour.start());
    this.ends = new AbortController();
    const until = { signal: this.ends.signal };
    document.addEventListener("click", (event) => this.clicked(event), until);
    window.addEventListener("popstate", () => this.marked(), until);
  }

  clicked(event) {
    if (event.composedPath().some((node) => node instanceof Element && node.matches("[data-tour]"))) {
      event.preventDefault();
      this.tour.start();
    } else followed(event);
  }

  update(data) {
    this.menu.update(data);
    this.tour.update(data);
    this.marked();
  }

  // The term of the glossary that the address names.
  async marked() {
    const term = address.get("term");
    if (!term || this.term === location.href) return;
    this.term = location.href;
    const found = await awaited(() => document.querySelector(`[data-term="${CSS.escape(term)}"].asked`), 5, () => true);
    found?.scrollIntoView({ block: "center" });
  }

  close() {
    this.ends.abort();
    this.menu.close();
    this.tour.close();
  }
}

export default mounted((root) => new Frame(root));
