// Engine.IO over HTTP long-polling: one GET always waiting, one POST at a time.
//
// Packets of one body are separated by U+001E; binary travels as `b` and base64
// (Engine.IO protocol 4, "HTTP long-polling"). A body sent never exceeds the server's `maxPayload`
// unless a single packet does. Leaves out: JSONP.
import { failure, wrongAnswer } from "./failure.js";

const SEPARATOR = "\x1e";
const CLOSE = "1";

export function toBase64(bytes) {
  let text = "";
  // 8 KiB at a time: apply() spreads its array over the stack.
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode.apply(null, bytes.subarray(i, i + 8192));
  return btoa(text);
}

export function fromBase64(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes.buffer;
}

async function asText(packet) {
  if (typeof packet === "string") return packet;
  if (packet.arrayBuffer) packet = await packet.arrayBuffer();
  const view = packet.buffer ? new Uint8Array(packet.buffer, packet.byteOffset, packet.byteLength) : new Uint8Array(packet);
  return "b" + toBase64(view);
}

export class Polling {
  name = "polling";
  buffered = 0;
  #abort = new AbortController();
  #loop;
  #posting;
  #paused = false;

  /** `link`: url(), opened(), packet(data), drain(), fail(error or undefined), limits and options. */
  constructor(link) {
    this.link = link;
  }

  open() {
    this.#loop = this.#poll();
  }

  async #poll() {
    try {
      while (!this.#paused && !this.#abort.signal.aborted) {
        const body = await this.#request("GET");
        this.link.count(body.length);
        for (const part of body.split(SEPARATOR)) this.link.packet(part[0] === "b" ? fromBase64(part.slice(1)) : part);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Sends as many as fit one body; returns how many it took. */
  send(packets) {
    let count = 0;
    let size = 0;
    const max = this.link.maxPayload() || Infinity;
    for (const packet of packets) {
      size += 1 + travelSize(packet, true);
      if (count && size > max) break;
      count++;
    }
    this.#posting = this.#post(packets.slice(0, count));
    return count;
  }

  async #post(packets) {
    try {
      const parts = await Promise.all(packets.map(asText));
      await this.#request("POST", parts.join(SEPARATOR));
      this.#posting = null;
      this.link.drain();
    } catch (error) {
      this.#fail(error);
    }
  }

  get idle() {
    return !this.#posting;
  }

  get writable() {
    return !!this.link.sid() && this.idle && !this.#paused && !this.#abort.signal.aborted;
  }

  get congested() {
    return !this.writable;
  }

  /** Stops asking; resolves when no request is in flight. */
  async pause() {
    this.#paused = true;
    await this.#loop;
    await this.#posting;
  }

  resume() {
    this.#paused = false;
    this.open();
  }

  async #request(method, body) {
    const { opts } = this.link;
    const url = this.link.url();
    let response, text;
    try {
      response = await (opts.fetch ?? fetch)(url, {
        method,
        body,
        cache: "no-store",
        // The last word of a page that is being left must still go out.
        keepalive: body === CLOSE,
        credentials: opts.withCredentials ? "include" : "same-origin",
        headers: { ...(body && { "Content-Type": "text/plain;charset=UTF-8" }), ...opts.extraHeaders },
        signal: this.#abort.signal,
      });
      text = await response.text();
    } catch (error) {
      const cause = error.cause?.code ?? error.cause?.message ?? error.message;
      throw failure("unreachable", `cannot reach ${url.origin}: ${cause}`, error);
    }
    const packets = /^(b|[0-6])/.test(text) && (this.link.sid() || text[0] === "0");
    if (response.status !== 200 || !(method === "POST" || packets)) {
      throw wrongAnswer(url, response.status, response.headers.get("content-type") ?? "", text);
    }
    return text;
  }

  #fail(error) {
    if (!this.#abort.signal.aborted) this.link.fail(error);
  }

  /** `now`: without waiting for what is on its way, because the page is going. */
  async close(now) {
    if (this.link.sid() && !this.#paused) {
      if (!now) await this.#posting;
      this.#paused = true;
      // So that the server need not wait for its ping timeout.
      await this.#request("POST", CLOSE).catch(() => {});
    }
    this.#abort.abort();
  }
}

/** Bytes of a packet: UTF-8, or binary, which in a polling body is `b` and base64, 4 for 3. */
export function travelSize(packet, polling) {
  if (typeof packet === "string") return new TextEncoder().encode(packet).length;
  const size = packet.byteLength ?? packet.size;
  return polling ? 1 + Math.ceil(size / 3) * 4 : size;
}
