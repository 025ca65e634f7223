// Types of room.js.
import { ClockSync } from "./clock.js";
import { Input, InputField, InputSender } from "./inputs.js";
import { Pace } from "./pace.js";

/** The generated module `/schema/KIND.js`, as far as it is needed here. */
export interface Schema {
  readonly SCHEMA_HASH: number;
  readonly INPUT: readonly InputField[];
  readonly Decoder: new () => any;
}

export interface Player<C = any> {
  id: number;
  name: string;
  bot: boolean;
  /** The connection is lost; the seat is kept. */
  away: boolean;
  card: C;
}

export interface Welcome<A = any, C = any> {
  room: string;
  id: number | null;
  token: string | null;
  resumed: boolean;
  gap: boolean;
  tick: number;
  tickHz: number;
  snapshotEvery: number;
  schema: number;
  lastEvent: number;
  spectatorDelayMs: number;
  players: Player<C>[];
  about: A;
}

export interface JoinRequest {
  name?: string;
  kind?: string;
  room?: string;
  create?: "public" | "private";
  queue?: string;
  watch?: boolean;
}

export interface Refusal {
  code: string;
  error: string;
}

export interface RoomEvents {
  welcome: (welcome: Welcome) => void;
  player: (player: Player) => void;
  left: (id: number, why: string) => void;
  snapshot: (answer: { tick: number; age: number; cells: number }) => void;
  event: (event: any, about: { id: number; tick: number }) => void;
  queue: (progress: { waiting: number; needed: number }) => void;
  bye: (goodbye: { code: string; reason: string }) => void;
  refused: (refusal: Refusal) => void;
}

export class RoomClient {
  constructor(socket: any, schema: Schema, options?: { clock?: () => number; store?: Storage | null; key?: string });
  readonly decoder: any;
  readonly pace: Pace;
  readonly sync: ClockSync;
  readonly inputs: InputSender;
  readonly welcome: Welcome | undefined;
  readonly me: number | undefined;
  readonly players: Map<number, Player>;
  readonly seat: { room: string; token: string } | undefined;
  readonly stats: { frames: number; stale: number; malformed: number; keyframesAsked: number; bytes: number };
  readonly age: number;
  readonly feedback: { lastInputSeq: number | null; inputDepth: number } | null;
  /** What the screen shows, in ticks. */
  view: number | undefined;
  on<E extends keyof RoomEvents>(event: E, listener: RoomEvents[E]): unknown;
  off<E extends keyof RoomEvents>(event: E, listener: RoomEvents[E]): unknown;
  join(request?: JoinRequest): Promise<Welcome | { waiting: number; needed: number }>;
  rename(name: string): Promise<Welcome>;
  leave(): void;
  say(message: unknown): void;
  look(gaze: { player?: number; at?: [number, number] }): void;
  /** Takes only one snapshot in so many, at most ten. For the seat of now. */
  thin(oneIn: number): void;
  weather(model: { pingMs?: number; jitterMs?: number; loss?: number } | null): void;
  input(tick: number, input: Input): number;
  flush(): boolean;
  close(): void;
}
