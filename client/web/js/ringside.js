// Ringside's browser client: the entry.
//
// `io(url, opts)` gives a socket with the API of socket.io-client 4, speaking Socket.IO protocol 5 over
// Engine.IO 4; types and options are in ringside.d.ts. Games find more in ./game/.
// Promises: no dependencies, no build step, the same source in a browser and on Node.
import { Manager, baseOf } from "./manager.js";
import { Socket } from "./socket.js";

const managers = new Map();

/** The socket of a namespace: the URL's path. Sockets of one server share a connection. */
export function io(uri, opts) {
  if (uri && typeof uri === "object" && !(uri instanceof URL)) [uri, opts] = [undefined, uri];
  opts = opts ?? {};
  const url = baseOf(uri);
  const nsp = uri === undefined ? "/" : url.pathname;
  const key = url.origin + (opts.path ?? "");
  const shared = managers.get(key);
  const apart = opts.forceNew || opts["force new connection"] || opts.multiplex === false || shared?.nsps.has(nsp);
  const query = url.search && uri !== undefined && opts.query === undefined ? Object.fromEntries(url.searchParams) : opts.query;
  const make = () => new Manager(url, { ...opts, query });
  let manager = shared;
  if (apart) manager = make();
  else if (!shared) managers.set(key, (manager = make()));
  return manager.socket(nsp, opts);
}

/** The revision of the Socket.IO protocol spoken here. */
export const protocol = 5;

Object.assign(io, { io, connect: io, Manager, Socket, protocol, managers });

export { Manager, Socket, io as connect };
export default io;
