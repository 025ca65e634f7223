// Socket.IO protocol 5 packets: text with JSON, binary set aside as attachments.
//
//   <type>[<attachments>-][<namespace>,][<ack id>][JSON]      then the attachments, one message each
//
// Promises: what is decoded has the shape its type allows, or decoding throws; a placeholder never names
// an attachment that did not come. Leaves out: other parsers (msgpack).

export const CONNECT = 0;
export const DISCONNECT = 1;
export const EVENT = 2;
export const ACK = 3;
export const CONNECT_ERROR = 4;
const BINARY_EVENT = 5;
const BINARY_ACK = 6;

/** Names that belong to the library: never sent, never accepted from a server. */
export const RESERVED = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

function isBinary(value) {
  return (
    value instanceof ArrayBuffer ||
    ArrayBuffer.isView(value) ||
    (typeof Blob === "function" && value instanceof Blob)
  );
}

/** The packet as the messages it travels in: text first, then attachments. */
export function encode({ type, nsp, id, data }) {
  const attachments = [];
  // `this[key]`, because toJSON has already run on `value` and a Node Buffer has one.
  const json = JSON.stringify(data, function (key, value) {
    const raw = this[key];
    return isBinary(raw) ? { _placeholder: true, num: attachments.push(raw) - 1 } : value;
  });
  const binary = attachments.length ? `${attachments.length}-` : "";
  if (binary) type = type === EVENT ? BINARY_EVENT : BINARY_ACK;
  return [type + binary + (nsp === "/" ? "" : nsp + ",") + (id ?? "") + (json ?? ""), ...attachments];
}

const object = (data) => typeof data === "object" && data !== null && !Array.isArray(data);
const SHAPES = {
  [CONNECT]: (data) => data === undefined || object(data),
  [DISCONNECT]: (data) => data === undefined,
  [CONNECT_ERROR]: (data) => typeof data === "string" || object(data),
  [EVENT]: (data) => Array.isArray(data) && (typeof data[0] === "number" || (typeof data[0] === "string" && !RESERVED.includes(data[0]))),
  [ACK]: Array.isArray,
};

export class Decoder {
  #head;
  #attachments;

  /** `attachmentsMax`: a packet that announces more is refused. */
  constructor(attachmentsMax) {
    this.max = attachmentsMax;
  }

  /** Takes one message; returns the packet it completes, if it does. Throws on what is not Socket.IO. */
  add(message) {
    if (typeof message !== "string") {
      if (!this.#head) throw new Error("an attachment that no packet announced");
      this.#attachments.push(message);
    } else {
      if (this.#head) throw new Error("text where an attachment was announced");
      this.#head = this.#parse(message);
      this.#attachments = [];
    }
    const { count, json, ...packet } = this.#head;
    if (this.#attachments.length < count) return;
    const attachments = this.#attachments;
    this.reset();
    packet.data = json ? JSON.parse(json, count ? (_, value) => fill(value, attachments) : undefined) : undefined;
    if (!SHAPES[packet.type](packet.data)) throw new Error(`a packet of type ${packet.type} with another type's payload`);
    return packet;
  }

  #parse(text) {
    const [, digit, count, nsp = "/", id, json] = /^(\d)(?:(\d+)-)?(?:(\/[^,]*)(?:,|$))?(\d+)?(.*)$/s.exec(text) ?? [];
    let type = +digit;
    const binary = type === BINARY_EVENT || type === BINARY_ACK;
    if (!(type <= BINARY_ACK) || binary !== (count !== undefined)) throw new Error("not a Socket.IO packet");
    if (count > this.max) throw new Error(`${count} attachments, more than ${this.max}`);
    if (binary) type -= BINARY_EVENT - EVENT;
    return { type, nsp, id: id && +id, json, count: +(count ?? 0) };
  }

  reset() {
    this.#head = this.#attachments = undefined;
  }
}

function fill(value, attachments) {
  if (value?._placeholder !== true) return value;
  if (!Number.isInteger(value.num) || !(value.num in attachments)) throw new Error("a placeholder for an attachment that did not come");
  return attachments[value.num];
}
