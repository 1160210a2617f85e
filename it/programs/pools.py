# program: Python: process pool, manager, shared memory, subprocess pipelines, asyncio, signals
# run: python3 pools.py
# needs: python3
import asyncio
import concurrent.futures
import multiprocessing
import multiprocessing.shared_memory
import os
import signal
import subprocess
import sys
import threading


def square(x):
    return x * x


def check(what, got, want):
    if got != want:
        print(f"bad: {what}: {got!r} instead of {want!r}", flush=True)
        os._exit(1)


async def chat(reader, writer):
    while line := await reader.readline():
        writer.write(line[::-1].strip() + b"\n")
    writer.close()


async def main():
    hits = []
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, lambda: hits.append(1))
    server = await asyncio.start_unix_server(chat, "socket")
    reader, writer = await asyncio.open_unix_connection("socket")
    manager = multiprocessing.Manager()
    shared = manager.dict()
    memory = multiprocessing.shared_memory.SharedMemory(create=True, size=1 << 20)
    lock = threading.Lock()
    loop = asyncio.get_running_loop()
    n = 0
    with multiprocessing.Pool(3) as pool, concurrent.futures.ThreadPoolExecutor(4) as threads:
        while not os.path.exists("finish"):
            check("pool", pool.map(square, range(n, n + 20)), [i * i for i in range(n, n + 20)])
            shared[n] = str(n)
            check("manager", shared[n // 2], str(n // 2))
            memory.buf[n % 1000] = n % 251
            check("shared memory", memory.buf[n // 2 % 1000], n // 2 % 251)
            pipeline = await asyncio.create_subprocess_shell(
                f"seq 1 {n + 10} | sort -r | head -n 1 | cat", stdout=subprocess.PIPE)
            out, _ = await pipeline.communicate()
            check("pipeline", out, b"%d\n" % max(range(1, n + 11), key=str))
            writer.write(b"line%d\n" % n)
            check("socket", await reader.readline(), (b"line%d" % n)[::-1] + b"\n")
            with lock:
                check("thread", await loop.run_in_executor(threads, square, n), n * n)
            os.kill(os.getpid(), signal.SIGUSR1)
            await asyncio.sleep(0.01)
            check("signals", len(hits), n + 1)
            n += 1
            print("tick", n, flush=True)
    memory.close()
    memory.unlink()
    writer.close()
    server.close()
    manager.shutdown()
    print("ok", flush=True)
    os._exit(3)


asyncio.run(main())
