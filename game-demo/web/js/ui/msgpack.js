// How many bytes a JSON value would take as MessagePack, by its specification's shortest forms.
//
// Promises: exact for null, booleans, integers, doubles, strings, arrays and objects. Makes no bytes: nothing is sent so.

const HEAD = (n, fix, small) => (n < fix ? 1 : n < 256 && small ? 2 : n < 65536 ? 3 : 5);

function integer(n) {
  if (n >= -32 && n < 128) return 1;
  if (n >= -128 && n < 256) return 2;
  if (n >= -32768 && n < 65536) return 3;
  return n >= -(2 ** 31) && n < 2 ** 32 ? 5 : 9;
}

const encoder = new TextEncoder();

export function msgpackBytes(value) {
  if (value === null || typeof value === "boolean") return 1;
  if (typeof value === "number") return Number.isInteger(value) ? integer(value) : 9;
  if (typeof value === "string") {
    const { length } = encoder.encode(value);
    return HEAD(length, 32, true) + length;
  }
  if (Array.isArray(value)) return value.reduce((sum, each) => sum + msgpackBytes(each), HEAD(value.length, 16, false));
  const entries = Object.entries(value);
  return entries.reduce((sum, [key, each]) => sum + msgpackBytes(key) + msgpackBytes(each), HEAD(entries.length, 16, false));
}
