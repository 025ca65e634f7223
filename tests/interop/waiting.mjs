// Waiting for what a socket tells, with a deadline that names what did not come.

/** As long as anything here may take. */
export const DEADLINE_MS = 10_000;

/** `promise`, or a failure that names `what` it was. */
export function within(promise, what) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`${what}: not within ${DEADLINE_MS} ms`)), DEADLINE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The arguments of the emitter's next event of this name. */
export const next = (emitter, event) => within(new Promise((found) => emitter.once(event, (...args) => found(args))), event);
