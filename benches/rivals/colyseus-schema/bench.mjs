// ARENA-N through Colyseus' schema encoder: bytes a tick, encode and decode microseconds.
//
// The schema is tuned as far as Colyseus allows: uint16 positions, uint8 for the rest, so that each
// changed field costs its bytes and an operation byte. One encoding is shared by all clients. The
// decoded state is checked by hash after every measured tick. Setting the fields, which notes what
// changed, and clearing those notes, without which the next tick cannot be encoded, are given
// beside encode.
//
//   npm ci && node bench.mjs [rounds [PROGRAM]]
//
// With PROGRAM, netcode's `arena_n` example, each scene is measured by both in turns, and the ratios
// of encode, and of all that a tick costs the server, are given. Fails if encode takes more than a
// quarter of Colyseus' on a scene where everything moves.
import { execFileSync } from 'node:child_process';
import { Decoder, Encoder, Reflection, schema, t } from '@colyseus/schema';
import { Arena, hash } from '../arena.mjs';

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

const FIELDS = ['x', 'y', 'dir', 'hp', 'flags', 'kind', 'speed'];

function run(variant, n) {
  const arena = new Arena(variant, n);
  const state = new State();
  for (const m of arena.movers) {
    const mover = new Mover();
    for (const field of FIELDS) mover[field] = m[field];
    state.movers.push(mover);
  }
  const encoder = new Encoder(state);
  const decoder = Reflection.decode(Reflection.encode(encoder));
  decoder.decode(encoder.encodeAll().slice());
  encoder.discardChanges();
  const times = { set: [], encode: [], discard: [], decode: [] };
  let bytes = 0;
  for (let tick = 1; tick <= 700; tick++) {
    arena.step();
    let start = process.hrtime.bigint();
    arena.movers.forEach((m, i) => {
      const mover = state.movers[i];
      if (mover.x !== m.x) mover.x = m.x;
      if (mover.y !== m.y) mover.y = m.y;
      if (mover.dir !== m.dir) mover.dir = m.dir;
      if (mover.hp !== m.hp) mover.hp = m.hp;
      if (mover.flags !== m.flags) mover.flags = m.flags;
    });
    const setting = process.hrtime.bigint() - start;
    start = process.hrtime.bigint();
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
      times.set.push(Number(setting) / 1000);
      times.encode.push(Number(encoding) / 1000);
      times.discard.push(Number(discarding) / 1000);
      times.decode.push(Number(decoding) / 1000);
    }
  }
  if (hash(arena.movers) !== PUBLISHED[`${variant}/${n}`]) throw new Error('the scene is not ARENA-N');
  const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
  const medians = Object.fromEntries(Object.entries(times).map(([what, list]) => [what, median(list)]));
  return { bytes: bytes / 600, ...medians };
}

/** One scene's figures: the best of several medians, since the first rounds warm the compiler up. */
function colyseus(variant, n, rounds) {
  const results = Array.from({ length: rounds }, () => run(variant, n));
  const best = (key) => +Math.min(...results.map((result) => result[key])).toFixed(2);
  return {
    encoder: 'colyseus-schema 5.0.34',
    scene: `${variant}/${n}`,
    bytes: +results[0].bytes.toFixed(1),
    set_us: best('set'),
    encode_us: best('encode'),
    discard_us: best('discard'),
    decode_us: best('decode'),
  };
}

/** The same of netcode, everything in one cell. Ten times the rounds take about as long, and a
 *  process that ends after milliseconds measures a processor that has not woken up. */
function netcode(program, variant, n, rounds) {
  const lines = execFileSync(program, [String(10 * rounds), `${variant}/${n}`], { encoding: 'utf8' });
  const all = lines.trim().split('\n').map((line) => JSON.parse(line));
  return { encoder: 'ringside-netcode', ...all.find(({ cells }) => cells === 1) };
}

const ENCODE_RATIO_MAX = 0.25;
const rounds = Number(process.argv[2] ?? 5);
const program = process.argv[3];
let failed = false;
for (const variant of ['J100', 'M100', 'M30']) {
  for (const n of [100, 500]) {
    const theirs = colyseus(variant, n, rounds);
    console.log(JSON.stringify(theirs));
    if (!program) continue;
    const ours = netcode(program, variant, n, rounds);
    const encode = ours.encode_us / theirs.encode_us;
    const all = (ours.capture_us + ours.encode_us) / (theirs.set_us + theirs.encode_us + theirs.discard_us);
    console.log(JSON.stringify(ours));
    console.log(JSON.stringify({ scene: theirs.scene, encode_ratio: +encode.toFixed(3), tick_ratio: +all.toFixed(3) }));
    failed ||= variant !== 'M30' && encode > ENCODE_RATIO_MAX;
  }
}
if (failed) {
  console.error(`encode takes more than ${ENCODE_RATIO_MAX} of Colyseus' where everything moves`);
  process.exit(1);
}
