// The browser's half of the snapshot decoder: the same for every schema, and put behind the part that is generated.
// Promises: damaged frames are refused and change nothing. Leaves out: transport and interpolation.

/** Frames a server may refer to; at least as many are remembered. */
const RECORDS = 32;
/** Largest age or span of a known state, in ticks. */
const AGE_MAX = 255;
const RICE_ESCAPE = 16;

/** Thrown inside `read` and turned into its answer; never leaves the module. */
class Malformed extends Error {}

/** Reads a little-endian bit stream. Past the end it gives zeros; `truncated` tells. */
class BitReader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  /** The next 25 bits at least, without moving on. */
  peek() {
    const b = this.bytes;
    const i = this.at >>> 3;
    if (i + 3 < b.length) {
      return (b[i] | (b[i + 1] << 8) | (b[i + 2] << 16) | (b[i + 3] << 24)) >>> (this.at & 7);
    }
    let word = 0;
    for (let n = 0; n < 4 && i + n < b.length; n++) word |= b[i + n] << (8 * n);
    return word >>> (this.at & 7);
  }

  /** The next `bits` bits, 0 to 32. */
  get(bits) {
    if (bits > 24) {
      const low = this.get(16);
      return (low | (this.get(bits - 16) << 16)) >>> 0;
    }
    const value = this.peek() & ((1 << bits) - 1);
    this.at += bits;
    return value;
  }

  /** How many ones come next, at most `max`; moves past them and, if there is one, the zero. */
  ones(max) {
    let count = 0;
    for (;;) {
      const run = Math.min(trailingOnes(this.peek()), 24, max - count);
      count += run;
      this.at += run;
      if (run < 24 || count === max) return count;
    }
  }

  rice(order) {
    const quotient = this.ones(RICE_ESCAPE);
    if (quotient === RICE_ESCAPE) return this.get(32);
    this.at += 1;
    return ((quotient << order) | this.get(order)) >>> 0;
  }

  golomb(order) {
    const low = this.ones(32 - order) + order;
    this.at += 1;
    return (2 ** low + this.get(low) - 2 ** order) >>> 0;
  }

  align() {
    this.at = (this.at + 7) & ~7;
  }

  get bitsLeft() {
    return Math.max(0, this.bytes.length * 8 - this.at);
  }

  get truncated() {
    return this.at > this.bytes.length * 8;
  }
}

function trailingOnes(word) {
  const zeros = ~word;
  return zeros === 0 ? 32 : 31 - Math.clz32(zeros & -zeros);
}

function gapOrder(places, count) {
  const mean = Math.floor((places * 7) / (Math.max(count, 1) * 10));
  return mean < 2 ? 0 : 31 - Math.clz32(mean);
}

function boundedCount(from, max) {
  const count = from.golomb(2);
  if (count > max) throw new Malformed('count');
  return count;
}

/** One field of `n` entities: see the server's `plane.rs` for the five forms. */
function readPlane(from, n, widthBits) {
  const values = new Uint32Array(n);
  if (n === 0) return values;
  const form = from.get(2);
  if (form === 1) {
    const wide = from.get(widthBits) + 1;
    for (let i = 0; i < n; i++) values[i] = from.get(wide);
  } else if (form === 2) {
    const wide = from.get(widthBits) + 1;
    const narrow = from.get(widthBits);
    const rest = boundedCount(from, n);
    if (narrow >= wide) throw new Malformed('width');
    if (narrow > 0) for (let i = 0; i < n; i++) values[i] = from.get(narrow);
    const order = gapOrder(n, rest);
    for (let k = 0, next = 0; k < rest; k++) {
      const at = next + from.rice(order);
      if (at >= n) throw new Malformed('place');
      values[at] |= from.get(wide - narrow) << narrow;
      next = at + 1;
    }
  } else if (form === 3) {
    if (from.get(1)) {
      const order = from.get(4);
      for (let i = 0; i < n; i++) values[i] = from.rice(order);
    } else {
      const wide = from.get(widthBits) + 1;
      const narrow = from.get(widthBits);
      for (let i = 0; i < n; i++) values[i] = from.get(from.get(1) ? wide : narrow);
    }
  }
  return values;
}

/** Turns `mask`, which holds the expectation, into what was sent. */
function readMask(from, mask) {
  if (!from.get(1)) return;
  const n = mask.length;
  if (from.get(1)) {
    for (let i = 0; i < n; i++) mask[i] = from.get(1);
    return;
  }
  const differ = boundedCount(from, n);
  const order = gapOrder(n, differ);
  for (let k = 0, next = 0; k < differ; k++) {
    const at = next + from.rice(order);
    if (at >= n) throw new Malformed('place');
    mask[at] ^= 1;
    next = at + 1;
  }
}

/** Which fields travel how. */
function layoutOf(layer) {
  const columns = [];
  const owner = [];
  layer.fields.forEach((field, place) => {
    const mask = field.bits === 32 ? 0xffffffff : 2 ** field.bits - 1;
    const widthBits = 32 - Math.clz32(field.bits - 1);
    (field.scope === 'owner' ? owner : columns).push({ ...field, place, mask, widthBits });
  });
  return {
    name: layer.name,
    fields: layer.fields,
    columns,
    owner,
    fullBits: columns.reduce((sum, column) => sum + column.bits, 0),
  };
}

const signExtend = (raw, bits) => (raw << (32 - bits)) >> (32 - bits);
const unfold = (folded) => (folded >>> 1) ^ -(folded & 1);

/** What one cell holds: ids in ascending order, and a column per field. */
class CellState {
  constructor(ids, columns) {
    this.ids = ids;
    this.columns = columns;
  }
}

function readIds(from, count) {
  const ids = new Uint16Array(count);
  if (count === 0) return ids;
  const order = count === 1 ? 6 : from.get(4);
  let next = 0;
  for (let i = 0; i < count; i++) {
    const id = next + (count === 1 ? from.golomb(order) : from.rice(order));
    if (id > 0xffff) throw new Malformed('id');
    ids[i] = id;
    next = id + 1;
  }
  return ids;
}

/** Whole entities: a full block, or those that enter. */
function readEntities(from, layout) {
  const count = from.golomb(2);
  if (count * (layout.fullBits + 1) > from.bitsLeft) throw new Malformed('count');
  const ids = readIds(from, count);
  const columns = layout.columns.map(({ bits }) => {
    const values = new Uint32Array(count);
    for (let i = 0; i < count; i++) values[i] = from.get(bits);
    return values;
  });
  return new CellState(ids, columns);
}

/** The change of a cell from `base`, which is `age` ticks old, predicting from `older`. */
function readDelta(from, layout, base, age, older, span) {
  if (from.get(1)) return base;
  const left = new Uint8Array(base.ids.length);
  readMask(from, left);
  const entered = readEntities(from, layout);
  const rows = [];
  for (let i = 0; i < left.length; i++) if (!left[i]) rows.push(i);
  const n = rows.length;
  const olderRows = older && rowsIn(older, base, rows);

  const motion = layout.columns.map((c, i) => i).filter((i) => {
    const { scope, predict } = layout.columns[i];
    return scope === 'always' && predict === 'linear';
  });
  let moving = rows.map((_, i) => i);
  if (motion.length > 0) {
    const mask = new Uint8Array(n).fill(1);
    if (older) {
      for (let i = 0; i < n; i++) {
        if (olderRows[i] < 0) continue;
        mask[i] = motion.some((c) => base.columns[c][rows[i]] !== older.columns[c][olderRows[i]]) ? 1 : 0;
      }
    }
    readMask(from, mask);
    moving = moving.filter((i) => mask[i]);
  }

  const columns = layout.columns.map((_, c) => {
    const values = new Uint32Array(n);
    for (let i = 0; i < n; i++) values[i] = base.columns[c][rows[i]];
    return values;
  });
  const ratio = older ? Math.floor((age * 256) / span) : 0;
  for (const c of motion) {
    const { bits, mask, widthBits } = layout.columns[c];
    const residuals = readPlane(from, moving.length, widthBits);
    const values = columns[c];
    for (let k = 0; k < moving.length; k++) {
      const i = moving[k];
      let guess = values[i];
      if (older && olderRows[i] >= 0) {
        const change = guess - older.columns[c][olderRows[i]];
        guess += age === span ? change : scaled(signExtend(change, bits), ratio);
      }
      values[i] = ((guess + unfold(residuals[k])) & mask) >>> 0;
    }
  }
  layout.columns.forEach(({ scope, predict, mask, widthBits }, c) => {
    if (scope !== 'always' || predict === 'linear') return;
    const residuals = readPlane(from, n, widthBits);
    for (let i = 0; i < n; i++) columns[c][i] = (columns[c][i] + unfold(residuals[i])) & mask;
  });
  if (from.truncated) throw new Malformed('truncated');
  const ids = Uint16Array.from(rows, (row) => base.ids[row]);
  return merge(new CellState(ids, columns), entered);
}

/** A change stretched by `ratio` / 256, rounded; exact below 2^53. */
const scaled = (change, ratio) => Math.floor((change * ratio + 128) / 256);

/** For each of the base's `rows`, the row of the same entity in `older`, or -1. */
function rowsIn(older, base, rows) {
  let o = 0;
  return rows.map((row) => {
    const id = base.ids[row];
    while (o < older.ids.length && older.ids[o] < id) o++;
    return o < older.ids.length && older.ids[o] === id ? o : -1;
  });
}

function merge(stayed, entered) {
  if (entered.ids.length === 0) return stayed;
  const total = stayed.ids.length + entered.ids.length;
  const ids = new Uint16Array(total);
  const columns = stayed.columns.map(() => new Uint32Array(total));
  let s = 0;
  let e = 0;
  for (let i = 0; i < total; i++) {
    const a = s < stayed.ids.length ? stayed.ids[s] : 0x10000;
    const b = e < entered.ids.length ? entered.ids[e] : 0x10000;
    if (a === b) throw new Malformed('id');
    const [source, row] = a < b ? [stayed, s++] : [entered, e++];
    ids[i] = source.ids[row];
    columns.forEach((column, c) => (column[i] = source.columns[c][row]));
  }
  return new CellState(ids, columns);
}

const DELTA = 0;
const FULL = 1;
const LEFT = 2;

function readList(from, cells) {
  const count = boundedCount(from, cells);
  const list = [];
  let next = 0;
  for (let i = 0; i < count; i++) {
    const cell = next + from.golomb(1);
    if (cell >= cells) throw new Malformed('place');
    next = cell + 1;
    list.push([cell, from.get(1) ? (from.get(1) ? LEFT : FULL) : DELTA]);
  }
  return list;
}

/** A client's view of a world. */
export class Decoder {
  #layouts = LAYERS.map(layoutOf);
  #layerOfCell = LAYERS.flatMap((layer, i) => new Array(layer.cells).fill(i));
  #records = [];
  #owned = null;
  #near = null;

  /**
   * Forgets everything, for instance when the server began afresh. `near`: a tick near that of the next
   * frame, whose high bits no frame carries.
   */
  reset(near = null) {
    this.#records = [];
    this.#owned = null;
    this.#near = near;
  }

  /** The tick of the newest frame used, or null. */
  get tick() {
    return this.#records.length ? this.#records[this.#records.length - 1].tick : null;
  }

  /** What to acknowledge: the newest tick's low 16 bits, and which of the 32 before are here. */
  get acknowledgement() {
    if (this.tick === null) return null;
    let earlier = 0;
    for (const record of this.#records) {
      const behind = (this.tick - record.tick) | 0;
      if (behind >= 1 && behind <= 32) earlier |= 1 << (behind - 1);
    }
    return { newest: this.tick & 0xffff, earlier: earlier >>> 0 };
  }

  /** Uses a frame. Unless the answer's kind is 'used', nothing has changed. */
  read(bytes) {
    try {
      return this.#read(new BitReader(bytes));
    } catch (error) {
      if (error instanceof Malformed) return { kind: 'malformed', reason: error.message };
      throw error;
    }
  }

  #read(from) {
    const wire = from.get(16);
    const age = from.get(8);
    const span = from.get(8);
    const listed = from.get(1);
    const hasFeedback = from.get(1);
    const hasOwner = from.get(1);
    if (from.get(5) !== 0) throw new Malformed('reserved');
    let feedback = null;
    if (hasFeedback) {
      const hasSeq = from.get(1);
      const seq = from.get(16);
      feedback = { lastInputSeq: hasSeq ? seq : null, inputDepth: signExtend(from.get(8), 8) };
    }
    const owner = hasOwner ? { layer: from.get(4), index: from.get(16) } : null;
    if (from.truncated) throw new Malformed('truncated');

    const newest = this.tick;
    const near = newest ?? this.#near ?? wire;
    const tick = (near + signExtend((wire - near) & 0xffff, 16)) >>> 0;
    if (newest !== null && ((tick - newest) | 0) <= 0) return { kind: 'stale' };
    const baseTick = (tick - age) >>> 0;
    const base = age === 0 ? { cells: [] } : this.#find(baseTick);
    if (!base) return { kind: 'missing-baseline', tick: baseTick };
    const olderTick = (baseTick - span) >>> 0;
    const older = age === 0 || span === 0 ? null : this.#find(olderTick);
    if (older === undefined) return { kind: 'missing-baseline', tick: olderTick };

    if (owner) {
      const layout = this.#layouts[owner.layer];
      if (!layout) throw new Malformed('place');
      owner.values = layout.owner.map(({ bits }) => from.get(bits));
    }
    const list = listed
      ? readList(from, this.#layerOfCell.length)
      : base.cells.map((c) => [c.cell, DELTA]);
    from.align();
    const cells = this.#readCells(from, tick, base, older, list);
    if (from.truncated) throw new Malformed('truncated');
    if (from.bitsLeft > 0) throw new Malformed('trailing');

    this.#owned = owner;
    this.#records.push({ tick, cells });
    if (this.#records.length > RECORDS) this.#records.shift();
    const refreshed = list.filter(([, kind]) => kind !== LEFT).length;
    return { kind: 'used', tick, age, feedback, cells: refreshed };
  }

  #readCells(from, tick, base, older, list) {
    const cells = [];
    let b = 0;
    for (const [cell, kind] of list) {
      while (b < base.cells.length && base.cells[b].cell < cell) cells.push(base.cells[b++]);
      const known = base.cells[b]?.cell === cell ? base.cells[b++] : null;
      const layout = this.#layouts[this.#layerOfCell[cell]];
      let state;
      if (kind === FULL) {
        state = readEntities(from, layout);
      } else if (known === null) {
        throw new Malformed('unknown');
      } else if (kind === LEFT) {
        continue;
      } else {
        const past = older?.cells.find((c) => c.cell === cell);
        const span = past ? (known.tick - past.tick) | 0 : 0;
        const age = (tick - known.tick) | 0;
        if (age > AGE_MAX || span > AGE_MAX) throw new Malformed('unknown');
        state = readDelta(from, layout, known.state, age, span > 0 ? past.state : null, span);
      }
      from.align();
      cells.push({ cell, tick, state });
    }
    while (b < base.cells.length) cells.push(base.cells[b++]);
    return cells;
  }

  #find(tick) {
    return this.#records.findLast((record) => record.tick === tick);
  }

  /** The cells in view, each with the tick at which it is known. */
  *cells() {
    for (const { cell, tick } of this.#records.at(-1)?.cells ?? []) yield { cell, tick };
  }

  /** Every entity of a layer in view: raw field values, in the order of the schema's fields. */
  *rows(layer) {
    const layout = this.#layouts[layer];
    for (const { cell, tick, state } of this.#records.at(-1)?.cells ?? []) {
      if (this.#layerOfCell[cell] !== layer) continue;
      for (let i = 0; i < state.ids.length; i++) {
        const row = new Array(layout.fields.length).fill(0);
        layout.columns.forEach(({ place }, c) => (row[place] = state.columns[c][i]));
        const index = state.ids[i];
        if (this.#owned?.layer === layer && this.#owned.index === index) {
          layout.owner.forEach(({ place }, n) => (row[place] = this.#owned.values[n]));
        }
        yield { index, cell, tick, row };
      }
    }
  }

  /** Every entity of a layer in view, with its fields as numbers and booleans. */
  *entities(layer) {
    const { fields } = LAYERS[layer];
    for (const { index, cell, tick, row } of this.rows(layer)) {
      const value = {};
      fields.forEach((field, place) => (value[field.name] = meaning(field, row[place])));
      yield { index, cell, tick, value };
    }
  }
}

/** What a raw value stands for. */
function meaning({ kind, bits, min, max }, raw) {
  switch (kind) {
    case 'signed':
      return signExtend(raw, bits);
    case 'bool':
      return raw !== 0;
    case 'ranged':
      return min + raw * ((max - min) / (2 ** bits - 1));
    default:
      return raw;
  }
}
