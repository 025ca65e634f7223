// Picks the renderer: WebGL2, else Canvas2D; and changes to Canvas2D when the GPU's context is lost.
//
// Where the browser says that the processor draws, and where frames come late, the picture is coarser: smooth is worth more than sharp.
// Promises: `draw` always draws. `?renderer=canvas` asks for Canvas2D.
import { CanvasRenderer } from "./render-canvas.js";
import { GlRenderer } from "./render-gl.js";

/** Above this many device pixels to a CSS pixel nothing is seen and much is paid. */
const DENSITY_MAX = 2;
/** Frames slower than this, ms, for `SLOW_FRAMES` in a row make the picture coarser; never below `SCALE_MIN`. */
const SLOW_MS = 26;
const SLOW_FRAMES = 30;
const SCALE_MIN = 0.5;

export class Renderer {
  #scale = 1;
  #slow = 0;

  constructor(canvas, forced) {
    this.canvas = canvas;
    const wish = { alpha: false, antialias: false, depth: false, stencil: false, powerPreference: "high-performance" };
    let gl = forced === "canvas" ? null : canvas.getContext("webgl2", { ...wish, failIfMajorPerformanceCaveat: true });
    if (!gl && forced !== "canvas" && (gl = canvas.getContext("webgl2", wish))) this.#scale = SCALE_MIN;
    this.back = gl ? new GlRenderer(gl) : new CanvasRenderer(canvas.getContext("2d", { alpha: false }));
    if (gl) canvas.addEventListener("webglcontextlost", () => this.#fallBack(), { once: true });
  }

  /** Share of the window's pixels, per side, that are drawn. */
  get scale() {
    return this.#scale;
  }

  get kind() {
    return this.back.kind;
  }

  #fallBack() {
    // A canvas keeps its first kind of context for life.
    const fresh = this.canvas.cloneNode();
    this.canvas.replaceWith(fresh);
    this.canvas = fresh;
    this.back = new CanvasRenderer(fresh.getContext("2d", { alpha: false }));
  }

  /**
   * Draws panes side by side: `{ batch, camera: { x, y, zoom }, left, width }`, in CSS pixels and CSS pixels per arena
   * pixel. `frameMs`: how long the last frame took.
   */
  draw(panes, seconds, frameMs) {
    this.#slow = frameMs > SLOW_MS ? this.#slow + 1 : Math.max(0, this.#slow - 2);
    if (this.#slow > SLOW_FRAMES && this.#scale > SCALE_MIN) [this.#slow, this.#scale] = [0, this.#scale - 0.25];
    const density = Math.min(devicePixelRatio || 1, DENSITY_MAX) * this.#scale;
    const [width, height] = [Math.round(innerWidth * density), Math.round(innerHeight * density)];
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    for (const { batch, camera, left, width: wide } of panes) {
      const [from, to] = [Math.round(left * density), Math.round((left + wide) * density)];
      this.back.draw(batch, { ...camera, zoom: camera.zoom * density, left: from, bottom: 0, width: to - from, height, seconds });
    }
  }
}
