// ARENA-N as a room of Colyseus, as its documentation shows one: a schema with the narrowest types there are,
// mutated once before each patch (the hook `onBeforePatch`), so that every patch holds exactly one tick and no
// timer but the room's own runs. Without views one encoding serves everybody, which is the cheapest it offers
// where all see the same; `--views` gives each client a StateView of its own, its means of showing less.
//
//   node colyseus.mjs PORT [--views] [--entities 100] [--standing 0]
//
// Clients join the room `arena`; what they send as message 0, in bytes, is taken as their input.
import { parseArgs } from 'node:util';
import { Room, Server } from '@colyseus/core';
import { Encoder, StateView, schema, t } from '@colyseus/schema';
import { WebSocketTransport } from '@colyseus/ws-transport';
import { Arena } from '../arena.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    views: { type: 'boolean', default: false },
    // Those that move, and as many more that never do.
    entities: { type: 'string', default: '100' },
    standing: { type: 'string', default: '0' },
  },
});

const Mover = schema(
  { x: t.uint16(), y: t.uint16(), dir: t.uint8(), hp: t.uint8(), flags: t.uint8(), kind: t.uint8(), speed: t.uint8() },
  'Mover',
);
const movers = t.array(Mover);
const State = schema({ movers: options.views ? movers.view() : movers }, 'State');
Encoder.BUFFER_SIZE = 256 * 1024;

class ArenaRoom extends Room {
  state = new State();
  patchRate = 50;
  autoDispose = false;
  inputs = new Map();
  thrusts = 0;

  onCreate() {
    this.scene = new Arena('J100', Number(options.entities));
    const still = new Arena('J100', Number(options.standing));
    for (const m of [...this.scene.movers, ...still.movers]) {
      const mover = new Mover();
      for (const field of ['x', 'y', 'dir', 'hp', 'flags', 'kind', 'speed']) mover[field] = m[field];
      this.state.movers.push(mover);
    }
    this.onMessageBytes(0, (client, bytes) => this.inputs.set(client.sessionId, bytes[0]));
  }

  onJoin(client) {
    if (!options.views) return;
    client.view = new StateView();
    client.view.subscribe(this.state.movers);
  }

  onLeave(client) {
    this.inputs.delete(client.sessionId);
  }

  onBeforePatch(state) {
    for (const input of this.inputs.values()) this.thrusts += input & 1;
    this.scene.step();
    this.scene.movers.forEach((m, i) => {
      const mover = state.movers[i];
      mover.x = m.x;
      mover.y = m.y;
      mover.dir = m.dir;
      mover.hp = m.hp;
      mover.flags = m.flags;
    });
  }
}

const port = Number(positionals[0] ?? 9104);
// Two minutes without a heartbeat, as everybody here has it.
const server = new Server({ greet: false, transport: new WebSocketTransport({ pingInterval: 120_000 }) });
server.define('arena', ArenaRoom);
await server.listen(port, '127.0.0.1', 4096);
console.log(`listening on http://127.0.0.1:${port}`);
