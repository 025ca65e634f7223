// Types of inputs.js.
export interface InputField {
  readonly name: string;
  readonly bits: number;
  readonly kind: "unsigned" | "wrapping" | "signed" | "bool" | "ranged";
  readonly min?: number;
  readonly max?: number;
}

/** An input: the schema's fields by name. What is left out is zero. */
export type Input = { [field: string]: number | boolean | undefined };

export class BitWriter {
  put(value: number, bits: number): void;
  bytes(): Uint8Array;
}

export function rawField(field: InputField, value: number | boolean | undefined): number;

/** A packet as the only argument of the event `i`. */
export function packetText(bytes: Uint8Array): string;

export interface PacketOptions {
  ack?: { newest: number; earlier: number } | null;
  /** What the screen shows, in ticks. */
  view?: number;
  redundant?: boolean;
}

export class InputSender {
  constructor(fields: readonly InputField[]);
  readonly fields: readonly InputField[];
  readonly unsent: number;
  push(target: number, input: Input): number;
  acknowledge(seq: number): void;
  packet(options?: PacketOptions): Uint8Array;
}
