"""A peer that is not ours: Debian's python3-websockets. "serve" echoes and prints its port; "dial PORT N" connects N times and
prints, a line of JSON each, what it was told and how it closed."""
import asyncio, json, logging, sys
import websockets

logging.disable(logging.CRITICAL)
options = {"compression": None, "max_size": 16 << 20, "ping_interval": None, "close_timeout": 2}


def tell(message):
    return "1:" + message.encode().decode("latin1") if isinstance(message, str) else "2:" + message.decode("latin1")


async def echo(c):
    try:
        async for message in c:
            await c.send(message)
    except websockets.ConnectionClosed:
        pass


async def serve():
    server = await websockets.serve(echo, "127.0.0.1", 0, **options)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Future()


async def dial(port, n):
    for i in range(n):
        got = []
        c = await websockets.connect(f"ws://127.0.0.1:{port}/{i}", **options)
        try:
            async for message in c:
                got.append(tell(message))
        except websockets.ConnectionClosed:
            pass
        await c.wait_closed()
        # What it said itself is its verdict on a breach; what it was told is that of a close in order.
        code = c.close_sent.code if c.close_sent is not None else c.close_code
        print(json.dumps({"got": got, "code": code}), flush=True)


if sys.argv[1] == "serve":
    asyncio.run(serve())
else:
    asyncio.run(dial(int(sys.argv[2]), int(sys.argv[3])))
