// Lets Node import the page's modules: what they fetch from the server under `/socket.io/` and `/schema/` is found here.
//
// Promises: `/socket.io/X` is `client/web/js/X`; `/schema/X` comes from the server whose address `initialize` got.
import { pathToFileURL } from "node:url";
import { resolve as join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");
let server;

export function initialize({ url }) {
  server = url;
}

export async function resolve(specifier, context, next) {
  if (specifier.startsWith("/socket.io/")) return { url: pathToFileURL(join(ROOT, "client/web/js", specifier.slice(11))).href, format: "module", shortCircuit: true };
  if (specifier.startsWith("/schema/")) return { url: server + specifier, format: "module", shortCircuit: true };
  const found = await next(specifier, context);
  // The page's folders have no package.json that says so, but its files are modules.
  return found.url.startsWith("file:") && found.url.endsWith(".js") && !found.url.includes("/node_modules/") ? { ...found, format: "module" } : found;
}

export async function load(url, context, next) {
  if (!url.startsWith("http:")) return next(url, context);
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return { format: "module", source: await answer.text(), shortCircuit: true };
}
