// Types of prediction.js.
export interface PredictionOptions<S, I> {
  step(state: S, input: I): S;
  equal(a: S, b: S): boolean;
  position(state: S): number[];
  halfLifeMs?: number;
  snap?: number;
}

export class Prediction<S, I> {
  constructor(options: PredictionOptions<S, I>);
  halfLifeMs: number;
  readonly mispredictions: number;
  readonly ahead: number;
  readonly pending: number;
  readonly state: S | undefined;
  predict(tick: number, input: I): void;
  confirm(tick: number, state: S): boolean;
  shown(now: number): number[] | undefined;
  clear(): void;
}
