// Types of pace.js.
export class Pace {
  constructor(options?: { tickHz?: number });
  tickMs: number;
  readonly jumps: number;
  /** How early inputs arrive at the server, in ticks. */
  readonly depth: number | undefined;
  readonly tick: number | undefined;
  wanted(jitterMs: number): number;
  heard(tick: number, now: number, depth: number | null | undefined, rttMs?: number, jitterMs?: number): void;
  due(now: number): Generator<number>;
  clear(): void;
}
