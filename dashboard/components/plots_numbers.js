// Numbers of charts: decoding, look-up, ticks of the axes, formatting.

// Decodes float32, little endian, in base64. Texts that are sent again unchanged are decoded once.
const unpackedBefore = new Map();
function unpacked(text) {
  let found = unpackedBefore.get(text);
  if (!found) {
    const bytes = atob(text);
    const room = new Uint8Array(bytes.length);
    for (let i = 0; i < bytes.length; i++) room[i] = bytes.charCodeAt(i);
    found = new Float32Array(room.buffer);
    if (unpackedBefore.size > 600) unpackedBefore.clear();
    unpackedBefore.set(text, found);
  }
  return found;
}

// The index of the last entry of an ascending list that is not above a value; -1 if all are.
function below(list, value) {
  let low = -1;
  let high = list.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (list[middle] <= value) low = middle;
    else high = middle;
  }
  return low;
}

// The index of the closest entry of an ascending list.
function closest(list, value) {
  const at = below(list, value);
  if (at < 0) return 0;
  return at + 1 < list.length && list[at + 1] - value < value - list[at] ? at + 1 : at;
}

// Interpolates ys linearly at x, for ascending xs; beyond the ends, the first or last y.
function interpolated(xs, ys, x) {
  const at = below(xs, x);
  if (at < 0) return ys[0];
  if (at + 1 >= xs.length) return ys[ys.length - 1];
  const share = (x - xs[at]) / (xs[at + 1] - xs[at] || 1);
  return ys[at] + share * (ys[at + 1] - ys[at]);
}

// The quantile of a sorted list.
const quantile = (sorted, share) => sorted[Math.round(share * (sorted.length - 1))];

// About `count` round numbers from low to high.
function ticks([low, high], count) {
  const wide = (high - low) / count;
  if (!(wide > 0) || !Number.isFinite(wide)) return [];
  const size = 10 ** Math.floor(Math.log10(wide));
  const step = size * [1, 2, 2.5, 5, 10].find((factor) => factor * size >= wide * 0.999);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-6); i * step <= high + step * 1e-6; i++) found.push(i * step);
  return found;
}

// Powers of ten from low to high (both positive), with their 2 and 5 fold in a short range; plain ticks if too few.
function logTicks([low, high], count) {
  const found = [];
  const begin = Math.floor(Math.log10(low));
  const end = Math.ceil(Math.log10(high));
  const every = Math.ceil((end - begin) / count);
  const factors = end - begin > 3 ? [1] : [1, 2, 5];
  for (let power = begin; power <= end; power += every) {
    for (const factor of factors) {
      const value = factor * 10 ** power;
      if (value >= low * 0.999 && value <= high * 1.001) found.push(value);
    }
  }
  return found.length > 2 ? found : ticks([low, high], count);
}

const minus = (text) => text.replace("-", "−");

// A number with three significant digits: 1.05e-4, 0.0123, 4.56, 1234, 45.6k, 1.2M.
function written(value, percent) {
  if (!Number.isFinite(value)) return "–";
  if (percent) return `${minus((value * 100).toFixed(0))} %`;
  const size = Math.abs(value);
  if (size >= 1e15) return minus(value.toExponential(1));
  for (const [unit, word] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e4, "k"]]) {
    if (size >= unit) return minus(`${Number((value / (unit === 1e4 ? 1e3 : unit)).toPrecision(3))}${word}`);
  }
  if (size && size < 1e-3) return minus(Number(value.toPrecision(3)).toExponential());
  return minus(String(size >= 1000 ? Math.round(value) : Number(value.toPrecision(3))));
}

// [seconds per unit, unit] for the longest time.
function timeUnit(seconds) {
  if (seconds >= 7200) return [3600, "h"];
  return seconds >= 180 ? [60, "min"] : [1, "s"];
}
