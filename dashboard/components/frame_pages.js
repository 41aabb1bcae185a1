// Opening another page of the app without loading it anew, as the browser's own back button does.

const PATIENCE = 4000; // ms until the page is loaded the usual way instead

function go(href) {
  const place = new URL(href, location.href);
  if (place.href === location.href) return;
  const samePath = place.pathname === location.pathname;
  history.pushState(null, "", place.href);
  window.dispatchEvent(new PopStateEvent("popstate", { state: null }));
  if (samePath) return;
  // Streamlit marks the page's link once it draws the page; a bar that is folded away has no links to ask.
  const links = () => [...document.querySelectorAll("[data-testid=stTopNavLink]")];
  setTimeout(() => {
    const own = links().find((link) => new URL(link.href).pathname === place.pathname);
    const drawn = !own || own.getAttribute("aria-current") === "page";
    if (!drawn && location.pathname === place.pathname) location.assign(place.href);
  }, PATIENCE);
}

// A plain click on a link with data-in-app; with a key, or to another window, the browser opens it.
function followed(event) {
  if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const link = event.composedPath().find((node) => node instanceof Element && node.matches("a[data-in-app]"));
  if (!link || (link.target && link.target !== "_self")) return;
  event.preventDefault();
  go(link.href);
}

// The elements that a selector names, in the document or, behind `>>>`, in the shadow roots of components below it.
function deep(selector, root = document) {
  const [first, ...rest] = selector.split(">>>").map((part) => part.trim());
  const found = [...root.querySelectorAll(first)];
  if (!rest.length) return found;
  return found.flatMap((one) =>
    [one, ...one.querySelectorAll("*")].flatMap((each) =>
      each.shadowRoot ? deep(rest.join(">>>"), each.shadowRoot) : [],
    ),
  );
}

// The first element in sight among alternatives that `|` separates; `most`: how many of them count.
function inSight(selectors, most = Infinity) {
  for (const selector of selectors.split("|").slice(0, most)) {
    const found = deep(selector).find((one) => one.getClientRects().length);
    if (found) return found;
  }
  return undefined;
}

function remembered(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null; // the browser keeps nothing for this site
  }
}

function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // then it is asked again next time
  }
}
