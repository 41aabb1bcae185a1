// A control for each setting. Sliders of rates and weights move along lists of values, not along numbers.

class Controls {
  // changed(values): what the visitor has set.
  constructor(root, { choices, sliders }, changed) {
    this.fields = new Map();
    const choice = ({ name, title, help, options }) => {
      const field = document.createElement("select");
      for (const [value, words] of options) field.append(new Option(words, value));
      field.addEventListener("change", () => changed({ [name]: field.value }));
      return this.add(name, title, help, field, (value) => (field.value = value));
    };
    const slider = ({ name, title, help, values }) => {
      const field = Object.assign(document.createElement("input"), { type: "range", min: 0, max: values.length - 1, step: 1 });
      const says = document.createElement("b"); // no output: the label would name it in place of the slider
      says.setAttribute("aria-hidden", "true");
      const show = (value) => {
        const nearest = values.reduce((best, one, at) => (Math.abs(one - value) < Math.abs(values[best] - value) ? at : best), 0);
        field.value = String(nearest);
        says.textContent = String(value);
        field.setAttribute("aria-valuetext", String(value));
      };
      field.addEventListener("input", () => show(values[field.value]));
      field.addEventListener("change", () => changed({ [name]: values[field.value] }));
      return this.add(name, title, help, field, show, says);
    };
    root.replaceChildren(...choices.map(choice), ...sliders.map(slider));
  }

  add(name, title, help, field, show, says = "") {
    field.name = name;
    const label = document.createElement("label");
    label.title = help;
    const words = document.createElement("span");
    words.textContent = title;
    label.append(words, says, field);
    this.fields.set(name, { show, label });
    return label;
  }

  show(settings) {
    for (const [name, { show }] of this.fields) show(settings[name]);
    this.fields.get("penalty").label.hidden = settings.objective !== "wasserstein";
  }
}
