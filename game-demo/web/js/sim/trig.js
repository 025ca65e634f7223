// Directions in integers: the twin of `rules/trig.rs`. A turn has 1,024 parts; sines and cosines are times 2^14.
//
// Promises: the same tables as the server's, entry for entry (a test there shows that no library's cosine rounds otherwise).

export const TURN = 1024;
export const ONE = 1 << 14;

const COSINES = Int32Array.from({ length: TURN }, (_, part) => Math.round(ONE * Math.cos((2 * Math.PI * part) / TURN)));

export const cosine = (angle) => COSINES[angle & (TURN - 1)];
export const sine = (angle) => COSINES[(angle + TURN - TURN / 4) & (TURN - 1)];

/** The angle nearest to a direction, for what a hand does; need not be exact to the bit. */
export const angleOf = (x, y) => Math.round((Math.atan2(y, x) / (2 * Math.PI)) * TURN) & (TURN - 1);
