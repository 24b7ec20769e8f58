"""A proxy of this machine through which everything from outside comes at a given rate, and is counted."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_BLOCK = 16 * 1024
_HEAD = 16 * 1024


class SlowProxy:
    """Tunnels of HTTPS (CONNECT), which share `mbit_s` megabits a second for all that comes in."""

    def __init__(self, mbit_s: float) -> None:
        self._bytes_s = mbit_s * 1e6 / 8
        self._free_at_s = 0.0
        self.came_bytes = 0
        self.url = ""
        self._tunnels: set[asyncio.Task[None]] = set()

    async def serve(self, ready: threading.Event, stop: asyncio.Event) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        await stop.wait()
        server.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Begin a tunnel, which is held here: the event loop alone would let it go."""
        task = asyncio.get_running_loop().create_task(self._tunnel(reader, writer))
        self._tunnels.add(task)
        task.add_done_callback(self._tunnels.discard)

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, ValueError):
            head = (await reader.readuntil(b"\r\n\r\n"))[:_HEAD].decode("latin-1")
            host, _, port = head.split()[1].rpartition(":")
            inwards, outwards = await asyncio.open_connection(host, int(port), limit=4 * _BLOCK)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            sending = asyncio.create_task(_copy(reader, outwards))
            await self._slowly(inwards, writer)
            sending.cancel()
            outwards.close()
        writer.close()

    async def _slowly(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while block := await reader.read(_BLOCK):
            self.came_bytes += len(block)
            now_s = time.monotonic()
            self._free_at_s = max(now_s, self._free_at_s) + len(block) / self._bytes_s
            await asyncio.sleep(self._free_at_s - now_s)
            writer.write(block)
            await writer.drain()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while block := await reader.read(_BLOCK):
            writer.write(block)
            await writer.drain()


@contextmanager
def slow_proxy(mbit_s: float) -> Iterator[SlowProxy]:
    """Yield a proxy that runs in a thread until the end of the block."""
    proxy, ready = SlowProxy(mbit_s), threading.Event()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(proxy.serve(ready, stop)), daemon=True)
    thread.start()
    ready.wait()
    yield proxy
    loop.call_soon_threadsafe(stop.set)
    thread.join(timeout=10)
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
