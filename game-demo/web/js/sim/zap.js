// Where a zap goes: the twin of `rules/zap.rs`, for drawing. Who is hit, the server says.
import { cosine, ONE, sine } from "./trig.js";
import { firstWall, PIXEL } from "./walls.js";

/** How far a zap reaches, its turn included, in units. */
export const REACH = 1050 * PIXEL;

/** The corners of a zap's way from a place in units: two, or three when a wall turned it. */
export function cast(x, y, aim) {
  let [dx, dy] = [cosine(aim) / ONE, sine(aim) / ONE];
  const corners = [{ x, y }];
  const wall = firstWall(x, y, dx, dy, REACH);
  let length = wall?.length ?? REACH;
  corners.push({ x: x + dx * length, y: y + dy * length });
  if (!wall) return corners;
  if (wall.turnsX) dx = -dx;
  else dy = -dy;
  const from = { x: corners[1].x + Math.sign(dx) * 2, y: corners[1].y + Math.sign(dy) * 2 };
  const rest = REACH - length;
  length = firstWall(from.x, from.y, dx, dy, rest)?.length ?? rest;
  corners.push({ x: from.x + dx * length, y: from.y + dy * length });
  return corners;
}

/** Cuts a way short where it first comes within `radius` of one of `targets` (`{ x, y, radius, … }`): what was met, if anything. */
export function cut(corners, targets) {
  for (let leg = 1; leg < corners.length; leg++) {
    const [a, b] = [corners[leg - 1], corners[leg]];
    const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
    const [dx, dy] = [(b.x - a.x) / length, (b.y - a.y) / length];
    let met;
    for (const target of targets) {
      const along = (target.x - a.x) * dx + (target.y - a.y) * dy;
      const aside = Math.abs((target.x - a.x) * dy - (target.y - a.y) * dx);
      if (aside > target.radius || along < 0 || along > length || along >= met?.along) continue;
      met = { along, target };
    }
    if (!met) continue;
    corners.length = leg + 1;
    corners[leg] = { x: a.x + dx * met.along, y: a.y + dy * met.along };
    return met.target;
  }
  return undefined;
}
