// A gentle help for thumbs and sticks: an aim that is nearly on somebody is drawn to them.
//
// Promises: never farther than `CONE`, only to whoever is seen and near; the mouse needs none and gets none.
import { angleOf } from "../sim/trig.js";

/** In parts of a turn of 1,024: 9 degrees to either side. */
const CONE = 26;
/** How much of the way it is drawn. */
const PULL = 0.7;
const REACH_PX = 800;

export function assisted(aim, scene) {
  const { own } = scene;
  if (!own) return aim;
  let best = CONE;
  let way = 0;
  for (const puck of scene.pucks.all.values()) {
    if (puck === own || puck.away || puck.dash) continue;
    const [dx, dy] = [puck.x - own.x, puck.y - own.y];
    if (Math.hypot(dx, dy) > REACH_PX) continue;
    const off = ((angleOf(dx, dy) - aim + 1536) & 1023) - 512;
    if (Math.abs(off) < best) [best, way] = [Math.abs(off), off];
  }
  return (aim + Math.round(way * PULL) + 1024) & 1023;
}
