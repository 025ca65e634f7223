// What there is to draw: the room's knowledge at this moment, in arena pixels.
//
//   { pucks: id → { x, y, aim, light, thrust, dash, dashWait, cracked, away, fresh, shots, life, hue, name, bot },
//     motes: index → { x, y, value }, well, round, standings, me, ownId, followId, lookAt, overlay }
//
// Promises: others are shown where playback stands, oneself where the prediction stands; names and colours come from
// the room's cards. Leaves out: everything that moves by itself (scene.js).
import { FINE_PX } from "./own.js";
import { LAYER } from "./net.js";

const PIXEL = 16;
const WELL_TICKS = 25 * 60;
const RICH = 12;
const STANDING_PX = 32;

const radians = (aim256) => (aim256 / 256) * 2 * Math.PI;

export function buildView(net, now, { aim, overlay } = {}) {
  const { room, ownId, options } = net;
  const pucks = new Map();
  const card = (id) => {
    const player = room.players.get(id);
    return { name: player?.name ?? "", bot: player?.bot ?? false, hue: player?.card?.hue ?? (id * 37) & 255 };
  };
  const show = (id, seen) => {
    const { x, y, aim: turned, light, thrust, dash, cracked, away, fresh, shots, life } = seen;
    pucks.set(id, { x: x / PIXEL, y: y / PIXEL, aim: radians(turned), light: Math.round(light), thrust, dash, cracked, away, fresh, shots: Math.floor(shots), life: Math.floor(life), ...card(id) });
  };
  if (options.interpolation) net.pucks.sample(show);
  else for (const [id, seen] of net.pucks.all()) show(id, seen);
  const own = showOwn(net, now, pucks, aim);
  const motes = new Map();
  for (const { index, value } of net.decoder.entities(LAYER.MoteSeen)) motes.set(index, value);
  return {
    pucks,
    motes,
    ownId,
    me: own && { light: own.light, away: own.away, dashWait: own.dashWait, zapWait: net.own.state?.zapWait ?? 0 },
    standings: standings(net, card),
    ...stage(net, now),
    overlay: overlay && networkOverlay(net),
  };
}

/** The own puck where the prediction stands; what only the server knows of it (light, cracks) as it said last. */
function showOwn(net, now, pucks, aim) {
  const { ownId, own, options } = net;
  const seen = ownId === undefined ? undefined : net.pucks.newest(ownId);
  const { tick = 0 } = net.room.pace;
  const at = own.shown(now, tick - Math.floor(tick), options.prediction);
  const puck = pucks.get(ownId);
  if (!seen || !at || !puck) return puck;
  const state = options.prediction ? own.state : own.truth;
  Object.assign(puck, {
    x: at[0],
    y: at[1],
    aim: aim === undefined ? radians(seen.aim) : (aim / 1024) * 2 * Math.PI,
    light: seen.light,
    cracked: seen.cracked,
    fresh: seen.fresh,
    dash: state.dash > 0,
    dashWait: state.dashWait,
    away: own.truth.away,
    life: own.truth.life,
    // Its own zaps are drawn when they are made, not when the server has heard of them.
    shots: options.prediction ? 0 : seen.shots,
  });
  return puck;
}

function standings(net, card) {
  const list = [];
  for (const { index, value } of net.decoder.entities(LAYER.Standing)) {
    list.push({ id: index, ...card(index), ...value, rich: value.light >= RICH && value.x + value.y > 0, x: (value.x + 0.5) * STANDING_PX, y: (value.y + 0.5) * STANDING_PX });
  }
  return list.sort((a, b) => b.score - a.score || b.light - a.light || a.id - b.id);
}

/** The well and the round, with what is left of each in ms by the server's clock. */
function stage(net, now) {
  const { playback, decoder } = net;
  const tick = playback.serverTick(now) ?? decoder.tick ?? 0;
  for (const { value } of decoder.entities(LAYER.Stage)) {
    const left = (until) => Math.max(0, until - tick) * playback.tickMs;
    return {
      well: { x: value.well_x, y: value.well_y, left: left(value.well_until), total: WELL_TICKS * playback.tickMs },
      round: { number: value.round, phase: value.rest ? "break" : "play", left: left(value.ends) },
    };
  }
  return {};
}

/** Where the server last said that everybody is, and which squares it tells us of. */
function networkOverlay(net) {
  const { decoder, own, room } = net;
  const ghosts = [];
  for (const [id, { x, y, away }] of net.pucks.all()) {
    if (away) continue;
    const exact = id === net.ownId && own.truth;
    ghosts.push({ x: exact ? own.truth.x / FINE_PX : x / PIXEL, y: exact ? own.truth.y / FINE_PX : y / PIXEL, radius: 24 });
  }
  const { square = 512, squares = 8 } = room.welcome?.about ?? {};
  const cells = [];
  for (const { cell, tick } of decoder.cells()) {
    if (cell < squares * squares) cells.push({ column: cell % squares, row: Math.floor(cell / squares), age: (decoder.tick - tick) / 30 });
  }
  return { ghosts, cells, cellPx: square };
}
