// The other half of the split view: a second player in the same room, on a bad network, who does what you do.
//
// Promises: it is a player like any, with a connection of its own; it leaves when the view is closed.
import { Scene } from "../look/scene.js";
import { Net } from "./net.js";
import { buildView } from "./view.js";

export const WEATHER = { pingMs: 150, jitterMs: 30, loss: 30 };

export class Twin {
  #wish;

  /** `wish()`: what you do in this tick. */
  constructor(net, wish, calm) {
    this.#wish = wish;
    this.scene = new Scene(calm);
    this.net = new Net({
      transports: ["websocket", "polling"],
      forceNew: true,
      seat: false,
      read: () => ({ ...wish() }),
      wish: { name: `${net.wish.name.slice(0, 12)}'s twin`, room: net.room.welcome?.room },
      hear: (kind, event) => {
        if (kind === "welcome") this.net.room.weather(WEATHER);
        if (kind === "hit") this.scene.pucks.hit(event.to, event.shattered, performance.now());
      },
    });
  }

  play(now) {
    if (this.net.play(now) && this.scene.own) this.scene.pucks.zap(this.scene.own.id);
  }

  /** Its pane, right of `left`. */
  frame(now, dt, left) {
    const view = buildView(this.net, performance.now(), { aim: this.#wish().aim, overlay: true });
    view.overlay.cells = [];
    Object.assign(this.scene.camera, { left, width: innerWidth - left });
    this.scene.update(view, now, dt);
    return { scene: this.scene, view, title: `your twin at ${WEATHER.pingMs} ms ±${WEATHER.jitterMs}, ${WEATHER.loss / 10} % loss` };
  }

  close() {
    this.net.room.leave();
    this.net.close();
  }
}
