// A player without a screen: the page's own network code under Node, flown by a script.
//
// Promises: the same prediction, pacing, interpolation and packets as in a browser, at 60 frames a second; what the
// player sees is what `view.js` would have drawn. Leaves out: pictures, and the time that passes from eye to hand.
import { register } from "node:module";
import WebSocket from "ws";

const FRAME_MS = 1000 / 60;
/** Ticks whose wishes are remembered: two seconds, longer than the server's word on them takes. */
const TICKS_KEPT = 120;
/** A frame that comes so late was this machine's fault: the page's clock gives up ticks then, and what follows is no news of the network. */
const STALLED_MS = 100;
/** How long corrections of what happened in a stall may take to come and to fade. */
const AFTERMATH_MS = 1500;
let modules;

/** The page's modules, bound to this server. Once a process: one server at a time. */
async function load(url) {
  if (modules) return modules;
  globalThis.WebSocket ??= WebSocket;
  globalThis.location = new URL(url);
  register("./hooks.mjs", import.meta.url, { data: { url: new URL(url).origin } });
  const js = (name) => import(new URL(`../../game-demo/web/js/${name}`, import.meta.url).href);
  const [{ Net }, { buildView }, { FINE_PX, HALF_LIFE_MS }, { angleOf }, { cast }] = await Promise.all([js("net/net.js"), js("net/view.js"), js("net/own.js"), js("sim/trig.js"), js("sim/zap.js")]);
  return (modules = { Net, buildView, FINE_PX, HALF_LIFE_MS, angleOf, cast });
}

export class Player {
  /** Kinds of events heard, how often. */
  heard = {};
  /**
   * Zaps that the server made and was asked to show the hitboxes of, and those of them that hit whom this player aimed at in
   * that tick. What comes too late on a busy machine is no zap, and says nothing of how zaps are judged.
   */
  zaps = 0;
  hits = 0;
  /**
   * The largest step of the own puck on the screen between two frames, in pixels, beyond what its speed and the gliding of
   * a correction explain.
   */
  largestLeap = 0;
  frames = 0;
  /** At whom it aimed, by tick. */
  #aimed = new Map();
  #hit;
  /** This frame's time, the last one's whose view is there, and when leaps will say something of the network again. */
  #now;
  #viewed;
  #calmFrom = 0;
  #wish = { heading: 0, thrust: false, aim: 0, dash: false, fire: false };

  /** `think(player, view, now)` gives the wishes of a tick; see `input.js`. `target` beside them: at whom it aims. */
  static async join(url, { name, think, weather, lab, room, transports = ["websocket"] }) {
    const { Net, buildView, angleOf, cast } = await load(url);
    const player = new Player();
    Object.assign(player, { think, buildView, angleOf, cast, events: [] });
    player.net = new Net({
      transports,
      forceNew: true,
      seat: false,
      read: () => player.#read(),
      wish: { name, room },
      hear: (kind, event, about) => player.#hear(kind, event, about),
    });
    if (lab) Object.assign(player.net.lab, lab);
    const input = player.net.room.input.bind(player.net.room);
    player.net.room.input = (tick, wish) => {
      player.#note(tick, wish.target);
      return input(tick, wish);
    };
    player.weather = weather;
    player.timer = setInterval(() => player.#frame(), FRAME_MS);
    return player;
  }

  #hear(kind, event, about) {
    this.heard[kind] = (this.heard[kind] ?? 0) + 1;
    if (kind === "welcome" && this.weather) this.net.room.weather(this.weather);
    if (kind === "hit" && event.by === this.net.ownId) this.#hit = { tick: about.tick, to: event.to };
    if (kind === "hitboxes") this.#judged(event, about.tick);
    this.events.push({ kind, event, about });
    if (this.events.length > 2000) this.events.shift();
  }

  #note(tick, target) {
    this.#aimed.set(tick, target);
    if (this.#aimed.size > TICKS_KEPT) this.#aimed.delete(this.#aimed.keys().next().value);
  }

  /** What a zap was judged by, told behind the hit of its tick. */
  #judged(boxes, tick) {
    const target = this.#aimed.get(tick);
    if (!boxes.some(({ id }) => id === target)) return;
    this.zaps++;
    this.hits += this.#hit?.tick === tick && this.#hit.to === target;
  }

  /** The wishes of the tick that is due, by what is seen in this frame: the server is told that they are by that. */
  #read() {
    if (!this.think) return this.#wish;
    if (this.#viewed !== this.#now) this.view = this.buildView(this.net, this.#now, { aim: this.#wish.aim });
    this.#viewed = this.#now;
    return (this.#wish = { ...this.#wish, target: undefined, ...this.think(this, this.view, this.#now) });
  }

  #frame() {
    const { net } = this;
    const late = performance.now() - this.#now;
    const now = (this.#now = performance.now());
    if (late > STALLED_MS) this.#calmFrom = now + AFTERMATH_MS;
    net.play(now);
    if (net.ownId === undefined) return;
    this.#measure(now);
    this.frames++;
  }

  /** How far the own puck went on the screen, less what its speed explains in the time that passed. */
  #measure(now) {
    const { last, net } = this;
    const { FINE_PX, HALF_LIFE_MS } = modules;
    const { state, truth } = net.own;
    this.last = undefined;
    if (!state || state.away || truth.away) return;
    const part = net.room.pace.tick % 1;
    const [x, y] = net.own.shown(now, part);
    const speed = Math.hypot(state.vx, state.vy) / FINE_PX;
    this.last = { x, y, life: truth.life, dash: state.dash > 0, speed, now };
    if (last?.life !== truth.life || now < this.#calmFrom) return;
    // A dash is 30 pixels a tick; the clock of ticks may run 2 % fast. Half a tick more, for what is not a whole one.
    const ticks = ((now - last.now) / FRAME_MS) * 1.02 + 0.5;
    const most = Math.max(speed, last.speed, this.last.dash || last.dash ? 30 : 0);
    // The prediction is where it will be; what it is drawn beside that is what is left of corrections.
    const left = Math.hypot(x - (state.x + state.vx * part) / FINE_PX, y - (state.y + state.vy * part) / FINE_PX);
    const glided = left * (2 ** ((now - last.now) / HALF_LIFE_MS) - 1);
    this.largestLeap = Math.max(this.largestLeap, Math.hypot(x - last.x, y - last.y) - most * ticks - glided);
  }

  close() {
    clearInterval(this.timer);
    this.net.close();
  }
}

/** Wishes of a simple hunter: flies about, aims at the nearest that can be hit, zaps when it is on it. `target`: at whom. */
export function hunter(player, view, now) {
  const seen = view.pucks.get(view.ownId);
  const { state } = player.net.own;
  if (!seen || !state || seen.away) return { thrust: false, fire: false, dash: false };
  const { FINE_PX } = modules;
  // A zap starts where this tick will have taken the puck.
  const own = { x: (state.x + state.vx) / FINE_PX, y: (state.y + state.vy) / FINE_PX };
  let best;
  for (const [id, puck] of view.pucks) {
    if (id === view.ownId || puck.away || puck.dash || puck.fresh) continue;
    const distance = Math.hypot(puck.x - own.x, puck.y - own.y);
    if (distance < (best?.distance ?? 900)) best = { id, puck, distance };
  }
  const towards = best ? best.puck : view.well ?? own;
  const aim = player.angleOf(towards.x - own.x, towards.y - own.y);
  const way = best && best.distance > 250 ? Math.round(aim / 16) & 63 : (Math.floor(now / 700) * 7) & 63;
  const fire = best !== undefined && best.distance < 800 && clear(player, own, aim, best.distance);
  return { heading: way, thrust: true, aim, fire, dash: false, target: best?.id };
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
