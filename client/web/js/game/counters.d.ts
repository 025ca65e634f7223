// Types of counters.js.
export class Rates<S extends { [K in keyof S]: number }> {
  constructor(stats: S);
  /** Each sum's rate a second, over the last two seconds. Call it a few times a second. */
  update(now?: number): { [K in keyof S]: number };
}
