// Engine.IO over one WebSocket: one packet a message, binary as it is.
//
// The constructor is injectable (`opts.WebSocket`), because Node 20 has none of its own.
// A browser tells a page nothing about why a WebSocket was refused; what `ws` on Node tells is passed on.
import { failure } from "./failure.js";

/** Above this many bytes in the browser's own buffer, volatile messages are skipped: about a second of a slow uplink. */
const CONGESTED_BYTES = 16 * 1024;

export class WebSocketTransport {
  name = "websocket";
  idle = true;
  #socket;
  #ended = false;

  constructor(link) {
    this.link = link;
  }

  open() {
    const { link } = this;
    const { opts } = link;
    const url = link.url();
    url.protocol = url.protocol.replace("http", "ws");
    const done = (error) => {
      if (this.#ended) return;
      this.#ended = true;
      link.fail(error);
    };
    let opened = false;
    const refused = (detail) => failure("websocket", `WebSocket to ${url.host} failed: ${detail}`, detail);
    try {
      const socket = (this.#socket = new (opts.WebSocket ?? WebSocket)(url.href, opts.protocols ?? [], { headers: opts.extraHeaders }));
      socket.binaryType = "arraybuffer";
      socket.onopen = () => {
        opened = true;
        link.opened();
      };
      socket.onmessage = ({ data }) => {
        if (this.#ended) return;
        link.count(data.length ?? data.byteLength);
        link.packet(data);
      };
      socket.onerror = (event) => opened || done(refused(event.message || "refused, or nobody listens"));
      socket.onclose = (event) => done(opened ? undefined : refused(`closed with code ${event.code}`));
    } catch (thrown) {
      queueMicrotask(() => done(refused(thrown.message)));
    }
  }

  get buffered() {
    return this.#socket?.bufferedAmount ?? 0;
  }

  get writable() {
    return !this.#ended && this.#socket?.readyState === 1;
  }

  get congested() {
    return !this.writable || this.buffered > CONGESTED_BYTES;
  }

  send(packets) {
    for (const packet of packets) this.#socket.send(packet);
    return packets.length;
  }

  /** Resolves when the other side has seen it too. */
  close() {
    this.#ended = true;
    const socket = this.#socket;
    if (!(socket?.readyState < 2)) return;
    return new Promise((done) => {
      socket.onclose = done;
      socket.close();
    });
  }
}
