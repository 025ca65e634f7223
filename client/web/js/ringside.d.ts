// Types of the browser client: the API of socket.io-client 4, its stages, and what is ours.
// Leaves out: the modules behind the entry (engine, packet, transports), which are no API.

/** Events by name, as functions: `{ chat: (text: string) => void }`. */
export type EventsMap = Record<string, (...args: any[]) => void>;
export interface AnyEvents {
  [event: string]: (...args: any[]) => void;
}

/** Why a connection was not made. */
export type FailureReason =
  | "unreachable" // nobody listens, no network, DNS, or a certificate (`message` has what the platform tells)
  | "refused" // the server or a proxy answered with an HTTP error
  | "not_a_server" // HTML or something else where an Engine.IO handshake was expected
  | "version" // Engine.IO other than 4, or Socket.IO 2.x
  | "websocket" // the WebSocket was refused; browsers tell a page no more
  | "webtransport" // WebTransport was refused, or broke
  | "no_transport" // none of `transports` exists here
  | "timeout" // no answer within `timeout` ms
  | "closed" // the connection ended before the namespace was joined
  | "rejected"; // the server's middleware refused, or there is no such namespace

/** Why a message or a connection in use failed. */
export type ErrorReason = FailureReason | "parse" | "too_large" | "buffer_full";

export interface ConnectionError extends Error {
  reason: ErrorReason;
  /** "TransportError", except when a namespace refused. */
  type?: "TransportError";
  /** What the transport saw: an HTTP status, a close code, the error underneath. */
  description?: unknown;
  /** What the server's middleware gave with its refusal. */
  data?: any;
}

/** The stages of a connection, told by every socket. */
export interface Lifecycle {
  connecting: () => void;
  connect: () => void;
  connect_failed: (reason: FailureReason, error: ConnectionError) => void;
  /** The same moment with Socket.IO's shape. */
  connect_error: (error: ConnectionError) => void;
  disconnect: (reason: DisconnectReason, details?: ConnectionError) => void;
  /** A message that could not be sent, or what broke an established connection. */
  error: (error: ConnectionError) => void;
  /** Before the wait for attempt number `attempt`. */
  reconnecting: (attempt: number, delayMs: number) => void;
  /** After that wait. */
  reconnect_attempt: (attempt: number) => void;
  /** After `connect`, when it took attempts. */
  reconnect: (attempts: number) => void;
  reconnect_failed: (attempts: number) => void;
  /** After `manager.switchTransport`, when the session was kept. */
  switch: (transport: TransportName) => void;
}

export type DisconnectReason =
  | "io server disconnect"
  | "io client disconnect"
  | "ping timeout"
  | "transport close"
  | "transport error"
  | "transport switch"
  | "parse error"
  | "forced close";

export type TransportName = "polling" | "websocket" | "webtransport";
export type State = "disconnected" | "connecting" | "connected" | "reconnecting" | "failed";
export type Auth = Record<string, unknown> | ((give: (auth: Record<string, unknown>) => void) => void);

export interface SocketOptions {
  auth?: Auth;
  /** How often an event is sent again until it is acknowledged. Needs `ackTimeout`. Default 0. */
  retries?: number;
  /** How long an ack may take, ms. Default: for ever. */
  ackTimeout?: number;
}

export interface ManagerOptions extends SocketOptions {
  /** Default "/socket.io". */
  path?: string;
  addTrailingSlash?: boolean;
  query?: Record<string, string | number> | string;
  /** Tried in this order; polling upgrades to the others. Default `["polling", "websocket"]`. */
  transports?: TransportName[];
  transportOptions?: Partial<Record<TransportName, Partial<ManagerOptions>>>;
  /** Whether polling upgrades. Default true. */
  upgrade?: boolean;
  /** Begin with the transport to which an upgrade worked before. Default false. */
  rememberUpgrade?: boolean;
  /** Try the next transport whichever failed; a refused WebSocket or WebTransport falls back anyway. Default false. */
  tryAllTransports?: boolean;
  /** For Node 20, which has none, or for tests. */
  WebSocket?: new (url: string, protocols: string | string[], options?: any) => any;
  fetch?: typeof fetch;
  /** For tests: Node has none. */
  WebTransport?: new (url: URL, options?: any) => any;
  /**
   * Over WebTransport: volatile events travel as datagrams, both ways, if they take no more than 1,000 bytes. They wait for
   * nothing, may be lost, and may overtake others. Default false.
   */
  datagrams?: boolean;
  /** Over WebTransport: certificates to trust by their SHA-256, in base64 (as `gen-cert` prints it) or as browsers take them. */
  serverCertificateHashes?: (string | { algorithm: string; value: BufferSource })[];
  protocols?: string | string[];
  /** Browsers send them with polling only. */
  extraHeaders?: Record<string, string>;
  withCredentials?: boolean;
  /** Default true. */
  autoConnect?: boolean;
  /** Default true. */
  reconnection?: boolean;
  /** Default Infinity. */
  reconnectionAttempts?: number;
  /** The first wait, ms. Default 1000. */
  reconnectionDelay?: number;
  /** The longest wait, ms. Default 5000. */
  reconnectionDelayMax?: number;
  /** 0 to 1. Default 0.5. */
  randomizationFactor?: number;
  /** Makes the waits repeatable. Default: random. */
  seed?: number;
  /** How long a connection may take, and a namespace's answer, ms. Default 20000. */
  timeout?: number | false;
  /** Messages kept while offline, and acks awaited. The newest is refused with `error`. Default 4096. */
  bufferMax?: number;
  /** Attachments accepted in one packet. Default 10. */
  maxAttachments?: number;
}

export interface IoOptions extends ManagerOptions {
  /** A connection of one's own. Default false. */
  forceNew?: boolean;
  /** Share the connection with other namespaces. Default true. */
  multiplex?: boolean;
}

type Name<Events> = keyof Events & string;
type Listener<Events, E> = E extends keyof Events ? Events[E] : (...args: any[]) => void;
type Args<Events, E extends keyof Events> = Events[E] extends (...args: infer A) => any ? A : never;
type WithoutAck<T extends any[]> = T extends [...infer Head, (...args: any[]) => any] ? Head : T;
type Answer<T extends any[]> = T extends [...any[], (answer: infer A, ...rest: any[]) => any] ? A : any;

declare class Emitter<Events> {
  on<E extends Name<Events>>(event: E, listener: Listener<Events, E>): this;
  once<E extends Name<Events>>(event: E, listener: Listener<Events, E>): this;
  off<E extends Name<Events>>(event?: E, listener?: Listener<Events, E>): this;
  addEventListener: this["on"];
  removeListener: this["off"];
  removeEventListener: this["off"];
  removeAllListeners: this["off"];
  listeners<E extends Name<Events>>(event: E): Listener<Events, E>[];
  hasListeners(event: Name<Events>): boolean;
}

export class Socket<Listen = AnyEvents, Emit = Listen> extends Emitter<Lifecycle & Omit<Listen, keyof Lifecycle>> {
  constructor(io: Manager, nsp: string, opts?: SocketOptions);
  readonly io: Manager;
  readonly nsp: string;
  readonly id: string | undefined;
  readonly connected: boolean;
  readonly disconnected: boolean;
  /** Whether the last connection took up the session before it: same id, nothing missed. */
  readonly recovered: boolean;
  /** Whether it is connected or will try to be. */
  readonly active: boolean;
  readonly state: State;
  auth: Auth | undefined;

  connect(): this;
  open(): this;
  disconnect(): this;
  close(): this;
  /** Emits the event `message`. */
  send(...args: any[]): this;
  emit<E extends Name<Emit>>(event: E, ...args: Args<Emit, E>): this;
  emitWithAck<E extends Name<Emit>>(event: E, ...args: WithoutAck<Args<Emit, E>>): Promise<Answer<Args<Emit, E>>>;
  /** For the next event: its ack gets an error first. */
  timeout(ms: number): Omit<this, "emit"> & { emit(event: Name<Emit>, ...args: any[]): Socket<Listen, Emit> };
  /** For the next event: skipped while it cannot leave at once; a datagram, where there are any. */
  readonly volatile: this;
  compress(compress: boolean): this;

  onAny(listener: (event: string, ...args: any[]) => void): this;
  prependAny(listener: (event: string, ...args: any[]) => void): this;
  offAny(listener?: (event: string, ...args: any[]) => void): this;
  listenersAny(): ((event: string, ...args: any[]) => void)[];
  onAnyOutgoing(listener: (event: string, ...args: any[]) => void): this;
  prependAnyOutgoing(listener: (event: string, ...args: any[]) => void): this;
  offAnyOutgoing(listener?: (event: string, ...args: any[]) => void): this;
  listenersAnyOutgoing(): ((event: string, ...args: any[]) => void)[];
}

export interface ManagerEvents {
  open: () => void;
  close: (reason: DisconnectReason, error?: ConnectionError) => void;
  error: (error: ConnectionError) => void;
  ping: () => void;
  packet: (packet: { type: number; nsp: string; id?: number; data?: any }) => void;
  /** Polling has become this transport. */
  upgrade: (transport: TransportName) => void;
  /** A transport was refused; another goes on. */
  fallback: (notice: { from: TransportName; to: TransportName; error: ConnectionError }) => void;
  reconnecting: (attempt: number, delayMs: number) => void;
  reconnect_attempt: (attempt: number) => void;
  reconnect_error: (error: ConnectionError) => void;
  reconnect: (attempts: number) => void;
  reconnect_failed: () => void;
}

/** Sums since the manager was made: packets as they travel, without headers of HTTP and WebSocket. */
export interface Stats {
  bytesIn: number;
  bytesOut: number;
  messagesIn: number;
  messagesOut: number;
  /** Of the messages, those that travelled as datagrams. */
  datagramsIn: number;
  datagramsOut: number;
}

export class Manager extends Emitter<ManagerEvents> {
  constructor(uri?: string | URL, opts?: ManagerOptions);
  constructor(opts?: ManagerOptions);
  readonly opts: Required<Pick<ManagerOptions, "transports" | "timeout">> & ManagerOptions;
  readonly phase: "closed" | "opening" | "open" | "waiting";
  readonly stats: Stats;
  readonly engine: { readonly transport: { readonly name: TransportName }; readonly congested: boolean; readonly datagrams: boolean; close(): void } | undefined;
  socket(nsp: string, opts?: SocketOptions): Socket;
  open(done?: (error?: ConnectionError) => void): this;
  connect(done?: (error?: ConnectionError) => void): this;
  disconnect(): void;
  /** Goes on over another transport; sockets that the server recovers keep their id and hear `switch`. */
  switchTransport(name: TransportName): Promise<void>;
  reconnection(): boolean;
  reconnection(value: boolean): this;
  reconnectionAttempts(): number;
  reconnectionAttempts(value: number): this;
  reconnectionDelay(): number;
  reconnectionDelay(value: number): this;
  reconnectionDelayMax(): number;
  reconnectionDelayMax(value: number): this;
  randomizationFactor(): number;
  randomizationFactor(value: number): this;
  timeout(): number | false;
  timeout(value: number | false): this;
}

export interface Io {
  <Listen = AnyEvents, Emit = Listen>(uri?: string | URL, opts?: IoOptions): Socket<Listen, Emit>;
  <Listen = AnyEvents, Emit = Listen>(opts?: IoOptions): Socket<Listen, Emit>;
  io: Io;
  connect: Io;
  Manager: typeof Manager;
  Socket: typeof Socket;
  protocol: number;
  managers: Map<string, Manager>;
}

export const io: Io;
export const connect: Io;
export const protocol: number;
export default io;
