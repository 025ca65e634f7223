// Types of acks.js.
export class Acks {
  /** When to acknowledge, ms; never (`Infinity`) if there is nothing to. */
  readonly due: number;
  heard(now: number): void;
  said(): void;
}
