// How the client is used, for the type checker: what must be accepted, and what must not (`@ts-expect-error`).
import io, { Manager, type ConnectionError, type State, io as named } from "../../js/ringside.js";
import { ClockSync } from "../../js/game/clock.js";
import { Rates } from "../../js/game/counters.js";
import { Playback, Timeline, blendFields } from "../../js/game/interpolation.js";
import { latest } from "../../js/game/latest.js";
import { Prediction } from "../../js/game/prediction.js";
import { RoomClient, type Schema } from "../../js/game/room.js";

interface FromServer {
  chat: (from: string, text: string) => void;
  snapshot: (bytes: ArrayBuffer) => void;
}
interface ToServer {
  say: (text: string) => void;
  join: (who: { name: string }, ack: (welcome: { id: number }) => void) => void;
}

const plain = io("http://localhost:3000", { transports: ["websocket"], auth: { token: "t" } });
plain.emit("anything", 1, { two: [3] }, (answer: unknown) => answer);
plain.on("whatever", (a, b) => [a, b]);

const socket = named<FromServer, ToServer>({ retries: 3, ackTimeout: 1000 });
socket.on("chat", (from, text) => (from + text).length);
socket.on("connect_failed", (reason, error: ConnectionError) => (reason === "timeout" ? error.description : error.data));
socket.on("reconnecting", (attempt, delayMs) => (attempt * delayMs).toFixed());
socket.on("disconnect", (reason) => reason === "ping timeout");
socket.emit("say", "hi");
socket.volatile.emit("join", { name: "x" }, ({ id }) => id + 1);
socket.timeout(100).emit("join", { name: "x" }, (error: Error | null, welcome: { id: number }) => error ?? welcome.id);
const welcome: Promise<{ id: number }> = socket.emitWithAck("join", { name: "x" });
const state: State = socket.state;
// @ts-expect-error an event the server does not send
socket.on("chatt", () => {});
// @ts-expect-error arguments of another type
socket.emit("say", 7);
// @ts-expect-error no such transport
io({ transports: ["pigeon"] });
// @ts-expect-error ours to tell, not to set
socket.state = "connected";

const manager = new Manager("ws://h", { seed: 1, timeout: false });
manager.on("fallback", ({ from, to, error }) => `${from} ${to} ${error.reason}`);
const waits: number = manager.reconnectionDelay(5).reconnectionDelay();
void manager.switchTransport("polling");

declare const schema: Schema;
const room = new RoomClient(socket, schema);
const playback = new Playback({ tickHz: 60 });
const pucks = new Timeline<{ x: number }>(playback, blendFields([]));
const own = new Prediction<{ x: number }, { right: boolean }>({ step: (s, i) => ({ x: s.x + +i.right }), equal: (a, b) => a.x === b.x, position: (s) => [s.x] });
room.on("snapshot", ({ tick }) => playback.push(tick, performance.now()) && own.confirm(tick, pucks.newest(1)!));
room.on("event", (event, { id }) => void [event, id]);
for (const tick of room.pace.due(1)) own.predict(tick, { right: room.input(tick, { right: true }) > 0 });
latest(socket, "pos", (bytes: ArrayBuffer) => void bytes.byteLength);
const rates: number = new Rates(manager.stats).update().bytesIn;
const rtt: number | undefined = new ClockSync(socket).rtt;
export { rates, rtt, state, waits, welcome };
