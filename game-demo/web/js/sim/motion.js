// How a puck moves: the twin of `rules/motion.rs`, by which the page knows its own future.
//
// Promises: from the same motion and the same controls the same motion as the server's, to the bit, for as
// long as all numbers are integers. Leaves out: everything that others do to a puck.
import { cosine, sine } from "./trig.js";
import { BLOCKS, PIXEL, SIDE } from "./walls.js";

/** A unit in a puck's fixed point. */
export const FINE = 256;
/** The radius that walls feel, in units. */
export const RADIUS = 22 * PIXEL;
const THRUST = (11 * PIXEL * FINE) / 32;
const FRICTION = 32;
const DASH_SPEED = 30 * PIXEL * FINE;
export const DASH_TICKS = 15;
export const DASH_WAIT = 180;
export const ZAP_WAIT = 30;
const DASH_REST = 115;

const LEAST = RADIUS * FINE;
const MOST = (SIDE - 1 - RADIUS) * FINE;
/** The blocks, grown by a puck's radius, in fine units. */
const GROWN = BLOCKS.map(({ left, top, right, bottom }) => ({
  left: (left - RADIUS) * FINE,
  top: (top - RADIUS) * FINE,
  right: (right + RADIUS) * FINE,
  bottom: (bottom + RADIUS) * FINE,
}));

/** A motion: place and speed in 1/256 unit, ticks of a dash, until the next dash, until the next zap. */
export const rest = (x, y) => ({ x: x * FINE, y: y * FINE, vx: 0, vy: 0, dash: 0, dashWait: 0, zapWait: 0 });

const slowed = (speed) => speed - ((speed / FRICTION) | 0) - Math.sign(speed);
const clamped = (at) => (at < LEAST ? LEAST : at > MOST ? MOST : at);

function block(x, y) {
  for (const each of GROWN) if (x > each.left && x < each.right && y > each.top && y < each.bottom) return each;
  return undefined;
}

/**
 * One tick: changes `motion`; returns whether it zaps.
 * `controls`: `{ heading (64 to the turn), thrust, aim (1,024 to the turn), dash, fire }`.
 */
export function step(motion, controls) {
  const m = motion;
  if (m.dashWait) m.dashWait--;
  if (m.zapWait) m.zapWait--;
  const heading = (controls.heading & 63) * 16;
  if (m.dash) {
    if (--m.dash === 0) {
      m.vx = (m.vx * DASH_REST) >> 8;
      m.vy = (m.vy * DASH_REST) >> 8;
    }
  } else if (controls.dash && m.dashWait === 0) {
    m.dash = DASH_TICKS;
    m.dashWait = DASH_WAIT;
    const way = controls.thrust ? heading : controls.aim;
    m.vx = (cosine(way) * DASH_SPEED) >> 14;
    m.vy = (sine(way) * DASH_SPEED) >> 14;
  }
  if (m.dash === 0) {
    if (controls.thrust) {
      m.vx += (cosine(heading) * THRUST) >> 14;
      m.vy += (sine(heading) * THRUST) >> 14;
    }
    m.vx = slowed(m.vx);
    m.vy = slowed(m.vy);
  }
  travel(m);
  const zaps = Boolean(controls.fire) && m.zapWait === 0 && m.dash === 0;
  if (zaps) m.zapWait = ZAP_WAIT;
  return zaps;
}

/** Moves along x, then along y; on either the walls stop it. */
function travel(m) {
  let before = m.x;
  m.x += m.vx;
  let wall = block(m.x, m.y);
  let stopped = clamped(wall ? (before <= wall.left ? wall.left : wall.right) : m.x);
  if (stopped !== m.x) {
    m.x = stopped;
    m.vx = back(m.vx, m.dash);
  }
  before = m.y;
  m.y += m.vy;
  wall = block(m.x, m.y);
  stopped = clamped(wall ? (before <= wall.top ? wall.top : wall.bottom) : m.y);
  if (stopped !== m.y) {
    m.y = stopped;
    m.vy = back(m.vy, m.dash);
  }
}

/** Four fifths of the speed, or all of it in a dash. Zero has no sign here: it travels as an integer. */
const back = (speed, dash) => (dash ? -speed : ((-speed * 4) / 5) | 0) | 0;
