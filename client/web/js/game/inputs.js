// A player's inputs on their way to the server: numbered, packed by the game's own schema, repeated while unheard.
//
//   ack?:1 [tick:16 bits?:1 [bits:32]] | view:16 | count:4
//     count > 0: seq:16 target:16 | newest input | (count-1) x { same:1 | input }, newer to older
//
// Bits go into bytes from the low end; the fields of an input are those of the generated module's `INPUT`. The twin
// of `ringside_netcode::input::InputSender`. Leaves out: when to send (see room.js) and which tick it is (pace.js).

/** Inputs in a packet at most; the server reads no more. */
const PACKET_INPUTS_MAX = 8;

/** Writes a little-endian bit stream. */
export class BitWriter {
  #bytes = [];
  #word = 0;
  #bits = 0;

  /** The low `bits` bits of `value`, 0 to 32. */
  put(value, bits) {
    for (let left = bits, rest = value >>> 0; left > 0; ) {
      const take = Math.min(left, 8 - this.#bits);
      this.#word |= (rest & ((1 << take) - 1)) << this.#bits;
      this.#bits += take;
      if (this.#bits === 8) {
        this.#bytes.push(this.#word);
        this.#word = this.#bits = 0;
      }
      rest = take === 32 ? 0 : rest >>> take;
      left -= take;
    }
  }

  /** What was written, padded with zeros to a whole byte. */
  bytes() {
    return Uint8Array.from(this.#bits ? [...this.#bytes, this.#word] : this.#bytes);
  }
}

/** A field's raw value, as the server's derive makes it: too large is cut, unless it is on a circle. */
export function rawField(field, value) {
  const max = 2 ** field.bits - 1;
  const cut = (v, low, high) => Math.min(high, Math.max(low, v));
  switch (field.kind) {
    case "bool":
      return value ? 1 : 0;
    case "wrapping":
      return ((Math.trunc(value ?? 0) % (max + 1)) + max + 1) % (max + 1);
    case "signed":
      return cut(Math.trunc(value ?? 0), -(2 ** (field.bits - 1)), 2 ** (field.bits - 1) - 1) & max;
    case "ranged": {
      const steps = Math.floor((((value ?? 0) - field.min) / (field.max - field.min)) * max + 0.5);
      return cut(Number.isNaN(steps) ? 0 : steps, 0, max);
    }
    default:
      return cut(Math.trunc(value ?? 0), 0, max);
  }
}

/** A packet as the event `i` carries it: base64 without padding, so that it is one message and not a text and its bytes. */
export function packetText(bytes) {
  return btoa(String.fromCharCode(...bytes)).replace(/=+$/, "");
}

export class InputSender {
  #pending = [];
  #unsent = 0;
  #seq = 0;
  #target = 0;

  /** `fields`: the `INPUT` of the game's generated module. */
  constructor(fields) {
    this.fields = fields;
  }

  /** Takes the input for tick `target`; returns its number. */
  push(target, input) {
    if (target !== this.#target + 1) {
      this.#pending = [];
      this.#unsent = 0;
    }
    const raw = this.fields.map((field) => rawField(field, input[field.name]));
    this.#pending = [...this.#pending.slice(1 - PACKET_INPUTS_MAX), raw];
    this.#unsent = Math.min(this.#unsent + 1, PACKET_INPUTS_MAX);
    this.#target = target;
    this.#seq = (this.#seq + 1) & 0xffff;
    return this.#seq;
  }

  /** The server has executed inputs up to `seq`. */
  acknowledge(seq) {
    const newer = (this.#seq - seq) & 0xffff;
    if (newer < 0x8000) {
      const keep = Math.min(newer, this.#pending.length);
      this.#pending = keep ? this.#pending.slice(-keep) : [];
      this.#unsent = Math.min(this.#unsent, keep);
    }
  }

  /** Inputs that no packet has carried. */
  get unsent() {
    return this.#unsent;
  }

  /**
   * The packet to send now. `ack`: the newest snapshot, `{ newest, earlier }`; `view`: what the screen shows, in ticks
   * (a fraction); `redundant`: on datagrams, repeat what was not acknowledged.
   */
  packet({ ack = null, view = 0, redundant = false } = {}) {
    const out = new BitWriter();
    out.put(ack ? 1 : 0, 1);
    if (ack) {
      out.put(ack.newest, 16);
      out.put(redundant ? 1 : 0, 1);
      if (redundant) out.put(ack.earlier, 32);
    }
    out.put(Math.floor(view * 16) & 0xffff, 16);
    const count = redundant ? this.#pending.length : this.#unsent;
    const inputs = count ? this.#pending.slice(-count).reverse() : [];
    this.#unsent = 0;
    out.put(inputs.length, 4);
    if (inputs.length) {
      out.put(this.#seq, 16);
      out.put(this.#target & 0xffff, 16);
    }
    inputs.forEach((raw, n) => {
      const newer = inputs[n - 1];
      if (newer) {
        const same = raw.every((value, i) => value === newer[i]);
        out.put(same ? 1 : 0, 1);
        if (same) return;
      }
      this.fields.forEach((field, i) => out.put(raw[i], field.bits));
    });
    return out.bytes();
  }
}
