// The address holds the whole view: this copies it.

async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return true;
  }
  // Browsers keep the clipboard from pages that come over plain HTTP; a selection may still be copied there.
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

export default function ({ parentElement }) {
  const button = parentElement.querySelector("button");
  const status = parentElement.querySelector("[role=status]");
  let timer = 0;
  button.onclick = async () => {
    let done = false;
    try {
      done = await copy(window.location.href);
    } catch {
      done = false; // the reader said no
    }
    button.focus();
    status.textContent = done ? "Copied" : "Not copied: copy the address of this page instead";
    clearTimeout(timer);
    timer = setTimeout(() => (status.textContent = ""), 4000);
  };
  return () => clearTimeout(timer);
}
