// Types of pace.js.
export class Pace {
  constructor(options?: { tickHz?: number });
  tickMs: number;
  readonly jumps: number;
  /** How early inputs arrive at the server, in ticks: the time until the step of their tick is due, within an eighth. */
  readonly depth: number | undefined;
  readonly tick: number | undefined;
  /** How early they should arrive, in ticks. */
  wanted(jitterMs: number): number;
  /** `depth`: the server's report (`inputDepth`), in quarter ticks rounded down. */
  heard(tick: number, now: number, depth: number | null | undefined, rttMs?: number, jitterMs?: number): void;
  due(now: number): Generator<number>;
  clear(): void;
}
