// Whether what Colyseus' own client decodes is ARENA-N: a figure without a right hash is none. Starts the server
// in both shapes, joins with @colyseus/sdk, and follows the scene for two seconds.
//
//   node colyseus-check.mjs
import assert from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { Client } from '@colyseus/sdk';
import { Arena, hash } from '../arena.mjs';

const ENTITIES = 100;
const PATCHES = 40;

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

/** Follows the scene: the hash of each patch is that of the next tick, from some tick on. */
async function follow(room) {
  const scene = new Arena('J100', ENTITIES);
  let patches = 0;
  await new Promise((resolve, reject) => {
    room.onError((code, message) => reject(new Error(`${code}: ${message}`)));
    room.onStateChange((state) => {
      const movers = [...state.movers];
      if (movers.length === 0) return;
      const wanted = hash(movers);
      const steps = patches === 0 ? 100_000 : 1;
      for (let n = 0; n < steps && hash(scene.movers) !== wanted; n++) scene.step();
      if (hash(scene.movers) !== wanted) reject(new Error(`patch ${patches} is not the scene's next tick`));
      patches += 1;
      if (patches === PATCHES) resolve();
    });
  });
}

for (const shape of [[], ['--views']]) {
  const port = await freePort();
  const server = spawn(process.execPath, ['colyseus.mjs', port, ...shape], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [line] = await once(createInterface({ input: server.stdout }), 'line');
    assert.match(line, /^listening on /);
    const room = await new Client(`ws://127.0.0.1:${port}`).joinOrCreate('arena');
    await follow(room);
    await room.leave();
    console.log(`colyseus ${shape.join(' ') || 'without views'}: ${PATCHES} patches, each the scene's next tick`);
  } finally {
    server.kill();
  }
}
process.exit(0);
