// The killcam: when one was shattered, the last seconds once more, as the server recorded them, from the other's side.
//
// The recording can be saved, and shown by `game-demo --play FILE`. Promises: it never keeps anybody from playing: it
// ends when the player is back, at a key, or by itself; what the player asked for is not replaced by a killcam.
import { decodeReplay, replayView } from "../net/replay.js";
import { Scene } from "../look/scene.js";

const TICKS_BEFORE = 120;
const TICKS_AFTER = 12;
/** The whole recording, on request. */
const LONG_TICKS = 600;
const at = (id) => document.getElementById(id);

export class Cam {
  #frames = [];
  #tick = 0;
  #end = 0;
  #scene;
  #follow;
  /** Of a killcam rather than of the replay that the player asked for: it must not outlast its moment. */
  #short = true;
  /** Each request has a number: the answer to any but the last shows nothing. */
  #requests = 0;
  #waiting = false;

  /** `net`: whose room is asked for its recording. */
  constructor(net, card, calm) {
    Object.assign(this, { net, card, calm });
    at("cam-skip").addEventListener("click", () => this.stop());
    addEventListener("keydown", (event) => {
      if (event.target instanceof HTMLInputElement) return;
      if (event.code === "Escape") this.stop();
      else if (event.code === "KeyR" && !event.repeat && !event.ctrlKey && !event.metaKey) this.long();
    });
  }

  get running() {
    return this.#frames.length > 1 && this.#tick < this.#end;
  }

  /** `killer` shattered the own puck at `tick`. */
  shattered(killer, tick) {
    // The recording must have the moments after, too.
    setTimeout(() => {
      if (this.#waiting || (this.running && !this.#short)) return;
      this.#ask(tick - TICKS_BEFORE, tick + TICKS_AFTER, killer, `${this.card(killer).name} shattered you`);
    }, 280);
  }

  /** The last ten seconds, from one's own side. */
  long() {
    const { tick } = this.net.decoder;
    if (tick) this.#ask(tick - LONG_TICKS, tick, this.net.ownId, "the last 10 seconds");
  }

  #ask(from, to, follow, text) {
    if (!this.net.joined) return;
    const request = ++this.#requests;
    this.#waiting = true;
    this.net.socket.timeout(3000).emit("replay", this.net.room.welcome.room, (error, bytes) => {
      if (request !== this.#requests) return;
      this.#waiting = false;
      if (error || !bytes) return;
      this.#frames = decodeReplay(bytes, from, to);
      if (this.#frames.length < 2) return;
      [this.#tick, this.#end, this.#follow] = [this.#frames[0].tick, this.#frames.at(-1).tick, follow];
      this.#scene = new Scene(this.calm);
      this.#offer(bytes);
      at("cam-title").textContent = "REPLAY";
      at("cam-text").textContent = text;
      at("cam").hidden = false;
      this.#short = to - from < LONG_TICKS;
    });
  }

  /** The recording as a file, which `game-demo --play FILE` shows. */
  #offer(bytes) {
    const link = at("cam-save");
    if (link.href) URL.revokeObjectURL(link.href);
    link.href = URL.createObjectURL(new Blob([bytes]));
  }

  stop() {
    this.#frames = [];
    at("cam").hidden = true;
  }

  /** The pane to draw instead of the arena, if it runs: `{ scene, view }`. */
  frame(now, dt, away) {
    if (!this.running || (this.#short && !away)) {
      if (!at("cam").hidden) this.stop();
      return undefined;
    }
    this.#tick += dt * 60;
    const view = replayView(this.#frames, this.#tick, this.#follow, this.card);
    this.#scene.camera.left = 0;
    this.#scene.camera.width = innerWidth;
    this.#scene.update(view, now, dt);
    return { scene: this.#scene, view };
  }
}
