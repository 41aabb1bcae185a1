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

// A picture that is pasted goes where a dropped one goes: into the file field of the tab that is open.
document.addEventListener("paste", (event) => {
  const files = event.clipboardData ? event.clipboardData.files : [];
  const fields = document.querySelectorAll(".ganray-upload input[type=file]");
  const field = [...fields].find((one) => one.closest(".ganray-upload").offsetParent !== null);
  if (!files.length || !field) return;
  const held = new DataTransfer();
  for (const file of files) held.items.add(file);
  field.files = held.files;
  field.dispatchEvent(new Event("change", { bubbles: true }));
});
