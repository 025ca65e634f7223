// ARENA-N through Colyseus' schema encoder: bytes a tick, encode and decode microseconds.
//
// The schema is tuned as far as Colyseus allows: uint16 positions, uint8 for the rest, so that each
// changed field costs its bytes and an operation byte. One encoding is shared by all clients. The
// decoded state is checked by hash after every measured tick. Setting the fields is not counted;
// clearing the change lists, without which the next tick cannot be encoded, is given beside encode.
//
//   npm ci && node bench.mjs [rounds]
import { Decoder, Encoder, Reflection, schema, t } from '@colyseus/schema';

const COS = Array.from({ length: 256 }, (_, i) => Math.round(16384 * Math.cos((2 * Math.PI * i) / 256)));
const WALL = 65535;

/** The workload: see ARENA-N's page. The seven numbers of an entity and its private turn rate. */
class Arena {
  constructor(variant, n) {
    this.variant = variant;
    this.random = 0x9e3779b9;
    this.tick = 0;
    this.movers = [];
    for (let i = 0; i < n; i++) {
      const a = this.next();
      const b = this.next();
      this.movers.push({
        x: a & 0xffff,
        y: a >>> 16,
        dir: b & 255,
        speed: 96 + ((b >>> 8) & 127),
        turn: ((b >>> 16) & 7) - 3,
        hp: 100 - 10 * ((b >>> 20) & 3),
        flags: (b >>> 24) & 3,
        kind: (b >>> 26) & 3,
      });
    }
  }

  next() {
    let x = this.random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (this.random = x >>> 0);
  }

  step() {
    this.tick++;
    this.movers.forEach((m, i) => {
      const r = this.next();
      if (this.variant !== 'M30' || ((this.tick >>> 5) + 7 * i) % 10 < 3) this.advance(m, r);
      if (((r >>> 8) & 63) === 0) m.hp = m.hp <= 10 ? 100 : m.hp - 10;
      if (((r >>> 14) & 31) === 0) m.flags ^= 1 << ((r >>> 19) & 3);
    });
  }

  advance(m, r) {
    if ((r & 7) === 0) m.turn = ((r >>> 3) & 7) - 3;
    let dir = (m.dir + m.turn) & 255;
    let x = m.x + ((COS[dir] * m.speed) >> 14);
    let y = m.y + ((COS[(dir - 64) & 255] * m.speed) >> 14);
    if (this.variant === 'J100') {
      x += ((r >>> 23) & 7) - 3;
      y += ((r >>> 26) & 7) - 3;
    }
    if (x < 0 || x > WALL) {
      x = x < 0 ? -x : 2 * WALL - x;
      dir = (128 - dir) & 255;
    }
    if (y < 0 || y > WALL) {
      y = y < 0 ? -y : 2 * WALL - y;
      dir = (256 - dir) & 255;
    }
    Object.assign(m, { x, y, dir });
  }
}

/** FNV-1a over what is replicated, in id order. */
function hash(entities) {
  let h = 0x811c9dc5;
  const add = (byte) => (h = Math.imul(h ^ byte, 0x01000193));
  for (const e of entities) {
    for (const byte of [e.x & 255, e.x >>> 8, e.y & 255, e.y >>> 8, e.dir, e.hp, e.flags, e.kind]) add(byte);
  }
  return h >>> 0;
}

const PUBLISHED = {
  'J100/100': 0x2df80db1,
  'J100/500': 0x520e9322,
  'M100/100': 0xb9e81822,
  'M100/500': 0x16eb507e,
  'M30/100': 0x4b7710b8,
  'M30/500': 0xe548bb99,
};

const Mover = schema(
  { x: t.uint16(), y: t.uint16(), dir: t.uint8(), hp: t.uint8(), flags: t.uint8(), kind: t.uint8(), speed: t.uint8() },
  'Mover',
);
const State = schema({ movers: t.array(Mover) }, 'State');
Encoder.BUFFER_SIZE = 64 * 1024;

const REPLICATED = ['x', 'y', 'dir', 'hp', 'flags'];

function run(variant, n) {
  const arena = new Arena(variant, n);
  const state = new State();
  for (const m of arena.movers) {
    const mover = new Mover();
    for (const field of [...REPLICATED, 'kind', 'speed']) mover[field] = m[field];
    state.movers.push(mover);
  }
  const encoder = new Encoder(state);
  const decoder = Reflection.decode(Reflection.encode(encoder));
  decoder.decode(encoder.encodeAll().slice());
  encoder.discardChanges();
  const times = { encode: [], discard: [], decode: [] };
  let bytes = 0;
  for (let tick = 1; tick <= 700; tick++) {
    arena.step();
    arena.movers.forEach((m, i) => {
      const mover = state.movers[i];
      for (const field of REPLICATED) if (mover[field] !== m[field]) mover[field] = m[field];
    });
    let start = process.hrtime.bigint();
    const encoded = encoder.encode();
    const encoding = process.hrtime.bigint() - start;
    const copy = encoded.slice();
    start = process.hrtime.bigint();
    encoder.discardChanges();
    const discarding = process.hrtime.bigint() - start;
    start = process.hrtime.bigint();
    decoder.decode(copy);
    const decoding = process.hrtime.bigint() - start;
    if (hash(decoder.state.movers) !== hash(arena.movers)) throw new Error(`${variant}/${n} at ${tick}`);
    if (tick > 100) {
      bytes += copy.length;
      times.encode.push(Number(encoding) / 1000);
      times.discard.push(Number(discarding) / 1000);
      times.decode.push(Number(decoding) / 1000);
    }
  }
  if (hash(arena.movers) !== PUBLISHED[`${variant}/${n}`]) throw new Error('the scene is not ARENA-N');
  const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
  return { bytes: bytes / 600, encode: median(times.encode), discard: median(times.discard), decode: median(times.decode) };
}

const rounds = Number(process.argv[2] ?? 5);
for (const variant of ['J100', 'M100', 'M30']) {
  for (const n of [100, 500]) {
    // The best of several medians: the first rounds warm the compiler up.
    const results = Array.from({ length: rounds }, () => run(variant, n));
    const best = (key) => Math.min(...results.map((result) => result[key]));
    console.log(
      JSON.stringify({
        encoder: 'colyseus-schema 5.0.34',
        scene: `${variant}/${n}`,
        bytes: +results[0].bytes.toFixed(1),
        encode_us: +best('encode').toFixed(2),
        discard_us: +best('discard').toFixed(2),
        decode_us: +best('decode').toFixed(2),
      }),
    );
  }
}
