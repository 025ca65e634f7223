// Types of latest.js.
export interface Latest {
  /** Payloads that a newer one replaced before a frame came. */
  skipped: number;
  stop(): void;
}

/** Calls `handler` once per animation frame, with the newest payload of `event`, if one came. */
export function latest<A extends any[]>(
  socket: { on(event: any, listener: any): unknown; off(event: any, listener: any): unknown },
  event: string,
  handler: (...args: A) => void,
): Latest;
