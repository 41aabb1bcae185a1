// The drawing of two networks on Home: tabs choose the family. Arrow keys move between the tabs.

export default function ({ parentElement, data }) {
  const tabs = parentElement.querySelector(".tabs");
  const panel = parentElement.querySelector(".panel");
  const chosen = () => Math.max(0, [...tabs.children].findIndex((tab) => tab.getAttribute("aria-selected") === "true"));
  const begin = chosen();

  function choose(index, focus) {
    [...tabs.children].forEach((tab, number) => {
      tab.setAttribute("aria-selected", String(number === index));
      tab.tabIndex = number === index ? 0 : -1;
    });
    const family = data[index];
    panel.style.setProperty("--own", family.color);
    panel.setAttribute("aria-label", family.title);
    // The server drew it of what our own families declare, with every text escaped.
    panel.innerHTML = `<div class="drawing">${family.drawing}</div><div class="words">${family.words}</div>`;
    if (focus) tabs.children[index].focus();
  }

  function made(family, index) {
    const tab = document.createElement("button");
    tab.type = "button";
    tab.role = "tab";
    tab.style.setProperty("--own", family.color);
    const [dot, name, sign] = ["i", "span", "small"].map((kind) => document.createElement(kind));
    [name.textContent, sign.textContent] = [family.title, family.sign];
    tab.append(dot, name, sign);
    tab.onclick = () => choose(index, false);
    tab.onkeydown = (event) => {
      const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!way) return;
      event.preventDefault();
      event.stopPropagation();
      choose((index + way + data.length) % data.length, true);
    };
    return tab;
  }

  tabs.replaceChildren(...data.map(made));
  if (data.length) choose(Math.min(begin, data.length - 1), false);
}
