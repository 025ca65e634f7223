// Pucks on the screen: body, glow, trail, cracks, what their players do; as large and bright as they are rich.
//
// Promises: whoever left is forgotten; a puck that came back elsewhere leaves no trail between.
import { cast, cut } from "../sim/zap.js";
import { PIXEL } from "../sim/walls.js";
import { ARC, EMBLEMS, GLOW, GOLD, LIGHT, PUCK, PUCK_RADIUS, RING, WHITE, colour } from "./batch.js";

const TRAIL_S = 0.7;
const TRAIL_POINTS = 40;
/** Ticks in a cooldown, for the arcs round the own puck. */
const DASH_TICKS = 180;

/** A puck's radius in arena pixels: as `rules/puck.rs` has it. */
export const radiusOf = (light) => PUCK_RADIUS + Math.sqrt(light * 500) / PIXEL;

export class Pucks {
  /** id → what is on the screen. */
  all = new Map();

  constructor(scene) {
    this.scene = scene;
  }

  /** `pucks`: id → `{ x, y, aim, light, thrust, dash, cracked, away, fresh, shots, life, hue, name, bot }`. */
  update(pucks, ownId, now, dt) {
    for (const [id, puck] of this.all) if (!pucks.has(id)) this.#forget(id, puck);
    for (const [id, puck] of pucks) this.#place(id, puck, id === ownId, now, dt);
  }

  #forget(id, puck) {
    this.all.delete(id);
    puck.seen = false;
    if (!puck.away && this.scene.camera.sees(puck.x, puck.y)) this.scene.sparks.burst(puck.x, puck.y, puck.rgb, 14, 220);
  }

  #place(id, fresh, own, now, dt) {
    const { sparks, beams, camera } = this.scene;
    let puck = this.all.get(id);
    if (!puck) this.all.set(id, (puck = { id, x: fresh.x, y: fresh.y, vx: 0, vy: 0, trail: [], seen: true, grown: PUCK_RADIUS, life: fresh.life, shots: fresh.shots, away: fresh.away, hitAt: -1e9, bornAt: now }));
    if (puck.hue !== fresh.hue) Object.assign(puck, { hue: fresh.hue, rgb: colour(fresh.hue), pale: colour(fresh.hue, 1, 0.78) });
    const [dx, dy] = [fresh.x - puck.x, fresh.y - puck.y];
    const jumped = puck.life !== fresh.life || Math.hypot(dx, dy) > 300;
    if (jumped) Object.assign(puck, { trail: [], vx: 0, vy: 0, bornAt: now });
    else if (dt > 0) this.#follow(puck, dx / dt, dy / dt, dt);
    const { x, y } = fresh;
    if (fresh.dash && !puck.dash && !jumped) {
      sparks.burst(x, y, puck.pale, 20, 340, Math.atan2(-puck.vy, -puck.vx));
      beams.ring(x, y, puck.pale, puck.grown, puck.grown * 3.4, 0.4);
      if (own) camera.shake(6);
    }
    if (puck.away !== fresh.away && !fresh.away) {
      beams.ring(x, y, puck.pale, 120, 20, 0.45);
      sparks.burst(x, y, puck.rgb, 24, 260);
    }
    const shot = fresh.shots !== puck.shots && !fresh.away;
    Object.assign(puck, fresh, { own });
    if (shot) this.#shoot(puck, own);
    this.#lengthen(puck, now);
    if (puck.thrust && !puck.away && Math.random() < dt * 26) this.#exhaust(puck);
    puck.grown += (radiusOf(puck.light) - puck.grown) * (1 - Math.exp(-dt * 10));
  }

  #follow(puck, vx, vy, dt) {
    const turned = (a, b) => a * b < 0 && Math.abs(a) > 90;
    if (turned(puck.vx, vx) || turned(puck.vy, vy)) {
      const { sparks, camera } = this.scene;
      if (camera.sees(puck.x, puck.y)) sparks.burst(puck.x, puck.y, puck.pale, 14, 300, Math.atan2(vy, vx));
    }
    const ease = 1 - Math.exp(-dt * 18);
    puck.vx += (vx - puck.vx) * ease;
    puck.vy += (vy - puck.vy) * ease;
  }

  #shoot(puck, own) {
    const { beams, camera, sparks } = this.scene;
    const corners = cast(puck.x * PIXEL, puck.y * PIXEL, Math.round((puck.aim / (2 * Math.PI)) * 1024) & 1023);
    const others = [...this.all.values()].filter((other) => other !== puck && !other.away && !other.dash && !other.fresh);
    const targets = others.map((other) => ({ x: other.x * PIXEL, y: other.y * PIXEL, radius: (other.grown + 4) * PIXEL }));
    cut(corners, targets);
    const way = corners.map(({ x, y }) => ({ x: x / PIXEL, y: y / PIXEL }));
    beams.beam(way, puck.rgb, own);
    if (corners.length > 2) sparks.burst(way[1].x, way[1].y, puck.pale, 8, 240);
    if (own) camera.shake(3);
  }

  /** The player's own zap, at the moment of pressing. */
  zap(id) {
    const puck = this.all.get(id);
    if (puck && !puck.away) this.#shoot(puck, puck.own);
  }

  /** A zap hit it, the server says. */
  hit(id, shattered, now) {
    const puck = this.all.get(id);
    if (!puck) return;
    const { sparks, beams, camera } = this.scene;
    puck.hitAt = now;
    if (!camera.sees(puck.x, puck.y, 80)) return;
    sparks.burst(puck.x, puck.y, shattered ? puck.pale : GOLD, shattered ? 60 : 26, shattered ? 520 : 360);
    beams.ring(puck.x, puck.y, shattered ? WHITE : puck.pale, puck.grown, puck.grown * (shattered ? 7 : 4), 0.5);
    if (puck.own) camera.shake(shattered ? 16 : 9);
  }

  #lengthen(puck, now) {
    const { trail, x, y } = puck;
    if (puck.away) trail.length = 0;
    const last = trail.at(-1);
    if (!last || Math.hypot(x - last.x, y - last.y) > 7) trail.push({ x, y, at: now, age: 0 });
    while (trail.length > TRAIL_POINTS || (trail.length && now - trail[0].at > TRAIL_S * 1000)) trail.shift();
    for (const point of trail) point.age = Math.min(1, (now - point.at) / (TRAIL_S * 1000));
  }

  #exhaust(puck) {
    const back = Math.atan2(-puck.vy, -puck.vx) + (Math.random() - 0.5) * 0.9;
    const [x, y] = [puck.x + Math.cos(back) * puck.grown * 0.8, puck.y + Math.sin(back) * puck.grown * 0.8];
    this.scene.sparks.add(x, y, back, 50 + Math.random() * 110, 0.2 + Math.random() * 0.35, 3 + Math.random() * 4, puck.pale);
  }

  draw(batch, seconds, now) {
    const { camera } = this.scene;
    for (const puck of this.all.values()) {
      if (puck.away || !camera.sees(puck.x, puck.y, 260)) continue;
      this.#drawPuck(batch, puck, seconds, now);
    }
  }

  #drawPuck(batch, puck, seconds, now) {
    const { calm } = this.scene;
    const { x, y, rgb, pale, own, light } = puck;
    const dash = puck.dash ? 1 : 0;
    const rich = Math.min(1, light / 60);
    const radius = puck.grown * (0.4 + 0.6 * Math.min(1, (now - puck.bornAt) / 350));
    const trail = puck.trail.length ? [...puck.trail, { x, y, age: 0 }] : [];
    batch.sprite(LIGHT, x, y, 230 + 170 * rich, 230 + 170 * rich, 0, rgb, 0.55 + dash * 0.5 + rich * 0.5);
    batch.ribbon(trail, radius * 1.05, rgb, 0.3 + dash * 0.3);
    batch.ribbon(trail, radius * 0.42, pale, 0.45 + dash * 0.4);
    batch.sprite(GLOW, x, y, radius * (3.6 + dash), radius * (3.6 + dash), 0, rgb, 0.26 + dash * 0.3);
    // What is carried shows as gold around: bright is rich.
    if (light) batch.sprite(GLOW, x, y, radius * (2.6 + 2.6 * rich), radius * (2.6 + 2.6 * rich), 0, GOLD, 0.16 + 0.5 * rich);
    if (puck.thrust || dash) {
      const back = Math.atan2(puck.vy, puck.vx);
      const length = radius * (1.6 + dash * 1.4) * (calm ? 1 : 0.8 + Math.random() * 0.4);
      batch.sprite(GLOW, x - Math.cos(back) * radius * 1.2, y - Math.sin(back) * radius * 1.2, length, radius * 0.9, back, pale, 0.7);
    }
    const shield = puck.fresh && (calm || seconds % 0.3 < 0.18);
    const flash = Math.max(0, 1 - (now - puck.hitAt) / 250);
    batch.sprite(PUCK + (puck.hue % EMBLEMS), x, y, radius * 2, radius * 2, puck.aim, flash ? mixed(rgb, WHITE, flash) : rgb, 1);
    if (shield) batch.sprite(RING, x, y, radius * 1.5, radius * 1.5, 0, pale, 0.8);
    if (puck.cracked) this.#drawCracks(batch, puck, radius, seconds);
    if (own) this.#drawOwn(batch, puck, radius, seconds);
  }

  /** A broken ring that turns: the next zap shatters it. */
  #drawCracks(batch, { x, y, id }, radius, seconds) {
    const turn = this.scene.calm ? id : seconds * 5 + id;
    for (let i = 0; i < 5; i++) {
      const angle = turn + (i * 2 * Math.PI) / 5;
      const [c, s] = [Math.cos(angle), Math.sin(angle)];
      const far = radius * 1.42;
      batch.line(x + c * far - s * 9, y + s * far + c * 9, x + c * far + s * 9, y + s * far - c * 9, 2.6, [1, 0.32, 0.36], 0.95);
    }
  }

  #drawOwn(batch, { x, y, dashWait }, radius, seconds) {
    const pulse = this.scene.calm ? 0 : Math.sin(seconds * 3.2) * 1.2;
    batch.sprite(RING, x, y, radius * 1.95 + pulse, radius * 1.95 + pulse, 0, WHITE, 0.7);
    // The dash fills up again on the ring outside.
    if (dashWait > 0) batch.sprite(ARC, x, y, radius * 2.4, radius * 2.4, 1 - dashWait / DASH_TICKS, [0.6, 0.85, 1], 0.55);
  }
}

const mixed = (a, b, part) => a.map((v, i) => v + (b[i] - v) * part);
