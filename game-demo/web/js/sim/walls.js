// The walls: the arena's edge and its blocks, in units. The twin of `rules/walls.rs`.
//
// Promises: the same numbers as the server's. `firstWall` is for drawing and may differ in the last bit.

/** Units of a pixel of the arena, and the arena's side in both. */
export const PIXEL = 16;
export const SIDE_PX = 4096;
export const SIDE = SIDE_PX * PIXEL;

/** Blocks of one quarter, in pixels right of and below the middle: left, top, right, bottom. */
const QUARTER = [
  [380, 500, 860, 580],
  [1180, 280, 1260, 820],
  [660, 1140, 900, 1380],
  [1320, 1440, 1780, 1520],
];

const mirrored = (mirror, near, far) =>
  mirror ? [SIDE / 2 - far * PIXEL, SIDE / 2 - near * PIXEL] : [SIDE / 2 + near * PIXEL, SIDE / 2 + far * PIXEL];

/** `{ left, top, right, bottom }` each. */
export const BLOCKS = Array.from({ length: 16 }, (_, at) => {
  const quarter = QUARTER[at >> 2];
  const [left, right] = mirrored(at & 1, quarter[0], quarter[2]);
  const [top, bottom] = mirrored(at & 2, quarter[1], quarter[3]);
  return { left, top, right, bottom };
});

const EDGE = { left: 0, top: 0, right: SIDE - 1, bottom: SIDE - 1 };

/** Where a ray (direction of length 1) meets its first wall: `{ length, turnsX }`, or nothing within `reach`. */
export function firstWall(x, y, dx, dy, reach) {
  let first;
  const meet = (length, turnsX) => {
    if (length >= 0 && length <= reach && !(length >= first?.length)) first = { length, turnsX };
  };
  if (dx) meet(((dx > 0 ? EDGE.right : EDGE.left) - x) / dx, true);
  if (dy) meet(((dy > 0 ? EDGE.bottom : EDGE.top) - y) / dy, false);
  for (const { left, top, right, bottom } of BLOCKS) {
    const acrossX = dx ? ((dx > 0 ? left : right) - x) / dx : -1;
    if (acrossX >= 0 && y + dy * acrossX >= top && y + dy * acrossX <= bottom) meet(acrossX, true);
    const acrossY = dy ? ((dy > 0 ? top : bottom) - y) / dy : -1;
    if (acrossY >= 0 && x + dx * acrossY >= left && x + dx * acrossY <= right) meet(acrossY, false);
  }
  return first;
}
