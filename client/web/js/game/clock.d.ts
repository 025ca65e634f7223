// Types of clock.js.
export interface ClockOptions {
  /** The event that the server acknowledges with its time in ms. Default "clock". */
  event?: string;
  /** Default 500. */
  intervalMs?: number;
  /** The local clock, ms. Default `performance.now`. */
  clock?: () => number;
}

export class ClockSync {
  constructor(socket: { readonly connected: boolean; timeout(ms: number): any }, options?: ClockOptions);
  /** Server's time minus ours, ms. */
  readonly offset: number;
  /** Round trip: the median of the last samples, ms. */
  readonly rtt: number | undefined;
  /** Mean deviation of the round trip, ms. */
  readonly jitter: number | undefined;
  readonly synced: boolean;
  /** The server's time now, ms. */
  now(): number;
  sample(): void;
  add(sent: number, time: number, heard: number): void;
  stop(): void;
}
