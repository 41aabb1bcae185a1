// The epoch and the address that the elements of a page share, without the server.
//
// Only the scrubber sets the epoch. It stores it in window.ganrayEpoch and sends an event on window:
//
//     ganray:epoch  {epoch, final, from}   epoch: an integer, or a step where all runs count steps; where runs of both
//                                          kinds stand side by side it may have decimals, see library/units.py;
//                                          final: false while dragging or playing; from: "stage", "curves" or "link"
//
// Another element requests an epoch with an event. The number need not be an integer, and `from` is optional:
//
//     ganray:seek   {epoch, from}
//
// An element with data-epoch-link="12" requests its epoch on a click, on Enter and on the space bar.
// An element that is drawn later starts at window.ganrayEpoch. When the scrubber rests, the page's address holds the
// epoch. It also holds the reader's other settings, so that the address opens the same view elsewhere.

const address = {
  get(name) {
    return new URLSearchParams(location.search).get(name);
  },
  // null removes a name.
  set(values) {
    const url = new URL(location.href);
    for (const [name, value] of Object.entries(values)) {
      if (value === null) url.searchParams.delete(name);
      else url.searchParams.set(name, String(value));
    }
    if (url.href !== location.href) history.replaceState(history.state, "", url);
  },
};

const within = (low, value, high) => Math.min(Math.max(value, low), high);

// The closest entry of an ascending list, the earlier of two equally close ones; undefined for an empty list.
function nearest(list, wanted) {
  const farther = (best, at) => best === undefined || Math.abs(at - wanted) < Math.abs(best - wanted);
  return list.reduce((best, at) => (farther(best, at) ? at : best), undefined);
}

// A place on the page's axis as text: with decimals only where runs of both kinds stand side by side.
const placed = (value) => String(Number(value.toFixed(2)));

// Sets the value of a range input, and the share of its track that is filled.
function slide(range, value) {
  range.value = String(value);
  range.style.setProperty("--done", (value - range.min) / (range.max - range.min || 1));
}

function seek(epoch, from) {
  window.dispatchEvent(new CustomEvent("ganray:seek", { detail: { epoch, from } }));
}

// Makes one instance per element and updates it with all new data. Streamlit also calls the cleanup of a run that a
// newer run has replaced, so only the cleanup of the newest run may close the instance.
function mounted(make) {
  const instances = new WeakMap();
  return ({ data, parentElement }) => {
    let kept = instances.get(parentElement);
    if (!kept) {
      kept = { instance: make(parentElement), runs: 0 };
      instances.set(parentElement, kept);
    }
    const run = ++kept.runs;
    kept.instance.update(data);
    return () => {
      if (run !== kept.runs) return;
      kept.instance.close();
      instances.delete(parentElement);
    };
  };
}
