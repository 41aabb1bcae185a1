// How the parts of a page move together, in the browser alone.
//
// The scrubber is the only one that decides which epoch it is. It puts it into window.ganrayEpoch and tells it:
//
//     ganray:epoch  {epoch, final, from}   epoch: a whole number; final: false while dragging or playing;
//                                          from: "stage", "curves" or "link"
//
// Who wants another epoch asks for it, with a number that need not be whole, and may say who asks:
//
//     ganray:seek   {epoch, from}
//
// An element with data-epoch-link="12" asks when it is clicked, or when Enter or the space bar is pressed on it.
// Who is drawn later begins with window.ganrayEpoch. At rest the epoch stands in the page's address; so do the other
// things a reader has set here: what is opened elsewhere shows the same.

const address = {
  get(name) {
    return new URLSearchParams(location.search).get(name);
  },
  // null takes a name away.
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

// The entry of an ascending list that is closest, the earlier of two; undefined of an empty one.
function nearest(list, wanted) {
  const farther = (best, at) => best === undefined || Math.abs(at - wanted) < Math.abs(best - wanted);
  return list.reduce((best, at) => (farther(best, at) ? at : best), undefined);
}

// The number of a range, and how much of its track is drawn as done.
function slide(range, value) {
  range.value = String(value);
  range.style.setProperty("--done", (value - range.min) / (range.max - range.min || 1));
}

function seek(epoch, from) {
  window.dispatchEvent(new CustomEvent("ganray:seek", { detail: { epoch, from } }));
}

// An instance for each element, told of every new data. Streamlit runs the cleanup of a run that another has overtaken:
// only that of the last run may end the instance.
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
