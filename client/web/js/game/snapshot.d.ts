// Types of snapshot.js.
export interface Entity {
  /** World units, 0 to 65535. */
  x: number;
  y: number;
  /** 256 to the turn, 0 = +x, clockwise. */
  aim: number;
  flags: number;
}

export interface Snapshot {
  tick: number;
  entities: Map<number, Entity>;
}

export const KEYFRAME: 0;
export const DASHING: 1;
export const THRUSTING: 2;
/** `undefined` for what is no snapshot. */
export function decodeSnapshot(message: ArrayBuffer | ArrayBufferView): Snapshot | undefined;
