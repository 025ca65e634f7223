// From positions to light: what is where, how it moved, what it throws off, and where the camera looks.
//
// Promises: all state is looks (nothing here decides anything); things that left are forgotten; with reduced
// motion there are no sparks, no shake and no wandering dust. Positions are arena pixels.
import { DASHING, THRUSTING } from "./net.js";
import { Batch, GLOW, LIGHT, PUCK, PUCK_RADIUS, RING, SPARK, colour } from "./batch.js";

/** World units to an arena pixel. */
export const UNITS = 16;
const SIDE = 4096;
const TRAIL_S = 0.85;
const TRAIL_POINTS = 48;
const SPARKS_MAX = 900;
const DUST = 130;
/** Arena pixels that the shorter side of the window shows. */
const VIEW = 880;
/** How far the camera shows beyond the walls, arena pixels. */
const BEYOND = 110;

export class Scene {
  batch = new Batch();
  camera = { x: SIDE / 2, y: SIDE / 2, zoom: 1 };
  /** id → puck on the screen: { id, x, y, vx, vy, aim, flags, hue, name, bot, seen }. */
  pucks = new Map();
  #sparks = [];
  #found = false;
  #shake = 0;
  #dust = Array.from({ length: DUST }, () => ({ x: Math.random() * 2000, y: Math.random() * 2000, depth: 0.55 + Math.random() * 0.4, size: 1 + Math.random() * 1.6, phase: Math.random() * 7 }));

  constructor(calm) {
    this.calm = calm;
  }

  get own() {
    return this.pucks.get(this.ownId);
  }

  /** Builds the frame at `now` (ms), `dt` seconds after the last. */
  update(net, now, dt) {
    this.ownId = net.me?.id;
    net.playback.advance(now);
    net.pucks.sample((id, { x, y, aim, flags }) => this.#place(id, x / UNITS, y / UNITS, (aim / 256) * 2 * Math.PI, flags, net.players.get(id), now, dt));
    for (const [id, puck] of this.pucks) if (puck.seen !== now) this.#vanish(id, puck);
    this.#look(dt);
    this.batch.clear();
    this.#drawDust(now / 1000);
    for (const puck of this.pucks.values()) this.#drawPuck(puck, now / 1000);
    this.#drawSparks(dt);
  }

  #place(id, x, y, aim, flags, who, now, dt) {
    let puck = this.pucks.get(id);
    if (!puck) {
      puck = { id, x, y, vx: 0, vy: 0, trail: [], born: now, dashed: 0 };
      this.pucks.set(id, puck);
      this.#burst(x, y, colour(who?.card.hue ?? id * 37), 26, 260);
    }
    const [dx, dy] = [x - puck.x, y - puck.y];
    if (Math.hypot(dx, dy) > 300) puck.trail = [];
    else if (dt > 0) {
      const ease = 1 - Math.exp(-dt * 18);
      this.#bounced(puck, dx / dt, dy / dt);
      puck.vx += (dx / dt - puck.vx) * ease;
      puck.vy += (dy / dt - puck.vy) * ease;
    }
    const hue = who?.card.hue ?? (id * 37) & 255;
    if (puck.hue !== hue) Object.assign(puck, { hue, rgb: colour(hue), pale: colour(hue, 1, 0.78) });
    if (flags & DASHING && !(puck.flags & DASHING)) {
      puck.dashed = now;
      this.#burst(x, y, puck.pale, 20, 340, Math.atan2(-puck.vy, -puck.vx));
      if (id === this.ownId) this.#shake = this.calm ? 0 : 7;
    }
    Object.assign(puck, { x, y, aim, flags, name: who?.name ?? "", bot: who?.bot ?? false, seen: now });
    const last = puck.trail.at(-1);
    if (!last || Math.hypot(x - last.x, y - last.y) > 7) puck.trail.push({ x, y, at: now, age: 0 });
    while (puck.trail.length > TRAIL_POINTS || (puck.trail.length && now - puck.trail[0].at > TRAIL_S * 1000)) puck.trail.shift();
    for (const point of puck.trail) point.age = Math.min(1, (now - point.at) / (TRAIL_S * 1000));
    if (flags & THRUSTING && !this.calm && Math.random() < dt * 30) this.#exhaust(puck);
  }

  /** A quick turn of the speed beside a wall is a bounce: sparks along the wall. */
  #bounced(puck, vx, vy) {
    const near = PUCK_RADIUS + 30;
    const hitX = puck.vx * vx < 0 && Math.abs(puck.vx) > 60 && (puck.x < near || puck.x > SIDE - near);
    const hitY = puck.vy * vy < 0 && Math.abs(puck.vy) > 60 && (puck.y < near || puck.y > SIDE - near);
    if (hitX || hitY) this.#burst(puck.x, puck.y, puck.pale, 16, 300, Math.atan2(vy, vx));
  }

  #vanish(id, puck) {
    this.pucks.delete(id);
    this.#burst(puck.x, puck.y, puck.rgb, 30, 280);
  }

  #spark(x, y, angle, speed, life, size, rgb) {
    if (this.#sparks.length < SPARKS_MAX) this.#sparks.push({ x, y, vx: Math.cos(angle) * speed, vy: Math.sin(angle) * speed, life, left: life, size, rgb });
  }

  /** `around`: the middle direction; without it, all round. */
  #burst(x, y, rgb, count, speed, around) {
    if (this.calm) return;
    for (let i = 0; i < count; i++) {
      const angle = around === undefined ? Math.random() * 7 : around + (Math.random() - 0.5) * 1.7;
      this.#spark(x, y, angle, speed * (0.3 + Math.random()), 0.25 + Math.random() * 0.45, 5 + Math.random() * 7, rgb);
    }
  }

  #exhaust(puck) {
    const back = Math.atan2(-puck.vy, -puck.vx) + (Math.random() - 0.5) * 0.9;
    const [x, y] = [puck.x + Math.cos(back) * PUCK_RADIUS * 0.8, puck.y + Math.sin(back) * PUCK_RADIUS * 0.8];
    this.#spark(x, y, back, 50 + Math.random() * 110, 0.2 + Math.random() * 0.35, 3 + Math.random() * 4, puck.pale);
  }

  #look(dt) {
    const { camera, own } = this;
    camera.zoom = Math.min(innerWidth, innerHeight * 1.25) / VIEW / 1.1;
    if (!own) return;
    // A little ahead of where it flies, so that there is time to see what comes.
    const ahead = this.calm ? 0 : 0.16;
    // Little of what lies beyond the walls: there is nothing.
    const inside = (v, size) => {
      const half = Math.max(0, size / camera.zoom / 2 - BEYOND);
      return half > SIDE / 2 ? SIDE / 2 : Math.max(half, Math.min(SIDE - half, v));
    };
    const [x, y] = [inside(own.x + own.vx * ahead, innerWidth), inside(own.y + own.vy * ahead, innerHeight)];
    const far = Math.hypot(x - camera.x, y - camera.y) > 900;
    const ease = !this.#found || far ? 1 : 1 - Math.exp(-dt * (this.calm ? 20 : 7));
    this.#found = true;
    camera.x += (x - camera.x) * ease;
    camera.y += (y - camera.y) * ease;
    this.#shake *= Math.exp(-dt * 12);
    camera.x += (Math.random() - 0.5) * this.#shake;
    camera.y += (Math.random() - 0.5) * this.#shake;
  }

  /** Where an arena position is on the screen, CSS px. */
  onScreen(x, y) {
    const { camera } = this;
    return [(x - camera.x) * camera.zoom + innerWidth / 2, (y - camera.y) * camera.zoom + innerHeight / 2];
  }

  #drawDust(seconds) {
    const { camera, batch } = this;
    const [w, h] = [innerWidth / camera.zoom / 2 + 40, innerHeight / camera.zoom / 2 + 40];
    for (const mote of this.#dust) {
      const drift = this.calm ? 0 : seconds * 6;
      const wrap = (v, c, half) => c + ((((v + drift - c * mote.depth + half) % (2 * half)) + 2 * half) % (2 * half)) - half;
      const glint = this.calm ? 0.3 : 0.22 + 0.18 * Math.sin(seconds * 1.3 + mote.phase);
      batch.sprite(GLOW, wrap(mote.x, camera.x, w), wrap(mote.y, camera.y, h), mote.size * 2.4, mote.size * 2.4, 0, [0.5, 0.75, 1], glint);
    }
  }

  #drawPuck(puck, seconds) {
    const { batch } = this;
    const own = puck.id === this.ownId;
    const dash = puck.flags & DASHING ? 1 : 0;
    const { x, y, rgb, pale } = puck;
    const grown = Math.min(1, (puck.seen - puck.born) / 350);
    const radius = PUCK_RADIUS * (0.4 + 0.6 * grown);
    const trail = puck.trail.length ? [...puck.trail, { x, y, age: 0 }] : [];
    batch.sprite(LIGHT, x, y, 250, 250, 0, rgb, 0.75 + dash * 0.5);
    batch.ribbon(trail, PUCK_RADIUS * 1.1, rgb, 0.34 + dash * 0.3);
    batch.ribbon(trail, PUCK_RADIUS * 0.42, pale, 0.5 + dash * 0.4);
    batch.sprite(GLOW, x, y, radius * (4.2 + dash), radius * (4.2 + dash), 0, rgb, 0.30 + dash * 0.3);
    if (puck.flags & THRUSTING || dash) {
      const back = Math.atan2(puck.vy, puck.vx);
      const flicker = this.calm ? 1 : 0.8 + Math.random() * 0.4;
      const length = radius * (1.6 + dash * 1.4) * flicker;
      batch.sprite(GLOW, x - Math.cos(back) * radius * 1.2, y - Math.sin(back) * radius * 1.2, length, radius * 0.9, back, pale, 0.7);
    }
    batch.sprite(PUCK, x, y, radius * 2, radius * 2, puck.aim, rgb, 1);
    if (own) {
      const pulse = this.calm ? 0 : Math.sin(seconds * 3.2) * 1.6;
      batch.sprite(RING, x, y, radius * 2.05 + pulse, radius * 2.05 + pulse, 0, [0.9, 0.97, 1], 0.75);
    }
    const since = (puck.seen - puck.dashed) / 380;
    if (since < 1 && puck.dashed) batch.sprite(RING, x, y, radius * (1.4 + since * 4), radius * (1.4 + since * 4), 0, pale, (1 - since) ** 2 * 0.8);
  }

  #drawSparks(dt) {
    const drag = Math.exp(-dt * 3.2);
    let kept = 0;
    for (const spark of this.#sparks) {
      spark.left -= dt;
      if (spark.left <= 0) continue;
      spark.x += spark.vx * dt;
      spark.y += spark.vy * dt;
      spark.vx *= drag;
      spark.vy *= drag;
      const left = spark.left / spark.life;
      const length = spark.size * (0.6 + Math.hypot(spark.vx, spark.vy) / 130);
      this.batch.sprite(SPARK, spark.x, spark.y, length, spark.size * 0.42, Math.atan2(spark.vy, spark.vx), spark.rgb, left);
      this.#sparks[kept++] = spark;
    }
    this.#sparks.length = kept;
  }
}
