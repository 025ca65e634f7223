// GLIMMER's page: puts the parts together and runs the frames.
//
//   ?room=CODE         into that room                 ?name=X                     under that name
//   ?watch             without playing                ?transport=polling|websocket|webtransport over that one only
//   ?renderer=canvas   without WebGL2
//
// Promises: in the arena as soon as the server answers, with no question asked first.
import { Renderer } from "./look/render.js";
import { Scene } from "./look/scene.js";
import { Input } from "./input/input.js";
import { assisted } from "./input/assist.js";
import { expose } from "./expose.js";
import { Hearing } from "./hearing.js";
import { Net } from "./net/net.js";
import { Twin } from "./net/twin.js";
import { buildView } from "./net/view.js";
import { Board } from "./ui/board.js";
import { Cam } from "./ui/cam.js";
import { Feed } from "./ui/feed.js";
import { Hint } from "./ui/hint.js";
import { Lab } from "./ui/lab.js";
import { drawMap } from "./ui/map.js";
import { myName } from "./ui/name.js";
import { Overlay } from "./ui/overlay.js";
import { Share } from "./ui/share.js";
import { Watch } from "./ui/watch.js";

const at = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);
const motion = matchMedia("(prefers-reduced-motion: reduce)");

const renderer = new Renderer(at("arena"), asked.get("renderer"));
const overlay = new Overlay(at("over"));
const scene = new Scene(motion.matches);
motion.addEventListener("change", () => (scene.calm = motion.matches));
const board = new Board();
const hint = new Hint(at("hint"));

const middle = () => (scene.own ? scene.camera.onScreen(scene.own.x, scene.own.y) : [innerWidth / 2, innerHeight / 2]);
const input = new Input(at("arena"), middle, (aim) => assisted(aim, scene));
/** The wishes of the last tick: the twin does what you do, and the aim is drawn by them. */
let wish = { heading: 0, thrust: false, aim: 0, dash: false, fire: false };
const read = () => {
  wish = input.read();
  if (wish.thrust) hint.did("fly");
  if (wish.fire) hint.did("zap");
  return wish;
};

const transport = asked.get("transport");
// WebSocket at once, polling where it is refused: quicker than the detour over polling.
const transports = ["polling", "websocket", "webtransport"].includes(transport) ? [transport] : ["websocket", "polling"];
const hearing = new Hearing({ scene, hint, note });
const net = new Net({
  transports,
  read,
  wish: { name: myName(asked.get("name")), room: asked.get("room") ?? undefined, watch: asked.has("watch") || undefined },
  hear: (kind, event, about) => hearing.hear(kind, event, about),
});
const card = (id) => {
  const player = net.room.players.get(id);
  return { name: player?.name ?? "somebody", hue: player?.card?.hue ?? 0, bot: player?.bot };
};
const feed = new Feed({ feed: at("feed"), chat: at("chat"), field: at("say"), say: (text) => net.room.say({ chat: text }) });
const cam = new Cam(net, card, motion.matches);
const watch = new Watch(net, scene);
const share = new Share({
  room: () => net.room.welcome?.room,
  openPrivate: () => net.join({ name: net.wish.name, create: "private" }),
});
let twin;
const lab = new Lab(at("lab"), at("b-lab"), net, {
  split(on) {
    twin?.close();
    twin = on ? new Twin(net, () => wish, motion.matches) : undefined;
    return on;
  },
  stall: () => stall(5000),
});
Object.assign(hearing, { net, feed, cam, lab, card, share });

/** Freezes this page, as a hidden tab or a hung machine would be, and counts what piled up meanwhile. */
function stall(ms) {
  note("stalled …", true);
  // Two frames, so that the note is on the screen before everything stands still.
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      const from = performance.now();
      const { frames } = net.room.stats;
      while (performance.now() - from < ms);
      // What waits is handed over in the tasks that come now; fresh ones come 50 ms apart.
      setTimeout(() => {
        net.stalled = { seconds: (performance.now() - from) / 1000, frames: net.room.stats.frames - frames };
        lab.stalled(net.stalled.seconds, net.stalled.frames);
        note("");
      }, 60);
    }),
  );
}

/** A word on the connection; calm when it is no trouble. */
function note(text, calm = false) {
  net.notice = text;
  net.calm = calm;
}

const field = at("name");
field.value = net.wish.name;
field.addEventListener("keydown", (event) => event.key === "Enter" && field.blur());
field.addEventListener("change", () => {
  field.value = myName(field.value.trim() || net.wish.name, true);
  net.rename(field.value);
});

let frames = 0;
let before = performance.now();
let shownNotice;
function frame(now) {
  const frameMs = Math.max(0, now - before);
  before = now;
  // After a pause (a hidden tab) things go on from here; they don't catch up.
  const dt = Math.min(frameMs, 100) / 1000;
  // The frame's own time is that of its start; arrivals are stamped as they come.
  const local = performance.now();
  if (net.play(local) && scene.own) scene.pucks.zap(scene.own.id);
  twin?.play(local);
  const view = buildView(net, local, { aim: wish.aim, overlay: lab.overlay });
  watch.update(view, dt);
  hearing.addTo(view, local);
  const half = twin ? Math.floor(innerWidth / 2) : innerWidth;
  Object.assign(scene.camera, { left: 0, width: half });
  scene.update(view, now, dt);
  const replay = cam.frame(now, dt, view.me?.away);
  const panes = [replay ? { scene: replay.scene, view: replay.view } : { scene, view, title: twin && "you" }];
  if (twin) panes.push(twin.frame(now, dt, half));
  if (replay) replay.scene.camera.width = half;
  renderer.draw(panes.map(({ scene: { batch, camera } }) => ({ batch, camera, left: camera.left, width: camera.width })), now / 1000, frameMs);
  overlay.begin();
  for (const pane of panes) overlay.pane(pane.scene, pane.view, now, pane.title);
  if (net.joined && !twin) drawMap(overlay.context, scene, view, now);
  overlay.thumbs(input.thumbs.shown);
  board.update(view);
  hint.update(view, local, input.device === "touch");
  lab.update(local);
  if (shownNotice !== net.notice) {
    shownNotice = net.notice;
    at("notice").textContent = shownNotice;
    at("notice").hidden = !shownNotice;
    at("notice").classList.toggle("calm", shownNotice.startsWith("Connecting") || net.calm === true);
  }
  frames++;
  requestAnimationFrame(frame);
}
requestAnimationFrame(frame);

expose({ net, scene, renderer, lab, hint, cam, hearing, twin: () => twin, frames: () => frames, wish: () => wish });
