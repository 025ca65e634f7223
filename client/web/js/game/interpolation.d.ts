// Types of interpolation.js.
import { Snapshot } from "./snapshot.js";

export interface BufferOptions {
  /** Ticks a second. Default 60. */
  tickHz?: number;
  /** Default 100. */
  delayMinMs?: number;
  /** Default 400. */
  delayMaxMs?: number;
  /** A move between two snapshots beyond this many units is a jump. Default 8192. */
  teleport?: number;
}

export function lerpAngle(a: number, b: number, t: number): number;

export class SnapshotBuffer {
  constructor(options?: BufferOptions);
  tickMs: number;
  readonly delayMs: number;
  readonly newest: Snapshot | undefined;
  /** Where playback stands, in ticks. */
  readonly tick: number | undefined;
  push(snapshot: Snapshot, now: number): void;
  sample(now: number, each: (id: number, x: number, y: number, aim: number, flags: number) => void): void;
  clear(): void;
}
