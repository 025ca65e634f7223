"""PyPI python-socketio, blocking and asyncio, against the fixtures `socketio` and `api`.

Promises: each cell connects with auth, talks both ways in text and bytes with acks, hears of a refusal, is in rooms, leaves
and is left, and finds a restarted server again. Prints a line per cell and `N passed, N failed`. Usage: matrix.py FIXTURE.
Leaves out: what only the 4.x JavaScript client can do (recovery).
"""

import asyncio
import queue
import re
import subprocess
import sys
import traceback

import socketio

DEADLINE = 15
CHOICES = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": ["polling", "websocket"]}


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


def blocking(transports, namespace):
    heard = queue.Queue()
    with Server("socketio") as server:
        client = socketio.Client(reconnection=False)
        for event in ["auth", "message-back", "disconnect"]:
            client.on(event, lambda *args, event=event: heard.put((event, args)), namespace=namespace)
        client.connect(server.url, auth={"token": "abc"}, transports=transports, namespaces=[namespace])
        assert heard.get(timeout=DEADLINE) == ("auth", ({"token": "abc"},))
        if namespace == "/":
            client.emit("message", ("text", 7, {"deep": b"\x00\xff"}))
            assert heard.get(timeout=DEADLINE) == ("message-back", ("text", 7, {"deep": b"\x00\xff"}))
            answer = client.call("message-with-ack", (b"\x01\x02", "x"), timeout=DEADLINE)
            assert answer == (b"\x01\x02", "x") or answer == [b"\x01\x02", "x"], answer
        client.disconnect()
        assert heard.get(timeout=DEADLINE)[0] == "disconnect"


def blocking_api(transports):
    heard = queue.Queue()
    with Server("api") as server:
        clients = [socketio.Client(reconnection=False) for _ in range(2)]
        for at, client in enumerate(clients):
            for event in ["e", "disconnect"]:
                client.on(event, lambda *args, at=at, event=event: heard.put((at, event, args)))
            client.on("question", lambda n: n * 2)
            client.connect(server.url, transports=transports)
            client.call("join", ["x"], timeout=DEADLINE)
        clients[0].call("say", ({"to": ["x"]}, "e", {"n": 1}), timeout=DEADLINE)
        at, event, args = heard.get(timeout=DEADLINE)
        assert (at, event, args[0]) == (1, "e", {"n": 1})
        assert clients[0].call("ask", ("question", 21, 5000), timeout=DEADLINE) == {"answer": 42}
        refused = socketio.Client(reconnection=False)
        refused.on("connect_error", lambda error: heard.put(error), namespace="/guarded")
        try:
            refused.connect(server.url, transports=transports, namespaces=["/guarded"], auth={"ban": 1})
            raise AssertionError("it was let in")
        except socketio.exceptions.ConnectionError:
            assert heard.get(timeout=DEADLINE)["message"] == "banned"
        clients[1].emit("quit", False)
        at, event, _ = heard.get(timeout=DEADLINE)
        assert (at, event) == (1, "disconnect")
        clients[0].disconnect()


async def asyncio_cell(transports):
    heard = asyncio.Queue()
    with Server("socketio") as server:
        client = socketio.AsyncClient(reconnection=True, reconnection_delay=0.05, reconnection_delay_max=0.2)
        for event in ["auth", "message-back", "disconnect"]:
            client.on(event, lambda *args, event=event: heard.put_nowait((event, args)))

        async def next_of(event):
            while True:
                got = await asyncio.wait_for(heard.get(), DEADLINE)
                if got[0] == event:
                    return got[1]

        await client.connect(server.url, auth={"token": "abc"}, transports=transports)
        assert await next_of("auth") == ({"token": "abc"},)
        await client.emit("message", ("text", 7, {"deep": b"\x00\xff"}))
        assert await next_of("message-back") == ("text", 7, {"deep": b"\x00\xff"})
        answer = await client.call("message-with-ack", (b"\x01\x02", "x"), timeout=DEADLINE)
        assert list(answer) == [b"\x01\x02", "x"], answer
        port = server.port
    await next_of("disconnect")
    with Server("socketio", port):
        assert await next_of("auth") == ({"token": "abc"},)
        assert list(await client.call("message-with-ack", (1, "again"), timeout=DEADLINE)) == [1, "again"]
        await client.disconnect()


def main():
    cells = []
    for name, transports in CHOICES.items():
        for namespace in ["/", "/custom"]:
            cells.append((f"blocking, {name}, {namespace}", lambda t=transports, n=namespace: blocking(t, n)))
        cells.append((f"blocking, {name}, the whole API", lambda t=transports: blocking_api(t)))
    for name in ["polling", "websocket"]:
        cells.append((f"asyncio, {name}", lambda t=CHOICES[name]: asyncio.run(asyncio_cell(t))))
    failed = 0
    for name, cell in cells:
        try:
            cell()
            print(f"ok      {name}", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED  {name}\n{traceback.format_exc()}", flush=True)
    print(f"{len(cells) - failed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
