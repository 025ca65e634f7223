// The script of transcript.mjs in real browsers, against both servers: line for line what the stock client tells on Node.
//
//   node --test client/web/test/everywhere.browser.mjs        (RINGSIDE_BROWSERS=firefox-esr for that one)
//
// A page runs the script by itself and posts the lines, so any browser that opens an address will do. Promises: a
// browser that is missing is a failure with its mend, not a skip; each run has a profile of its own, thrown away.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { io as stockIo } from "socket.io-client";
import { fixture } from "./fixture.mjs";
import { BROWSERS, hear } from "./headless.mjs";
import { CHOICES, plain } from "./helper.mjs";
import { SERVERS } from "./servers.mjs";
import { transcript } from "./transcript.mjs";

/** Starting a browser on a loaded machine takes seconds, the script two. */
const PAGE_MS = 90_000;

const PAGE = `<!doctype html><link rel=icon href=data:,><title>transcript</title><script type=module>
  const post = (result) => fetch("/told", { method: "POST", body: JSON.stringify(result) });
  try {
    const [{ io }, { transcript }] = await Promise.all([import("/js/ringside.js"), import("/test/transcript.mjs")]);
    const query = new URLSearchParams(location.search);
    post({ lines: await transcript(io, query.get("server"), { transports: query.get("transports").split(",") }), agent: navigator.userAgent });
  } catch (error) {
    post({ error: String(error) });
  }
</script>`;

/** Serves the page and the modules; `told` is called with what the page posts. */
async function pages(told) {
  return plain(async (request, response) => {
    const path = new URL(request.url, "http://x").pathname;
    if (path === "/told") {
      let body = "";
      for await (const part of request) body += part;
      response.end();
      return told(JSON.parse(body));
    }
    if (path === "/") return response.writeHead(200, { "Content-Type": "text/html" }).end(PAGE);
    const file = await readFile(new URL(`..${path}`, import.meta.url)).catch(() => undefined);
    response.writeHead(file ? 200 : 404, { "Content-Type": "text/javascript" }).end(file);
  });
}

/** What the page told in that browser. */
const inBrowser = (name, server, transports) => hear(name, pages, { server, transports: transports.join() }, { ms: PAGE_MS, chromium: ["--disable-quic"] });

const expected = new Map();
before(async () => {
  const reference = await fixture();
  for (const { name, transports } of CHOICES) expected.set(name, await transcript(stockIo, reference.url, { transports }));
  await reference.stop();
});

for (const browser of BROWSERS) {
  for (const { server, start } of SERVERS) {
    describe(`${browser} against ${server}`, () => {
      let running;
      before(async () => (running = await start()));
      after(() => running.stop());

      for (const { name, transports } of CHOICES) {
        test(name, async () => {
          const { lines, error, agent } = await inBrowser(browser, running.url, transports);
          assert.equal(error, undefined);
          assert.match(agent, browser.includes("firefox") ? /Firefox/ : /Chrom/);
          assert.deepEqual(lines, expected.get(name));
        });
      }
    });
  }
}
