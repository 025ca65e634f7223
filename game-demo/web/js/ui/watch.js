// Watching: follow somebody, or fly free; and the way there and back.
//
// Promises: a spectator holds no seat. Keys: left and right change whom, the others fly.
const at = (id) => document.getElementById(id);
const SPEED_PX = 1400;
const PIXEL = 16;
const LOOK_MS = 150;

export class Watch {
  #follow;
  #free;
  #keys = new Set();
  #toldAt = 0;

  constructor(net, scene) {
    Object.assign(this, { net, scene });
    at("b-watch").addEventListener("click", () => this.#toggle());
    addEventListener("keydown", (event) => this.#key(event));
    addEventListener("keyup", ({ code }) => this.#keys.delete(code));
    addEventListener("blur", () => this.#keys.clear());
  }

  #toggle() {
    const { net } = this;
    at("b-watch").blur();
    const { name } = net.wish;
    const room = net.room.welcome?.room;
    if (net.watching) net.join({ name, room });
    else {
      net.room.leave();
      net.join({ name, room, watch: true });
    }
  }

  #key({ code, target }) {
    if (!this.net.watching || target instanceof HTMLInputElement) return;
    if (code === "ArrowLeft" || code === "ArrowRight") this.#next(code === "ArrowRight" ? 1 : -1);
    else if (["KeyW", "KeyA", "KeyS", "KeyD"].includes(code)) this.#keys.add(code);
  }

  #next(step) {
    const ids = [...this.net.room.players.keys()];
    const now = ids.indexOf(this.#follow);
    this.#follow = ids[(now + step + ids.length) % ids.length];
    this.#free = undefined;
    this.#toldAt = 0;
  }

  /** Says in `view` where to look, and tells the server now and then. */
  update(view, dt) {
    const { net } = this;
    at("b-watch").textContent = net.watching ? "play" : "watch";
    if (!net.watching) return;
    if (this.#follow === undefined && !this.#free) this.#follow = view.standings[0]?.id;
    const fly = (plus, minus) => this.#keys.has(plus) - this.#keys.has(minus);
    const [dx, dy] = [fly("KeyD", "KeyA"), fly("KeyS", "KeyW")];
    if (dx || dy) {
      const { camera } = this.scene;
      this.#free ??= { x: camera.x, y: camera.y };
      this.#follow = undefined;
      const inside = (v) => Math.min(4095, Math.max(0, v));
      this.#free = { x: inside(this.#free.x + dx * SPEED_PX * dt), y: inside(this.#free.y + dy * SPEED_PX * dt) };
    }
    view.followId = this.#follow;
    view.lookAt = this.#free;
    const now = performance.now();
    if (now - this.#toldAt < LOOK_MS) return;
    this.#toldAt = now;
    net.room.look(this.#free ? { at: [Math.round(this.#free.x * PIXEL), Math.round(this.#free.y * PIXEL)] } : { player: this.#follow });
  }
}
