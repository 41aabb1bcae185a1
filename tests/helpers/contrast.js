// The texts in sight whose contrast with what lies behind them is below `least` (WCAG 2.2, 1.4.3), in a document and the
// shadow roots of its components. Large text (24 px, or 18.66 px and bold) and signs without letters need 3. Texts on
// pictures and gradients, of controls that are switched off, and those that nobody sees are left out.
(least) => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const known = new Map();

  // [r, g, b, a] with a from 0 to 1, of any colour that CSS computes.
  function rgba(colour) {
    if (!known.has(colour)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      known.set(colour, [r, g, b, a / 255]);
    }
    return known.get(colour);
  }
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
  function luminance([r, g, b]) {
    const [x, y, z] = [r, g, b].map((part) => {
      const share = part / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  }
  const parent = (node) => node.assignedSlot ?? node.parentElement ?? node.getRootNode().host ?? null;
  const chain = (node) => {
    const found = [];
    for (let one = node; one; one = parent(one)) found.push(one);
    return found;
  };

  // What an element's text and its background look like, with the opacity of every ancestor; null on a picture.
  function seen(element, box) {
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    // What lies beside its parent, such as the number above a slider's thumb, is not painted on it.
    const under = (one) => {
      const own = one.getBoundingClientRect();
      return one === document.documentElement || (own.left <= x && x <= own.right && own.top <= y && y <= own.bottom);
    };
    const above = chain(element).map((one) => [one, getComputedStyle(one)]);
    if (above.some(([, style]) => /url|gradient/.test(style.backgroundImage))) return null;
    let ground = matchMedia("(prefers-color-scheme: dark)").matches ? [0, 0, 0, 1] : [255, 255, 255, 1];
    let text = null;
    // From the root to the element: each layer is painted over what is there, as far as its group is opaque.
    const grounds = [ground];
    for (const [one, style] of above.reverse()) {
      if (under(one)) ground = over(rgba(style.backgroundColor), ground);
      grounds.push(ground);
      if (one === element) {
        const svg = element instanceof SVGElement;
        const colour = rgba(svg ? style.fill : style.color);
        text = over(svg ? [...colour.slice(0, 3), colour[3] * Number(style.fillOpacity)] : colour, ground);
      }
    }
    // A group with opacity below 1 lets what lies behind it show through its text and its ground alike.
    let behind = grounds.length - 1;
    const groups = above.map(([, style]) => Number(style.opacity));
    for (let at = groups.length - 1; at >= 0; at--) {
      if (groups[at] >= 1) continue;
      behind = grounds[at];
      const mix = (colour) => over([...colour.slice(0, 3), groups[at]], behind);
      [text, ground] = [mix(text), mix(ground)];
    }
    return [text, ground];
  }

  function shown(element, box) {
    if (!box.width || !box.height) return false;
    const style = getComputedStyle(element);
    if (style.visibility !== "visible" || rgba(style.color)[3] === 0 || (style.clipPath !== "none" && style.position === "absolute")) return false;
    return !chain(element).some((one) => {
      const own = getComputedStyle(one);
      const off = one.disabled || one.getAttribute?.("aria-disabled") === "true" || one.dataset?.stale === "true";
      return off || own.opacity === "0" || own.display === "none";
    });
  }

  const texts = [];
  function walk(root) {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.shadowRoot) walk(node.shadowRoot);
      if (node.nodeType === Node.TEXT_NODE && node.data.trim() && node.parentElement) texts.push(node);
    }
  }
  walk(document.body);
  const failing = [];
  let count = 0;
  for (const node of texts) {
    const element = node.parentElement;
    if (/^(script|style|option|noscript|title|desc)$/i.test(element.tagName)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    if (box.right < 0 || box.bottom < 0 || !shown(element, box)) continue;
    const found = seen(element, box);
    if (!found) continue;
    count++;
    const style = getComputedStyle(element);
    const size = Number.parseFloat(style.fontSize);
    const sign = !/[\p{L}\p{N}]/u.test(node.data);
    const large = sign || size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const [light, dark] = found.map(luminance).sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    if (ratio >= (large ? Math.min(3, least) : least) - 0.005) continue;
    const classes = String(element.getAttribute("class") ?? "").split(" ")[0];
    const hook = chain(element).map((one) => one.dataset?.testid ?? "").find(Boolean) ?? "";
    failing.push(`${ratio.toFixed(2)} '${node.data.trim().slice(0, 40)}' ${element.tagName}.${classes} in ${hook}`);
  }
  return { count, failing: [...new Set(failing)] };
};
