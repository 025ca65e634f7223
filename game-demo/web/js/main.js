// GLIMMER's page: puts the parts together and runs the frames.
//
//   ?transport=polling|websocket   play over that one only      ?name=X      play under that name
//   ?renderer=canvas               without WebGL2
//
// Promises: in the arena as soon as the server answers, with no question asked first.
import { Hud } from "./hud.js";
import { Input } from "./input.js";
import { Net } from "./net.js";
import { Overlay } from "./overlay.js";
import { Renderer } from "./render.js";
import { Scene } from "./scene.js";

const asked = new URLSearchParams(location.search);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const pick = (list) => list[Math.floor(Math.random() * list.length)];

/** Storage may be denied to a page; a name is not worth an error. */
function remembered(name) {
  try {
    if (name) localStorage.setItem("glimmer.name", name);
    return localStorage.getItem("glimmer.name");
  } catch {
    return null;
  }
}

function someName() {
  const first = pick(["Swift", "Quiet", "Bright", "Wild", "Amber", "Lunar", "Velvet", "Solar", "Frost", "Neon"]);
  return `${first} ${pick(["Comet", "Heron", "Ember", "Lynx", "Moth", "Pulsar", "Otter", "Quasar", "Raven", "Spark"])}`;
}

const renderer = new Renderer(document.getElementById("arena"), asked.get("renderer"));
const overlay = new Overlay(document.getElementById("over"));
const scene = new Scene(calm.matches);
calm.addEventListener("change", () => (scene.calm = calm.matches));

const input = new Input(document.getElementById("arena"), () => {
  const { own } = scene;
  return own ? scene.onScreen(own.x, own.y) : [innerWidth / 2, innerHeight / 2];
});
const transport = asked.get("transport");
const net = new Net({
  input,
  // WebSocket at once, polling where it is refused: quicker than the detour over polling.
  transports: ["polling", "websocket"].includes(transport) ? [transport] : ["websocket", "polling"],
  name: (asked.get("name") || remembered() || someName()).slice(0, 16),
});
const hud = new Hud(net, (name) => {
  net.name = remembered(name) ?? name;
  net.join();
});

let frames = 0;
let before = performance.now();
function frame(now) {
  const frameMs = Math.max(0, now - before);
  before = now;
  // After a pause (a hidden tab) things go on from here; they don't catch up.
  const dt = Math.min(frameMs, 100) / 1000;
  scene.update(net, now, dt);
  renderer.draw(scene.batch, scene.camera, now / 1000, frameMs);
  overlay.draw(scene);
  hud.update(now, scene.own && `rgb(${scene.own.rgb.map((v) => Math.round(v * 255))})`, input.used);
  frames++;
  requestAnimationFrame(frame);
}
requestAnimationFrame(frame);

/** For tests and the curious: what this page knows, positions in world units as on the wire. */
window.__glimmer = {
  get id() {
    return net.me?.id;
  },
  get tick() {
    return net.room.decoder.tick;
  },
  get transport() {
    return net.transport;
  },
  get connected() {
    return net.connected && net.joined;
  },
  get frames() {
    return frames;
  },
  get renderer() {
    return renderer.kind;
  },
  get scale() {
    return renderer.scale;
  },
  /** As the newest snapshot has them. */
  players() {
    return [...net.pucks.all()].map(([id, { x, y }]) => ({ id, x, y, name: net.players.get(id)?.name ?? "" }));
  },
  me() {
    return this.players().find(({ id }) => id === this.id);
  },
};
