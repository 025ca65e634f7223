// Starts nginx or haproxy in front of one or two gateways, as a user would set them up.
//
// Promises: the proxy runs in the foreground from a folder of its own under the system's temporary
// folder, listens on loopback on a free port, and is gone after `stop`. A port that somebody took in
// the meantime is replaced by another. `configuration` is what users copy: each variant differs from
// the next in the lines that matter. Leaves out: TLS, and installing the programs (`cargo xtask
// verify` does).

import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** How long a proxy may take to listen. */
const START_DEADLINE_MS = 10_000;
/** Ports tried before giving up: each is free when it is chosen. */
const TRIES = 5;

/** `host:port` of a server's address. */
const hostOf = (url) => new URL(url).host;

/**
 * nginx in front of `urls`. `upgrade`: whether it passes the upgrade on; `buffering`: whether it holds
 * requests and answers back until they are whole; with several servers, each address has its own.
 */
export function nginx(port, urls, { upgrade = true, buffering = false, folder }) {
  const servers = urls.map((url) => `server ${hostOf(url)};`).join(" ");
  const sticky = urls.length > 1 ? "hash $remote_addr consistent;" : "";
  const onOff = buffering ? "on" : "off";
  return `
    user root;
    worker_processes 1;
    pid ${folder}/pid;
    error_log ${folder}/error.log;
    events { worker_connections 256; }
    http {
      access_log off;
      client_body_temp_path ${folder}/body;
      proxy_temp_path ${folder}/proxy;
      fastcgi_temp_path ${folder}/fastcgi;
      uwsgi_temp_path ${folder}/uwsgi;
      scgi_temp_path ${folder}/scgi;
      client_max_body_size 2m;
      map $http_upgrade $connection_upgrade { default upgrade; '' close; }
      upstream gateways { ${sticky} ${servers} }
      server {
        listen 127.0.0.1:${port};
        location / {
          proxy_pass http://gateways;
          proxy_http_version 1.1;
          proxy_buffering ${onOff};
          proxy_request_buffering ${onOff};
          proxy_read_timeout 60s;
          proxy_set_header Host $http_host;
          proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
          ${upgrade ? "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;" : ""}
          add_header X-Gateway $upstream_addr always;
        }
      }
    }`;
}

/** haproxy in front of `urls`; as {@link nginx}. */
export function haproxy(port, urls, { upgrade = true, buffering = false }) {
  const servers = urls.map((url, n) => `server g${n} ${hostOf(url)}`).join("\n      ");
  return `
    global
      maxconn 256
    defaults
      mode http
      timeout connect 5s
      timeout client 60s
      timeout server 60s
      timeout tunnel 1h
      ${buffering ? "option http-buffer-request" : ""}
      option forwardfor
    frontend pages
      bind 127.0.0.1:${port}
      ${upgrade ? "" : "http-request del-header Upgrade\n      http-request del-header Connection"}
      http-response set-header X-Gateway %s
      default_backend gateways
    backend gateways
      ${urls.length > 1 ? "balance source" : ""}
      ${servers}
  `;
}

/** How each is run in the foreground. */
const PROGRAMS = new Map([
  [nginx, (file, folder) => ["nginx", ["-p", folder, "-c", file, "-e", join(folder, "error.log"), "-g", "daemon off;"]]],
  [haproxy, (file) => ["haproxy", ["-db", "-f", file]]],
]);

/**
 * Starts a proxy.
 * @param {typeof nginx} configuration {@link nginx} or {@link haproxy}
 * @param {string[]} urls the gateways behind it
 * @param {object} [variant] what `configuration` takes
 * @returns {Promise<{url: string, stop(): Promise<void>}>}
 */
export async function startProxy(configuration, urls, variant = {}) {
  let trouble;
  for (let n = 0; n < TRIES; n += 1) {
    try {
      return await startOnce(configuration, urls, variant);
    } catch (error) {
      trouble = error;
    }
  }
  throw trouble;
}

async function startOnce(configuration, urls, variant) {
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), "ringside-proxy-"));
  const file = join(folder, "conf");
  await writeFile(file, `${configuration(port, urls, { ...variant, folder })}\n`);
  const [program, args] = PROGRAMS.get(configuration)(file, folder);
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk) => {
    said = (said + chunk).slice(-4_000);
  });
  const gone = new Promise((done) => {
    child.once("exit", done);
    child.once("error", done);
  });
  const stop = async () => {
    child.kill("SIGTERM");
    await gone;
    await rm(folder, { recursive: true, force: true });
  };
  let ended = false;
  gone.then(() => {
    ended = true;
  });
  const until = Date.now() + START_DEADLINE_MS;
  while (!(await accepts(port))) {
    if (ended || Date.now() > until) {
      await stop();
      throw new Error(`${program} does not listen: ${said}`);
    }
  }
  return { url: `http://127.0.0.1:${port}`, stop };
}

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** Whether somebody accepts there; a refusal takes a moment, so asking again is no spinning. */
function accepts(port) {
  return new Promise((answer) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      answer(true);
    });
    socket.once("error", () => setTimeout(answer, 20, false));
  });
}
