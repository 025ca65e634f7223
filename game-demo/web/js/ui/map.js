// The small map: walls, the well, oneself, and whoever is rich.
//
// Promises: who carries little is not on it. Leaves out: anything to click.
import { colour, css, GOLD } from "../look/batch.js";
import { BLOCKS, PIXEL, SIDE_PX } from "../sim/walls.js";

const SIZE_PX = 160;
const MARGIN_PX = 18;

/** Draws it at the page's corner: above right where thumbs need the lower ones. */
export function drawMap(c, scene, view, now) {
  const small = innerWidth < 820;
  const size = small ? Math.min(104, innerWidth * 0.26) : SIZE_PX;
  const left = innerWidth - size - (small ? 10 : MARGIN_PX);
  const top = small ? 10 : innerHeight - size - MARGIN_PX;
  c.fillStyle = "rgba(8,13,26,.62)";
  c.strokeStyle = "rgba(140,190,255,.22)";
  c.lineWidth = 1;
  c.beginPath();
  c.roundRect(left - 4.5, top - 4.5, size + 9, size + 9, 10);
  c.fill();
  c.stroke();
  const scale = size / SIDE_PX;
  const { camera } = scene;
  c.save();
  c.beginPath();
  c.rect(left, top, size, size);
  c.clip();
  c.fillStyle = "rgba(92,150,240,.4)";
  for (const block of BLOCKS) {
    const [x, y] = [block.left / PIXEL, block.top / PIXEL];
    c.fillRect(left + x * scale, top + y * scale, Math.max(2, (block.right / PIXEL - x) * scale), Math.max(2, (block.bottom / PIXEL - y) * scale));
  }
  const [w, h] = [camera.width / camera.zoom, innerHeight / camera.zoom];
  c.strokeStyle = "rgba(207,227,255,.25)";
  c.strokeRect(left + (camera.x - w / 2) * scale, top + (camera.y - h / 2) * scale, w * scale, h * scale);
  if (view.well && view.round?.phase !== "break") {
    c.strokeStyle = c.fillStyle = css(GOLD);
    c.lineWidth = 2;
    c.beginPath();
    c.arc(left + view.well.x * scale, top + view.well.y * scale, 170 * scale + 1.5 * Math.sin(now / 200), 0, 7);
    c.stroke();
    c.globalAlpha = 0.35;
    c.fill();
    c.globalAlpha = 1;
  }
  for (const each of view.standings) {
    if (!each.rich || each.id === view.ownId) continue;
    c.fillStyle = css(colour(each.hue));
    c.beginPath();
    c.arc(left + each.x * scale, top + each.y * scale, 2 + Math.min(3, each.light / 40), 0, 7);
    c.fill();
  }
  const own = scene.pucks.all.get(view.followId ?? view.ownId);
  if (own && !own.away) {
    c.fillStyle = "#fff";
    c.translate(left + own.x * scale, top + own.y * scale);
    c.rotate(own.aim);
    c.beginPath();
    c.moveTo(6, 0);
    c.lineTo(-4, -4);
    c.lineTo(-4, 4);
    c.fill();
  }
  c.restore();
}
