// The frames: each is fetched once, those near the epoch first. Decoded frames are cached up to a limit.

const blobs = new Map(); // address -> Blob; null: there is no such image
const bitmaps = new Map(); // address -> ImageBitmap, the most recently used ones last
const MOST_PIXELS = 40e6; // pixels of all decoded frames, four bytes each
const AT_ONCE = 6; // parallel requests
const TRIES = 4;
let pixels = 0;

class Frames {
  // arrived: called when a requested frame is ready.
  constructor(arrived) {
    this.arrived = arrived;
    this.queue = [];
    this.pending = new Set(); // being fetched or decoded
    this.tries = new Map();
    this.failed = new Set(); // could not be loaded, until the next plan
    this.ended = false;
  }

  // addresses: all frames of the page, the most urgent first.
  plan(addresses) {
    for (const address of this.failed) this.tries.delete(address);
    this.failed.clear();
    this.queue = addresses.filter((address) => !blobs.has(address) && !this.pending.has(address));
    this.pump();
  }

  // Returns the frame; null if there is none or it could not be loaded, undefined while it is loading.
  get(address) {
    const bitmap = bitmaps.get(address);
    if (bitmap) {
      bitmaps.delete(address);
      bitmaps.set(address, bitmap);
      return bitmap;
    }
    if (this.failed.has(address) || blobs.get(address) === null) return null;
    if (this.pending.has(address)) return undefined;
    if (blobs.has(address)) this.decode(address);
    else {
      this.queue = [address, ...this.queue.filter((other) => other !== address)];
      this.pump();
    }
    return undefined;
  }

  // The number of frames that are still loading.
  get left() {
    return this.queue.length + this.pending.size;
  }

  pump() {
    while (!this.ended && this.queue.length && this.pending.size < AT_ONCE) this.fetch(this.queue.shift());
  }

  async fetch(address) {
    this.pending.add(address);
    try {
      const answer = await fetch(address);
      if (!answer.ok && answer.status !== 404) throw new Error(answer.statusText);
      blobs.set(address, answer.ok ? await answer.blob() : null);
    } catch {
      this.again(address);
      return;
    }
    this.pending.delete(address);
    this.pump();
    if (blobs.get(address) && pixels < 0.8 * MOST_PIXELS) await this.decode(address);
    else this.arrived(address);
  }

  // Retries later, because the server may be restarting; gives up after TRIES attempts.
  again(address) {
    const tries = (this.tries.get(address) ?? 0) + 1;
    this.tries.set(address, tries);
    setTimeout(() => {
      this.pending.delete(address);
      if (this.ended) return;
      if (tries < TRIES) this.queue.push(address);
      else {
        this.failed.add(address);
        this.arrived(address);
      }
      this.pump();
    }, 500 * 2 ** tries);
  }

  async decode(address) {
    this.pending.add(address);
    try {
      // Colour management would change the pixel values.
      const how = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
      const bitmap = await createImageBitmap(blobs.get(address), how);
      bitmaps.set(address, bitmap);
      pixels += bitmap.width * bitmap.height;
      this.forget(address);
    } catch {
      this.failed.add(address);
    }
    this.pending.delete(address);
    if (!this.ended) {
      this.pump();
      this.arrived(address);
    }
  }

  // Drops the least recently used frames.
  forget(kept) {
    for (const [address, bitmap] of bitmaps) {
      if (pixels <= MOST_PIXELS) return;
      if (address === kept) continue;
      pixels -= bitmap.width * bitmap.height;
      bitmap.close();
      bitmaps.delete(address);
    }
  }

  close() {
    this.ended = true;
    this.queue = [];
  }
}
