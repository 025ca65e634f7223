// Only the newest payload of an event, once per animation frame.
//
// Promises: however many arrive between two frames, `handler` runs once, with the last one's arguments; in a
// hidden page, where frames rest, nothing piles up. Leaves out: events whose every message matters.

const nextFrame = globalThis.requestAnimationFrame ?? ((fn) => setTimeout(fn, 16));

/** Returns `{ stop(), skipped }`: `skipped` counts payloads that a newer one replaced. */
export function latest(socket, event, handler) {
  let waiting;
  const handle = { skipped: 0, stop: () => ((waiting = undefined), socket.off(event, arrive)) };
  const hand = () => {
    const args = waiting;
    waiting = undefined;
    if (args) handler(...args);
  };
  const arrive = (...args) => {
    if (waiting) handle.skipped++;
    else nextFrame(hand);
    waiting = args;
  };
  socket.on(event, arrive);
  return handle;
}
