// A player without a screen: the page's own network code under Node, flown by a script.
//
// Promises: the same prediction, pacing, interpolation and packets as in a browser, at 60 frames a second; what the
// player sees is what `view.js` would have drawn. Leaves out: pictures.
import { register } from "node:module";
import WebSocket from "ws";

const FRAME_MS = 1000 / 60;
let modules;

/** The page's modules, bound to this server. Once a process: one server at a time. */
async function load(url) {
  if (modules) return modules;
  globalThis.WebSocket ??= WebSocket;
  globalThis.location = new URL(url);
  register("./hooks.mjs", import.meta.url, { data: { url: new URL(url).origin } });
  const js = (name) => import(new URL(`../../game-demo/web/js/${name}`, import.meta.url).href);
  const [{ Net }, { buildView }, { angleOf }, { cast }] = await Promise.all([js("net/net.js"), js("net/view.js"), js("sim/trig.js"), js("sim/zap.js")]);
  return (modules = { Net, buildView, angleOf, cast });
}

export class Player {
  /** Kinds of events heard, how often; hits landed and zaps made. */
  heard = {};
  zaps = 0;
  hits = 0;
  /** The largest step of the own puck on the screen between two frames, beyond what its speed explains, in pixels. */
  largestLeap = 0;
  frames = 0;
  #wish = { heading: 0, thrust: false, aim: 0, dash: false, fire: false };

  /** `think(player, view, now)` gives the wishes of a frame; see `input.js`. */
  static async join(url, { name, think, weather, lab, room, transports = ["websocket"] }) {
    const { Net, buildView, angleOf, cast } = await load(url);
    const player = new Player();
    Object.assign(player, { think, buildView, angleOf, cast, events: [] });
    player.net = new Net({
      transports,
      forceNew: true,
      seat: false,
      read: () => player.#wish,
      wish: { name, room },
      hear: (kind, event, about) => player.#hear(kind, event, about),
    });
    if (lab) Object.assign(player.net.lab, lab);
    player.weather = weather;
    player.timer = setInterval(() => player.#frame(), FRAME_MS);
    return player;
  }

  #hear(kind, event, about) {
    this.heard[kind] = (this.heard[kind] ?? 0) + 1;
    if (kind === "welcome" && this.weather) this.net.room.weather(this.weather);
    if (kind === "hit" && event.by === this.net.ownId) this.hits++;
    this.events.push({ kind, event, about });
    if (this.events.length > 2000) this.events.shift();
  }

  #frame() {
    const { net } = this;
    const now = performance.now();
    if (net.play(now)) this.zaps++;
    if (net.ownId === undefined) return;
    const view = (this.view = this.buildView(net, now, { aim: this.#wish.aim }));
    this.#measure(view.pucks.get(net.ownId), now);
    this.frames++;
    if (this.think) this.#wish = { ...this.#wish, ...this.think(this, view, now) };
  }

  /** How far the own puck went on the screen, less what its speed explains in the time that passed. */
  #measure(own, now) {
    const last = this.last;
    const state = this.net.own.state;
    this.last = own && state && !own.away && { x: own.x, y: own.y, life: own.life, now };
    if (!this.last || last?.speed === undefined || last.life !== own.life) return this.last && Object.assign(this.last, { speed: Math.hypot(state.vx, state.vy) / 4096, dash: own.dash });
    // A dash is 30 pixels a tick; the clock of ticks may run 2 % fast. Half a tick more, for what is not a whole one.
    const ticks = ((now - last.now) / 1000) * 60 * 1.02 + 0.5;
    const speed = Math.hypot(state.vx, state.vy) / 4096;
    const most = Math.max(speed, last.speed, own.dash || last.dash ? 30 : 0);
    Object.assign(this.last, { speed, dash: own.dash });
    this.largestLeap = Math.max(this.largestLeap, Math.hypot(own.x - last.x, own.y - last.y) - (most ?? speed) * ticks);
  }

  close() {
    clearInterval(this.timer);
    this.net.close();
  }
}

/** Wishes of a simple hunter: flies about, aims at the nearest that can be hit, zaps when it is on it. */
export function hunter(player, view, now) {
  const own = view.pucks.get(view.ownId);
  if (!own || own.away) return { thrust: false, fire: false, dash: false };
  let best;
  for (const [id, puck] of view.pucks) {
    if (id === view.ownId || puck.away || puck.dash || puck.fresh) continue;
    const distance = Math.hypot(puck.x - own.x, puck.y - own.y);
    if (distance < (best?.distance ?? 900)) best = { puck, distance };
  }
  const heading = Math.floor(now / 700) % 64;
  const towards = best ? best.puck : view.well ?? own;
  const aim = player.angleOf(towards.x - own.x, towards.y - own.y);
  const way = best && best.distance > 250 ? Math.round(aim / 16) & 63 : (heading * 7) & 63;
  return { heading: way, thrust: true, aim, fire: Boolean(best) && best.distance < 800 && clear(player, own, aim, best.distance), dash: false };
}

/** Whether no wall is in the way. */
function clear(player, own, aim, distance) {
  const [a, b] = player.cast(own.x * 16, own.y * 16, aim);
  return Math.hypot(b.x - a.x, b.y - a.y) / 16 >= distance;
}

/** Waits until `condition` holds; in vain, it tells what `output()` has to say. */
export async function holds(what, condition, output, within = 20_000) {
  const end = Date.now() + within;
  while (!(await condition())) {
    if (Date.now() >= end) {
      throw new Error(`${what}: not within ${within} ms; the server said ${output()}`);
    }
    await new Promise((done) => setTimeout(done, 25));
  }
}
