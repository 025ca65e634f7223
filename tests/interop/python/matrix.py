"""PyPI python-socketio, blocking and asyncio, against the fixtures `socketio` and `api`.

Promises: each cell connects with auth, talks both ways in text and bytes with and without acks, is in rooms, hears of a
refusal, leaves and is left, and finds a restarted server again. Prints a line per cell and `N passed, N failed`. Usage:
matrix.py FIXTURE. Leaves out: what only the 4.x JavaScript client can do (recovery).
"""

import asyncio
import inspect
import queue
import re
import subprocess
import sys
import time
import traceback

import socketio

DEADLINE = 15
KINDS = {"blocking": socketio.Client, "asyncio": socketio.AsyncClient}
CHOICES = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": ["polling", "websocket"]}
BYTES = b"\x00\x01\xfe\xff"


class Server:
    """A fixture in a process of its own; `url` once it listens."""

    def __init__(self, shape, port=0):
        command = [sys.argv[1], shape, "--port", str(port)]
        if shape == "socketio":
            command += ["--ping-timeout", "5000"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        match = re.match(r"listening on (http://127\.0\.0\.1:(\d+))$", self.process.stdout.readline().strip())
        self.url, self.port = match.group(1), int(match.group(2))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Peer:
    """Either client in the words of the asyncio one, in one namespace, and what it hears."""

    def __init__(self, kind, namespace, **options):
        options = {"reconnection": False, **options}
        self.client, self.namespace, self.heard = kind(**options), namespace, queue.Queue()

    def notes(self, *events):
        for event in events:
            self.on(event, lambda *args, event=event: self.heard.put((event, args)))

    def on(self, event, handler):
        self.client.on(event, handler, namespace=self.namespace)

    async def connect(self, url, transports, **options):
        await self.do("connect", url, transports=transports, namespaces=[self.namespace], **options)
        assert self.client.transport() == transports[-1], self.client.transport()

    async def do(self, method, *args, **options):
        done = getattr(self.client, method)(*args, **options)
        return await done if inspect.isawaitable(done) else done

    async def emit(self, event, *args):
        await self.do("emit", event, args, namespace=self.namespace)

    async def call(self, event, *args):
        """The answer's arguments, as a list."""
        answer = await self.do("call", event, args, namespace=self.namespace, timeout=DEADLINE)
        if answer is None:
            return []
        return list(answer) if isinstance(answer, tuple) else [answer]

    async def next(self, event):
        """The arguments of the next event of this name."""
        until = time.monotonic() + DEADLINE
        while time.monotonic() < until:
            try:
                got, args = self.heard.get_nowait()
            except queue.Empty:
                await asyncio.sleep(0.005)
                continue
            if got == event:
                return args
        raise AssertionError(f"no {event!r} within {DEADLINE} s")

    async def logs(self, *lines):
        """Asks for the server's log until it has one of these lines: an end is noticed when it is."""
        seen, until = [], time.monotonic() + DEADLINE
        while not set(lines) & set(seen):
            assert time.monotonic() < until, f"none of {lines} among {seen}"
            seen += (await self.call("log"))[0]


async def protocol(kind, transports, namespace):
    """The suite's own fixture, with its short heartbeat."""
    with Server("socketio") as server:
        client = Peer(kind, namespace)
        client.notes("auth", "message-back", "disconnect")
        await client.connect(server.url, transports, auth={"token": "abc"})
        assert await client.next("auth") == ({"token": "abc"},)
        if namespace == "/":
            await client.emit("message", "text", 7, {"deep": BYTES})
            assert await client.next("message-back") == ("text", 7, {"deep": BYTES})
            assert await client.call("message-with-ack", BYTES, "x") == [BYTES, "x"]
        await client.do("disconnect")
        await client.next("disconnect")


async def everything(kind, transports, namespace):
    with Server("api") as server:
        a, b = (Peer(kind, namespace) for _ in range(2))
        for peer in (a, b):
            peer.notes("e", "message-back", "disconnect")
            peer.on("question", lambda asked: asked * 2 if isinstance(asked, int) else asked[::-1])
            await peer.connect(server.url, transports, auth={"token": "abc"})
        assert await a.call("auth") == [{"token": "abc"}]
        # Recovery appends an offset behind the others.
        await a.emit("message", "text", 7, {"deep": BYTES})
        assert (await a.next("message-back"))[:3] == ("text", 7, {"deep": BYTES})
        assert await a.call("message-with-ack", BYTES, "x") == [BYTES, "x"]
        assert await a.call("ask", "question", 21, 5000) == [{"answer": 42}]
        assert await a.call("ask-bytes", BYTES) == [BYTES[::-1]]

        for peer in (a, b):
            await peer.call("join", ["x"])
        assert await a.call("rooms") == [["x"]]
        await a.call("say", {"to": ["x"]}, "e", {"n": 1})
        assert (await b.next("e"))[0] == {"n": 1}
        await b.call("leave", "x")
        await a.call("say", {"from": "io", "to": ["x"]}, "e", {"n": 2})
        assert (await a.next("e"))[0] == {"n": 2}, "the sender did not hear the first"
        await b.call("rooms")
        assert b.heard.empty(), "who has left the room hears no more of it"

        await b.call("log")
        await a.do("disconnect")
        await a.next("disconnect")
        # Over WebSocket this client may close before its goodbye is out.
        await b.logs("disconnect: client namespace disconnect", "disconnect: transport close")
        await b.emit("quit", False)
        await b.next("disconnect")
        await b.do("disconnect")


async def refused(kind, transports, namespace):
    with Server("api") as server:
        client = Peer(kind, namespace)
        client.notes("connect_error")
        try:
            await client.connect(server.url, transports, auth={"ban": 1})
            raise AssertionError("it was let in")
        except socketio.exceptions.ConnectionError:
            (error,) = await client.next("connect_error")
            assert error == {"message": "banned", "data": {"code": 403}}, error
        await client.do("disconnect")


async def restarted(kind, transports, namespace):
    client = Peer(kind, namespace, reconnection=True, reconnection_delay=0.05, reconnection_delay_max=0.2)
    client.notes("connect", "disconnect")
    with Server("api") as server:
        await client.connect(server.url, transports, auth={"token": "abc"})
        await client.next("connect")
        port = server.port
    await client.next("disconnect")
    with Server("api", port):
        await client.next("connect")
        assert await client.call("message-with-ack", 1, "again") == [1, "again"]
        assert await client.call("auth") == [{"token": "abc"}]
        await client.do("disconnect")


def main():
    passed = failed = 0
    for kind_name, kind in KINDS.items():
        for name, transports in CHOICES.items():
            for namespace in ["/", "/custom"]:
                for cell in [protocol, everything, refused, restarted]:
                    title = f"{kind_name}, {name}, {namespace}: {cell.__name__}"
                    try:
                        asyncio.run(cell(kind, transports, namespace))
                        passed += 1
                        print(f"ok      {title}", flush=True)
                    except Exception:
                        failed += 1
                        print(f"FAILED  {title}\n{traceback.format_exc()}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
