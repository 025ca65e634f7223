// Types of interpolation.js.
export interface PlaybackOptions {
  /** Ticks a second. Default 60. */
  tickHz?: number;
  /** Default 100. */
  delayMinMs?: number;
  /** Default 400. */
  delayMaxMs?: number;
  /** How long things go on past the newest snapshot. Default 100. */
  extrapolateMs?: number;
}

export function lerpAngle(a: number, b: number, t: number, turn?: number): number;

export interface BlendField {
  readonly name: string;
  readonly bits: number;
  readonly kind: string;
  readonly scope?: string;
}
export type Blend<T> = (a: T, b: T, t: number) => T;
export function blendFields<T = any>(fields: readonly BlendField[], jumps?: (a: T, b: T) => boolean): Blend<T>;

export class Playback {
  constructor(options?: PlaybackOptions);
  tickMs: number;
  extrapolateMs: number;
  readonly delayMs: number;
  readonly underruns: number;
  /** Where playback stands, in ticks. */
  readonly tick: number | undefined;
  push(tick: number, now: number): boolean;
  serverTick(now: number): number | undefined;
  advance(now: number): number | undefined;
  clear(): void;
}

export class Timeline<T = any> {
  constructor(playback: Playback, blend: Blend<T>);
  push(tick: number, entities: Iterable<{ index: number; tick: number; value: T }>): void;
  newest(index: number): T | undefined;
  all(): Generator<[number, T]>;
  sample(each: (index: number, value: T) => void): void;
  clear(): void;
}
