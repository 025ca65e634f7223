// Reads frames and the answers of the Rust decoder from a file, and gives the frames to the
// generated decoder. Prints how many agreed; stops at the first that did not.
//
// The file: records of { length u32, bytes, answer u8, state u32 }, little-endian; a length of
// 2^32 - 1 without anything after it starts a fresh decoder.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [modulePath, dataPath] = process.argv.slice(2);
const { Decoder, LAYERS } = await import(pathToFileURL(modulePath));
const data = readFileSync(dataPath);
const view = new DataView(data.buffer, data.byteOffset, data.length);
const ANSWERS = ['used', 'stale', 'missing-baseline', 'malformed'];

const scratch = new DataView(new ArrayBuffer(4));
function fnv(hash, value, bytes) {
  scratch.setUint32(0, value, true);
  for (let i = 0; i < bytes; i++) hash = Math.imul(hash ^ scratch.getUint8(i), 0x01000193);
  return hash;
}

function stateHash(decoder) {
  let hash = 0x811c9dc5 | 0;
  for (const { cell, tick } of decoder.cells()) hash = fnv(fnv(hash, cell, 2), tick, 4);
  for (let layer = 0; layer < LAYERS.length; layer++) {
    for (const { index, row } of decoder.rows(layer)) {
      hash = fnv(hash, index, 2);
      for (const value of row) hash = fnv(hash, value, 4);
    }
  }
  return hash >>> 0;
}

let decoder = new Decoder();
let at = 0;
let frames = 0;
const counts = { used: 0, stale: 0, 'missing-baseline': 0, malformed: 0 };
while (at < data.length) {
  const length = view.getUint32(at, true);
  at += 4;
  if (length === 0xffffffff) {
    decoder = new Decoder();
    continue;
  }
  const bytes = data.subarray(at, at + length);
  at += length;
  const expected = ANSWERS[data[at]];
  const state = view.getUint32(at + 1, true);
  at += 5;
  frames++;
  const answer = decoder.read(bytes);
  const got = stateHash(decoder);
  if (answer.kind !== expected || got !== state) {
    console.error(`frame ${frames}: ${JSON.stringify(answer)}, expected ${expected}; state ${got}, expected ${state}`);
    console.error(Buffer.from(bytes).toString('hex'));
    process.exit(1);
  }
  counts[answer.kind]++;
}
console.log(JSON.stringify({ frames, ...counts }));
