// Downloads of a chart: its numbers as CSV, its picture as PNG.

function download(name, content, kind) {
  const link = made("a");
  link.href = URL.createObjectURL(new Blob([content], { type: kind }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const fileName = (title, end) => `${title.toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^_|_$/g, "")}.${end}`;

// A CSV cell, quoted so that a spreadsheet never reads it as a formula.
function cell(value) {
  const text = typeof value === "number" ? String(Number(value.toPrecision(7))) : value;
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

// Every drawn point, one per line.
function toCsv(chart, curves, lanes, view) {
  const lines = [["run", "curve", view.along, chart.title]];
  for (const curve of curves) {
    const { label } = lanes[curve.lane];
    const add = (run, kind, xs, ys) => ys.forEach((y, i) => lines.push([run, kind, xs[i], y]));
    curve.raw.forEach(([xs, ys], index) => add(curve.runs[index], "logged", xs, ys));
    if (curve.low) {
      add(label, "mean", curve.x, curve.y);
      add(label, "lowest", curve.x, curve.low);
      add(label, "highest", curve.x, curve.high);
    } else {
      add(label, curve.raw.length ? "smoothed" : "logged", curve.x, curve.y);
    }
  }
  return lines.map((line) => `${line.map(cell).join(",")}\r\n`).join("");
}

// The chart with its title and legend on the page's background, at twice the screen's resolution.
function toPng(chart, panels, plots) {
  const colours = look(plots.root);
  const columns = Math.min(panels.length, 3);
  const wide = columns > 1 ? 420 : 900;
  const tall = columns > 1 ? 250 : 440;
  const width = columns * wide;
  const shown = plots.lanes.filter((_, index) => panels.some((one) => one.curves.some(({ lane }) => lane === index)));
  const canvas = made("canvas");
  let pen = canvas.getContext("2d");
  pen.font = `13px ${colours.font}`;
  const places = [];
  let [x, y] = [16, 52];
  for (const { label, colour, dash, shape } of shown) {
    const size = 36 + pen.measureText(label).width + 18;
    if (x + size > width && x > 16) [x, y] = [16, y + 20];
    places.push([x, y, label, colour, dash, shape]);
    x += size;
  }
  const top = y + 18;
  const [pixelsX, pixelsY] = [width, top + Math.ceil(panels.length / columns) * (tall + (columns > 1 ? 20 : 0)) + 8];
  [canvas.width, canvas.height] = [2 * pixelsX, 2 * pixelsY];
  pen = canvas.getContext("2d");
  pen.scale(2, 2);
  pen.fillStyle = colours.ground;
  pen.fillRect(0, 0, pixelsX, pixelsY);
  pen.fillStyle = colours.text;
  pen.font = `600 17px ${colours.font}`;
  pen.fillText(chart.title, 16, 28);
  pen.font = `13px ${colours.font}`;
  for (const [left, at, label, colour, dash, shape] of places) {
    pen.strokeStyle = colour;
    pen.lineWidth = 2.5;
    pen.setLineDash(DASHES[dash] ?? []);
    segment(pen, left, at - 4, left + 28, at - 4);
    pen.fillStyle = colour;
    if (shape) fillShape(pen, left + 14, at - 4, shape, 4);
    pen.fillStyle = colours.text;
    pen.fillText(label, left + 36, at);
  }
  panels.forEach((panel, index) => {
    pen.save();
    pen.setLineDash([]);
    const row = Math.floor(index / columns);
    pen.translate((index % columns) * wide, top + row * (tall + (columns > 1 ? 20 : 0)));
    if (columns > 1) {
      pen.fillText(panel.name.textContent, EDGES.left, 12);
      pen.translate(0, 16);
    }
    const to = scales(boxOf(wide, tall), panel.spanX, panel.spanY, plots.view, chart.percent);
    paintAxes(pen, to, plots.view, colours);
    paintCurves(pen, to, panel.curves, plots.lanes);
    pen.restore();
  });
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
