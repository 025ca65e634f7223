// Engine.IO over WebTransport: packets as frames on one stream, and, with `datagrams`, events that may be lost beside it.
//
//   0x80 if binary | length: up to 125 as it is, 126: two bytes of it follow, 127: eight        then the payload
//
// Loaded when a page first names this transport. A datagram is one event, whole: its text, then its attachments, in
// the same frames; whoever listens sees no difference. Promises: frames leave in order; a datagram that is no event is
// dropped. Leaves out: a Worker, in which datagrams would arrive while the page is busy.
import { failure } from "./failure.js";
import { Decoder, EVENT } from "./packet.js";
import { fromBase64 } from "./polling.js";

/** Bytes of a datagram, frames included, that every browser and path takes. */
const DATAGRAM_BYTES_MAX = 1000;
/** Datagrams that wait for the browser to send them; a newer one is dropped. */
const DATAGRAMS_WAITING_MAX = 32;
/** Above this many bytes that the server has not taken, volatile messages are skipped: about a second of a slow uplink. */
const CONGESTED_BYTES = 16 * 1024;
/** How long a handshake may take, ms: networks that let no UDP through say nothing, and another transport waits. */
const READY_MS = 5000;
/** A longer frame is none: no server sends it, and no page could hold it. */
const FRAME_BYTES_MAX = 2 ** 30;

/** `packets`, text or bytes, as frames. */
function framed(packets) {
  const parts = packets.map((packet) => {
    if (typeof packet === "string") return [0, new TextEncoder().encode(packet)];
    const bytes = packet.buffer ? new Uint8Array(packet.buffer, packet.byteOffset, packet.byteLength) : new Uint8Array(packet);
    // Servers refuse a frame of no bytes; `b` is no bytes in base64.
    return bytes.length ? [0x80, bytes] : [0, new TextEncoder().encode("b")];
  });
  const out = new Uint8Array(parts.reduce((sum, [, { length }]) => sum + length + (length < 126 ? 1 : length < 65536 ? 3 : 9), 0));
  const view = new DataView(out.buffer);
  let at = 0;
  for (const [kind, bytes] of parts) {
    const { length } = bytes;
    out[at++] = kind | (length < 126 ? length : length < 65536 ? 126 : 127);
    if (length > 65535) view.setBigUint64((at += 8) - 8, BigInt(length));
    else if (length > 125) view.setUint16((at += 2) - 2, length);
    out.set(bytes, at);
    at += length;
  }
  return out;
}

/** Puts frames together again from whatever pieces they arrive in. */
class Frames {
  #pieces = [];
  #size = 0;
  #need = 1;

  /** Gives each packet that `piece` completes to `each`: text, or an ArrayBuffer. Throws on what is no frame. */
  add(piece, each) {
    this.#pieces.push(piece);
    this.#size += piece.length;
    // A long frame is not put together before it is there.
    if (this.#size < this.#need) return;
    let bytes = this.#pieces.length === 1 ? piece : new Uint8Array(this.#size);
    if (bytes !== piece) {
      let at = 0;
      for (const each of this.#pieces) bytes.set(each, (at += each.length) - each.length);
    }
    for (;;) {
      const short = bytes[0] & 127;
      const header = short === 127 ? 9 : short === 126 ? 3 : 1;
      this.#need = header;
      if (bytes.length < header) break;
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      const length = header === 9 ? Number(view.getBigUint64(1)) : header === 3 ? view.getUint16(1) : short;
      if (length > FRAME_BYTES_MAX) throw new Error(`a frame of ${length} bytes`);
      this.#need += length;
      if (bytes.length < this.#need) break;
      const payload = bytes.slice(header, this.#need);
      const text = bytes[0] < 128 && new TextDecoder().decode(payload);
      each(text === false ? payload.buffer : text[0] === "b" ? fromBase64(text.slice(1)) : text);
      bytes = bytes.subarray(this.#need);
    }
    this.#pieces = bytes.length ? [bytes] : [];
    this.#size = bytes.length;
  }

  get whole() {
    return !this.#size;
  }
}

export class WebTransportTransport {
  name = "webtransport";
  /** Bytes that the server has not taken. */
  buffered = 0;
  #session;
  #stream;
  #datagrams;
  #waiting = 0;
  #written = Promise.resolve();
  #ended = false;

  constructor(link) {
    this.link = link;
  }

  async open() {
    const { link } = this;
    const { opts } = link;
    const url = new URL(link.base);
    url.protocol = "https:";
    const query = { ...opts.query, ...(opts.datagrams && { datagrams: 1 }) };
    for (const key in query) url.searchParams.set(key, query[key]);
    let opened = false;
    let error;
    try {
      const hashes = opts.serverCertificateHashes?.map((hash) => (typeof hash === "string" ? { algorithm: "sha-256", value: fromBase64(hash) } : hash));
      const session = (this.#session = new (opts.WebTransport ?? WebTransport)(url, hashes && { serverCertificateHashes: hashes }));
      // Its end is learnt from the stream; a promise that nobody looks at would be an error of the page.
      session.closed.catch(() => {});
      const late = setTimeout(() => session.close(), READY_MS);
      await session.ready;
      clearTimeout(late);
      const { readable, writable } = await session.createBidirectionalStream();
      this.#stream = writable.getWriter();
      const sid = link.sid();
      this.send([`0${sid ? JSON.stringify({ sid }) : ""}`]);
      opened = true;
      if (opts.datagrams) this.#hear(session.datagrams);
      link.opened();
      await this.#read(readable.getReader());
    } catch (thrown) {
      if (!opened) error = failure("webtransport", `WebTransport to ${url.host} failed: ${thrown.message}`, thrown);
      else if (thrown.reason) error = thrown;
    }
    if (this.#ended) return;
    this.#ended = true;
    this.#session?.close();
    // Without a word of the server's, it is as good as closed.
    const said = opened && (await this.#session.closed.catch(() => {}))?.reason;
    if (said) error ??= failure("webtransport", `the server closed the session: ${said}`);
    link.fail(error);
  }

  async #read(reader) {
    const frames = new Frames();
    for (;;) {
      const { value, done } = await reader.read();
      if (done || this.#ended) return;
      this.link.count(value.length);
      try {
        frames.add(value, (packet) => this.#ended || this.link.packet(packet));
      } catch (error) {
        throw failure("parse", `the server sent what is no frame: ${error.message}`, error);
      }
    }
  }

  /** Its failure is that of the session, which the stream tells of. */
  async #hear(datagrams) {
    try {
      const { readable } = datagrams;
      this.#datagrams = (datagrams.writable ?? datagrams.createWritable()).getWriter();
      const reader = readable.getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done || this.#ended) return;
        this.link.count(value.length);
        const event = this.#event(value);
        if (event) this.link.event(event);
      }
    } catch {}
  }

  #event(datagram) {
    const [frames, decoder] = [new Frames(), new Decoder(this.link.opts.maxAttachments)];
    let event;
    try {
      frames.add(datagram, (packet) => (event = decoder.add(typeof packet === "string" ? packet.slice(1) : packet)));
    } catch {
      return;
    }
    return frames.whole && event?.type === EVENT && event;
  }

  /** Whether events may travel as datagrams. */
  get datagrams() {
    return !!this.#datagrams;
  }

  get idle() {
    return !this.buffered;
  }

  get writable() {
    return !this.#ended && !!this.#stream;
  }

  get congested() {
    return !this.writable || this.buffered > CONGESTED_BYTES;
  }

  send(packets) {
    const count = packets.length;
    const size = packets.reduce((sum, packet) => sum + (packet.length ?? packet.byteLength ?? packet.size), 0);
    this.buffered += size;
    this.#written = this.#write(this.#written, [...packets], size);
    return count;
  }

  async #write(before, packets, size) {
    try {
      // A Blob has to be waited for; what was written before it goes first in any case.
      const bytes = framed(await Promise.all(packets.map((packet) => packet.arrayBuffer?.() ?? packet)));
      await before;
      await this.#stream.write(bytes);
      this.buffered -= size;
      if (!this.#ended) this.link.drain();
    } catch {
      // The stream tells why.
    }
  }

  /** Sends one event as a datagram; gives its bytes. 0: it has to go by the stream. */
  throw(packets) {
    if (packets.some((packet) => packet.arrayBuffer)) return 0;
    const bytes = framed(packets);
    if (bytes.length > DATAGRAM_BYTES_MAX) return 0;
    if (this.#waiting < DATAGRAMS_WAITING_MAX) {
      this.#waiting++;
      const gone = () => this.#waiting--;
      this.#datagrams.write(bytes).then(gone, gone);
    }
    return bytes.length;
  }

  /** Resolves when the other side has seen it too. `now`: without waiting for it, because the page is going. */
  async close(now) {
    if (this.#ended) return;
    this.#ended = true;
    const session = this.#session;
    if (!now && this.#stream) {
      await this.#written;
      await this.#stream.close().catch(() => {});
      await session.closed.catch(() => {});
    }
    session?.close();
  }
}
