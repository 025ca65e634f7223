
export interface Field {
  readonly name: string;
  readonly bits: number;
  readonly kind: 'unsigned' | 'wrapping' | 'signed' | 'bool' | 'ranged';
  readonly min?: number;
  readonly max?: number;
  readonly predict: 'same' | 'linear';
  readonly scope: 'always' | 'once' | 'owner';
}

export declare const LAYERS: readonly {
  readonly name: string;
  readonly cells: number;
  readonly fields: readonly Field[];
}[];

/** What the server says about this client's inputs; depth: how early they arrive, in quarter ticks rounded down. */
export interface Feedback {
  lastInputSeq: number | null;
  inputDepth: number;
}

export type Answer =
  | { kind: 'used'; tick: number; age: number; feedback: Feedback | null; cells: number }
  | { kind: 'stale' }
  /** Ask for a keyframe. */
  | { kind: 'missing-baseline'; tick: number }
  /** Ask for a keyframe, and count it. */
  | { kind: 'malformed'; reason: string };

export interface Entity<T> {
  index: number;
  cell: number;
  /** The tick at which it was so: older than the frame's when its cell had to wait. */
  tick: number;
  value: T;
}

export declare class Decoder {
  /** Forgets everything, for instance when the server began afresh; the next frame is near this tick. */
  reset(near?: number | null): void;
  /** The tick of the newest frame used. */
  get tick(): number | null;
  /** What to acknowledge; bit n of `earlier` stands for `newest - 1 - n`. */
  get acknowledgement(): { newest: number; earlier: number } | null;
  /** Uses a frame. Unless the answer's kind is 'used', nothing has changed. */
  read(bytes: Uint8Array): Answer;
  /** The cells in view, each with the tick at which it is known. */
  cells(): Generator<{ cell: number; tick: number }>;
  /** Raw field values, in the order of the schema's fields. */
  rows(layer: number): Generator<{ index: number; cell: number; tick: number; row: number[] }>;
