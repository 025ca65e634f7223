// Words above the arena, on a canvas of their own: names, the way to the well, figures that rise, thumbs.
//
// Promises: a name is written only where its puck is seen. Leaves out: the map (`map.js`), and anything to click.
import { css, GOLD } from "../look/batch.js";

const FONT = "ui-sans-serif, system-ui, 'Segoe UI', Roboto, sans-serif";
/** The arrow to the well keeps so far from the edge of the pane, CSS px. */
const ARROW_EDGE_PX = 74;
const ARROW_FOOT_PX = 176;

export class Overlay {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
  }

  /** Wipes the canvas; call before the panes. */
  begin() {
    const density = Math.min(devicePixelRatio || 1, 2);
    const [width, height] = [Math.round(innerWidth * density), Math.round(innerHeight * density)];
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    this.context.setTransform(density, 0, 0, density, 0, 0);
    this.context.clearRect(0, 0, innerWidth, innerHeight);
  }

  /** A pane's words: `title` is written at its foot. */
  pane(scene, view, now, title) {
    const c = this.context;
    const { camera } = scene;
    c.save();
    c.beginPath();
    c.rect(camera.left, 0, camera.width, innerHeight);
    c.clip();
    if (view.well) this.#well(c, camera, view, now);
    this.#names(c, scene);
    this.#floats(c, scene);
    if (title) {
      c.font = `600 13px ${FONT}`;
      c.textAlign = "left";
      c.fillStyle = "rgba(207,227,255,.9)";
      c.fillText(title, camera.left + 20, innerHeight - 56);
    }
    c.restore();
    if (camera.left > 0) {
      c.fillStyle = "rgba(140,190,255,.35)";
      c.fillRect(camera.left - 1, 0, 2, innerHeight);
    }
  }

  #names(c, scene) {
    c.textAlign = "center";
    c.lineJoin = "round";
    c.lineWidth = 3;
    c.strokeStyle = "rgba(2,4,10,.75)";
    for (const puck of scene.pucks.all.values()) {
      if (puck.away || !scene.camera.sees(puck.x, puck.y, 30)) continue;
      const [x, y] = scene.camera.onScreen(puck.x, puck.y);
      const up = puck.grown * scene.camera.zoom;
      c.font = `600 12px ${FONT}`;
      c.fillStyle = puck.own ? "#ffffff" : puck.bot ? "rgba(200,216,244,.8)" : "rgba(226,238,255,.95)";
      const above = y - up * (puck.own ? 2.2 : 1.6) - 8;
      c.strokeText(puck.name, x, above);
      c.fillText(puck.name, x, above);
      if (!puck.light) continue;
      c.font = `700 12px ${FONT}`;
      c.fillStyle = css(GOLD);
      const below = y + up * (puck.own ? 2.3 : 1.7) + 14;
      c.strokeText(`✦ ${puck.light}`, x, below);
      c.fillText(`✦ ${puck.light}`, x, below);
    }
  }

  /** Where light is banked: a label on it, or an arrow at the edge that points there. */
  #well(c, camera, { well, me, round }, now) {
    if (round?.phase === "break") return;
    const seconds = `${Math.max(0, Math.ceil(well.left / 1000))}`;
    const [x, y] = camera.onScreen(well.x, well.y);
    const wanted = (me?.light ?? 0) > 0;
    c.textAlign = "center";
    const [cx, cy] = [camera.left + camera.width / 2, innerHeight / 2];
    const inside = Math.abs(x - cx) < camera.width / 2 - 40 && Math.abs(y - cy) < innerHeight / 2 - 40;
    if (inside) {
      const under = y + 200 * camera.zoom;
      c.font = `800 13px ${FONT}`;
      c.lineWidth = 4;
      c.strokeStyle = "rgba(2,4,10,.8)";
      c.strokeText(`BANK  ${seconds}`, x, under);
      c.fillStyle = css(GOLD);
      c.fillText(`BANK  ${seconds}`, x, under);
      return;
    }
    const angle = Math.atan2(y - cy, x - cx);
    // Below are the boxes of hint and purse.
    const h = innerHeight / 2 - (Math.sin(angle) > 0 ? ARROW_FOOT_PX : ARROW_EDGE_PX);
    const w = camera.width / 2 - ARROW_EDGE_PX;
    const reach = Math.min(w / Math.abs(Math.cos(angle) || 1e-9), h / Math.abs(Math.sin(angle) || 1e-9));
    const beat = wanted ? 1 + 0.12 * Math.sin(now / 140) : 1;
    c.save();
    c.translate(cx + Math.cos(angle) * reach, cy + Math.sin(angle) * reach);
    c.globalAlpha = wanted ? 1 : 0.5;
    c.save();
    c.rotate(angle);
    c.scale(beat, beat);
    c.fillStyle = css(GOLD);
    c.shadowColor = css(GOLD, 0.9);
    c.shadowBlur = wanted ? 16 : 6;
    c.beginPath();
    c.moveTo(44, 0);
    c.lineTo(26, -13);
    c.lineTo(31, 0);
    c.lineTo(26, 13);
    c.fill();
    c.restore();
    c.font = `700 11px ${FONT}`;
    c.fillStyle = css(GOLD);
    c.fillText("BANK", 0, -1);
    c.fillText(seconds, 0, 11);
    c.restore();
  }

  #floats(c, scene) {
    c.textAlign = "center";
    for (const { x, y, text, rgb, age } of scene.beams.floats) {
      const [sx, sy] = scene.camera.onScreen(x, y);
      c.font = `800 ${17 + 6 * (1 - age)}px ${FONT}`;
      c.globalAlpha = Math.min(1, 2.2 * (1 - age));
      c.strokeStyle = "rgba(2,4,10,.8)";
      c.lineWidth = 3;
      c.strokeText(text, sx, sy - 40 - age * 46);
      c.fillStyle = css(rgb);
      c.fillText(text, sx, sy - 40 - age * 46);
    }
    c.globalAlpha = 1;
  }

  /** Where thumbs are: `{ x, y, dx, dy, kind }`, CSS px. */
  thumbs(list) {
    const c = this.context;
    for (const { x, y, dx, dy, kind } of list) {
      c.strokeStyle = kind === "fly" ? "rgba(95,242,255,.35)" : "rgba(255,120,140,.4)";
      c.lineWidth = 2;
      c.beginPath();
      c.arc(x, y, 52, 0, 7);
      c.stroke();
      c.fillStyle = kind === "fly" ? "rgba(95,242,255,.3)" : "rgba(255,120,140,.35)";
      c.beginPath();
      c.arc(x + dx, y + dy, 22, 0, 7);
      c.fill();
    }
  }
}
