// The button that copies the page's address, which holds the whole view. Streamlit leaves the default runs out of it, but
// the reader of the link may have other defaults, so the copy always names the runs.

function named(runs) {
  const address = new URL(window.location.href);
  if (!address.searchParams.has("runs")) for (const run of runs) address.searchParams.append("runs", run);
  return address.href;
}

async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return true;
  }
  // Over plain HTTP browsers block the clipboard API, but they may still copy a selection.
  const field = document.createElement("textarea");
  field.value = text;
  field.style.position = "fixed";
  field.style.opacity = "0";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
}

export default function ({ parentElement, data }) {
  const button = parentElement.querySelector("button");
  const status = parentElement.querySelector("[role=status]");
  let timer = 0;
  button.onclick = async () => {
    let done = false;
    try {
      done = await copy(named(data || []));
    } catch {
      done = false; // the reader refused
    }
    button.focus();
    status.textContent = done ? "Copied" : "Not copied: copy this page's address instead";
    clearTimeout(timer);
    timer = setTimeout(() => (status.textContent = ""), 4000);
  };
  return () => clearTimeout(timer);
}
