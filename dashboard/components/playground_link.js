// The way to the visitor's process: one request at a time over a web socket, one frame back for each.

const KEEPS = 20000; // ms between signs of life; without any the process ends by itself
const LEAVES = 300000; // ms that a page may be hidden before it gives its place back

class Link {
  // heard(frame): of each frame; ended(words): no game is played any more, and why.
  constructor(path, heard, ended) {
    Object.assign(this, { heard, ended });
    this.waiting = []; // requests that are not sent yet
    this.asked = false; // whether an answer is awaited
    const url = new URL(path, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    this.socket = new WebSocket(url);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.next();
    this.socket.onmessage = ({ data }) => this.answered(data);
    this.socket.onclose = ({ code, reason }) => this.close(reason || this.reason(code));
    this.life = setInterval(() => this.idle && this.ask({}), KEEPS);
  }

  reason(code) {
    return code === 1008 || !this.opened
      ? "The playground did not start: the server refused the connection, or it is not there."
      : "The connection to the server was lost.";
  }

  get idle() {
    return this.opened && !this.asked && !this.waiting.length;
  }

  ask(request) {
    this.waiting.push(request);
    this.next();
  }

  next() {
    if (this.asked || !this.waiting.length || this.socket.readyState !== WebSocket.OPEN) return;
    this.opened = this.asked = true;
    this.socket.send(JSON.stringify(this.waiting.shift()));
  }

  answered(data) {
    this.asked = false;
    const frame = unpackedFrame(data);
    this.next();
    this.heard(frame);
  }

  close(words = "") {
    if (this.closed) return;
    this.closed = true;
    clearInterval(this.life);
    this.socket.onclose = this.socket.onmessage = null;
    this.socket.close();
    if (words) this.ended(words);
  }
}

// A frame of gan_core/playground/view.py: its facts, with its arrays by name. Coordinates are in units of 1 / 4096.
function unpackedFrame(buffer) {
  const size = new DataView(buffer).getUint32(0, true);
  const { arrays, ...frame } = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, size)));
  let at = 4 + size;
  for (const [name, width, count] of arrays) {
    frame[name] = width === 1 ? new Uint8Array(buffer, at, count) : new Int16Array(buffer, at, count);
    at += Math.ceil((width * count) / 4) * 4;
  }
  return frame;
}
