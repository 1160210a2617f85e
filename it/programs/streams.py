"""asyncio: server and client over loopback TCP in one process, epoll, timers."""
import asyncio


async def serve(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for n in range(600):
        writer.write(b"line %d %s\n" % (n, b"x" * (n % 300)))
        await writer.drain()
        answer = await reader.readline()
        assert answer == (b"LINE %d %s\n" % (n, b"X" * (n % 300))), answer
        if n % 10 == 0:
            print("answered", n, flush=True)
        await asyncio.sleep(0.004)
    writer.close()
    server.close()
    print("all answered")


asyncio.run(main())
