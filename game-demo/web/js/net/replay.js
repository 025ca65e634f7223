// The room's recording of its last seconds, decoded: what happened, for a killcam.
//
//   file: "RSRP" | version u8 = 1 | hash of the layers u32 | steps a second u16 | records, little-endian
//   record: tick u32 | keyframe 1 bit (the lowest), length 31 bits | a frame
//
// Promises: a file that is cut short, or of another game, gives no frames. Leaves out: events, and exact motions.
import { Decoder, LAYER, SCHEMA_HASH } from "/schema/glimmer.js";
import { lerpAngle } from "/socket.io/game/interpolation.js";

const HEADER_BYTES = 11;
const RECORD_BYTES = 8;
const PIXEL = 16;

/** Frames `{ tick, pucks, motes, stage }` between two ticks, from the last keyframe before them. */
export function decodeReplay(bytes, from, to) {
  const data = bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes;
  if (!(data?.byteLength >= HEADER_BYTES)) return [];
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (String.fromCharCode(...data.subarray(0, 4)) !== "RSRP" || view.getUint32(5, true) !== SCHEMA_HASH) return [];
  const records = [];
  for (let at = HEADER_BYTES; at + RECORD_BYTES <= data.byteLength; ) {
    const word = view.getUint32(at + 4, true);
    const length = word >>> 1;
    records.push({ tick: view.getUint32(at, true), keyframe: (word & 1) === 1, frame: data.subarray(at + RECORD_BYTES, at + RECORD_BYTES + length) });
    at += RECORD_BYTES + length;
  }
  let start = records.findLastIndex(({ tick, keyframe }) => keyframe && tick <= from);
  if (start < 0) start = records.findIndex(({ keyframe }) => keyframe);
  if (start < 0) return [];
  const decoder = new Decoder();
  // Frames carry the low bits of their tick; the record has all of it.
  decoder.reset(records[start].tick);
  const frames = [];
  for (const { tick, frame } of records.slice(start)) {
    if (tick > to) break;
    if (decoder.read(frame).kind === "used" && tick >= from) frames.push(snapshot(decoder, tick));
  }
  return frames;
}

function snapshot(decoder, tick) {
  const values = (layer) => new Map([...decoder.entities(layer)].map(({ index, value }) => [index, value]));
  return { tick, pucks: values(LAYER.PuckSeen), motes: values(LAYER.MoteSeen), standings: values(LAYER.Standing), stage: values(LAYER.Stage).get(0) };
}

/** What there was to see at a tick (a fraction), as `view.js` would say it. `card(id)`: name and colour. */
export function replayView(frames, tick, followId, card) {
  const next = frames.findIndex((frame) => frame.tick >= tick);
  const b = frames[next < 0 ? frames.length - 1 : next];
  const a = frames[Math.max(0, (next < 0 ? frames.length : next) - 1)];
  const part = a === b ? 1 : Math.min(1, Math.max(0, (tick - a.tick) / (b.tick - a.tick)));
  const pucks = new Map();
  for (const [id, now] of b.pucks) {
    const was = a.pucks.get(id);
    const way = was && was.life === now.life ? part : 1;
    const mix = (key) => (way === 1 ? now[key] : was[key] + (now[key] - was[key]) * way);
    const aim = way === 1 ? now.aim : lerpAngle(was.aim, now.aim, way);
    pucks.set(id, { ...now, ...card(id), x: mix("x") / PIXEL, y: mix("y") / PIXEL, aim: (aim / 256) * 2 * Math.PI });
  }
  const { well_x: x, well_y: y } = b.stage ?? {};
  return { pucks, motes: b.motes, followId, standings: [], well: b.stage && { x, y, left: 9000, total: 25_000 } };
}
