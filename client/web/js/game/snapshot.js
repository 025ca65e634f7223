// The arena's snapshot message: a little-endian table of everybody.
//
//   offset 0      1          5         7
//          kind u8 tick u32  count u16  count × [ id u16 | x u16 | y u16 | aim u8 | flags u8 ]
//
// Promises: a message that is cut short or says something else than its length decodes to `undefined`.
// Leaves out: deltas (kind 0, everything, is the only one yet).

const HEADER_BYTES = 7;
const ENTITY_BYTES = 8;

export const KEYFRAME = 0;
export const DASHING = 1;
export const THRUSTING = 2;

/** `{ tick, entities: Map<id, { x, y, aim, flags }> }`, positions in world units, aim 256 to the turn. */
export function decodeSnapshot(message) {
  const { buffer = message, byteOffset = 0, byteLength } = message;
  if (!(byteLength >= HEADER_BYTES)) return undefined;
  const view = new DataView(buffer, byteOffset, byteLength);
  const count = view.getUint16(5, true);
  if (view.getUint8(0) !== KEYFRAME || byteLength !== HEADER_BYTES + count * ENTITY_BYTES) return undefined;
  const entities = new Map();
  for (let at = HEADER_BYTES; at < byteLength; at += ENTITY_BYTES) {
    entities.set(view.getUint16(at, true), {
      x: view.getUint16(at + 2, true),
      y: view.getUint16(at + 4, true),
      aim: view.getUint8(at + 6),
      flags: view.getUint8(at + 7),
    });
  }
  return { tick: view.getUint32(1, true), entities };
}
