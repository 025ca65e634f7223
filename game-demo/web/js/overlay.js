// Words and the small map above the arena, on a canvas of their own.
//
// Promises: a name is drawn only where its puck is seen; the map shows everybody. Leaves out: anything to click.

const MAP_PX = 148;
const MARGIN_PX = 18;
const SIDE = 4096;

export class Overlay {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
  }

  draw(scene) {
    const density = Math.min(devicePixelRatio || 1, 2);
    const [width, height] = [Math.round(innerWidth * density), Math.round(innerHeight * density)];
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const c = this.context;
    c.setTransform(density, 0, 0, density, 0, 0);
    c.clearRect(0, 0, innerWidth, innerHeight);
    this.#names(c, scene);
    this.#map(c, scene);
  }

  #names(c, scene) {
    c.font = "600 12px ui-sans-serif, system-ui, 'Segoe UI', Roboto, sans-serif";
    c.textAlign = "center";
    c.shadowColor = "rgba(2,4,10,.9)";
    c.shadowBlur = 5;
    for (const puck of scene.pucks.values()) {
      const [x, y] = scene.onScreen(puck.x, puck.y);
      if (x < -60 || y < -60 || x > innerWidth + 60 || y > innerHeight + 60) continue;
      const own = puck.id === scene.ownId;
      c.fillStyle = own ? "#ffffff" : puck.bot ? "rgba(190,210,240,.55)" : "rgba(226,238,255,.92)";
      c.fillText(puck.name, x, y - (own ? 56 : 42) * Math.max(0.75, scene.camera.zoom));
    }
    c.shadowBlur = 0;
  }

  #map(c, scene) {
    const size = Math.min(MAP_PX, innerWidth * 0.26);
    const [left, top] = [innerWidth - size - MARGIN_PX, innerHeight - size - MARGIN_PX];
    c.fillStyle = "rgba(8,13,26,.58)";
    c.strokeStyle = "rgba(140,190,255,.22)";
    c.lineWidth = 1;
    c.beginPath();
    c.roundRect(left - 5.5, top - 5.5, size + 11, size + 11, 12);
    c.fill();
    c.stroke();
    const scale = size / SIDE;
    const { camera } = scene;
    const [w, h] = [innerWidth / camera.zoom, innerHeight / camera.zoom];
    c.save();
    c.beginPath();
    c.rect(left, top, size, size);
    c.clip();
    c.strokeStyle = "rgba(207,227,255,.28)";
    c.strokeRect(left + (camera.x - w / 2) * scale, top + (camera.y - h / 2) * scale, w * scale, h * scale);
    for (const puck of scene.pucks.values()) {
      const own = puck.id === scene.ownId;
      const [r, g, b] = puck.rgb.map((v) => Math.round(v * 255));
      c.fillStyle = own ? "#fff" : `rgb(${r},${g},${b})`;
      c.beginPath();
      c.arc(left + puck.x * scale, top + puck.y * scale, own ? 3.2 : 2, 0, 7);
      c.fill();
    }
    c.restore();
  }
}
