// For tests and the curious: what this page knows, as `window.__glimmer`. Positions in units, as on the wire.
import { LAYER } from "./net/net.js";

export function expose({ net, scene, renderer, lab, hint, cam, hearing, twin, frames, wish }) {
  const newest = (layer) => [...net.decoder.entities(layer)].map(({ index, value }) => ({ id: index, ...value }));
  window.__glimmer = {
    get id() {
      return net.ownId;
    },
    get room() {
      return net.room.welcome?.room;
    },
    get tick() {
      return net.decoder.tick ?? undefined;
    },
    get transport() {
      return net.transport;
    },
    get connected() {
      return net.connected && net.joined;
    },
    get frames() {
      return frames();
    },
    get renderer() {
      return renderer.kind;
    },
    get scale() {
      return renderer.scale;
    },
    get hint() {
      return hint.step;
    },
    get events() {
      return hearing.counts;
    },
    get replaying() {
      return cam.running;
    },
    /** As the newest snapshot has them. */
    players: () => newest(LAYER.PuckSeen).map((puck) => ({ ...puck, name: net.room.players.get(puck.id)?.name ?? "" })),
    standings: () => newest(LAYER.Standing),
    stage: () => newest(LAYER.Stage)[0],
    /** A layer as the newest snapshot has it: `{ index, tick, value }`. */
    layer: (name) => [...net.decoder.entities(LAYER[name])],
    motes: () => newest(LAYER.MoteSeen).length,
    me: () => window.__glimmer.players().find(({ id }) => id === net.ownId),
    /** Where the screen has a puck, arena pixels. */
    shown: (id = net.ownId) => {
      const puck = scene.pucks.all.get(id);
      return puck && { x: puck.x, y: puck.y };
    },
    network: () => ({
      mispredictions: net.mispredictions.length,
      upsets: net.own.upsets,
      largestJump: net.own.largestJump,
      pending: net.own.pending,
      stats: net.room.stats,
      datagrams: { in: net.socket.io.stats.datagramsIn, out: net.socket.io.stats.datagramsOut },
      jumps: net.room.pace.jumps,
      underruns: net.playback.underruns,
      stalled: net.stalled,
      jsonBytes: net.jsonBytes,
      figures: lab.figures(),
    }),
    cam,
    net,
    twin,
    wish,
  };
}
