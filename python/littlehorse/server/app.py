"""Composition root: opens the stores, makes the engine over them with the cold handlers, runs until told to stop."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Sequence

from littlehorse.server import engine, open_files
from littlehorse.server.config import BadSetting, ServerConfig, default_shards, from_arguments
from littlehorse.server.data_dir import choose, make
from littlehorse.server.definitions import Definitions
from littlehorse.server.errors import RpcError, StartError
from littlehorse.server.rpc.identity import store_first_objects
from littlehorse.server.rpc.table import ColdRpcs
from littlehorse.server.services import Services
from littlehorse.shard.store import Store, StoreMemory

logger = logging.getLogger(__name__)

# The level of the contract that this server implements (08/H-3), not the version of the product.
API_VERSION = "1.3.0"
# Threads for cold handlers. They spend their time waiting for the engine; more would only compete for Python's lock.
LANES = 8
# Parts of the memory limit: block caches and write buffers of the stores, runs held in memory, and calls in progress
# with their messages. The rest is for armed wake-ups (some 200 bytes each), connections, and the process itself.
STORE_SHARE = 0.2
RUNS_SHARE = 0.25
CALLS_SHARE = 0.2
# How often the waiting threads look whether the server stops; a failure itself is reported at once.
WATCH_MS = 200


class Server:
    """One server process in parts: `start`, `wait`, `stop`, in this order. Also what tests and examples embed."""

    def __init__(self, config: ServerConfig) -> None:
        """Opens everything; nothing is served yet. Raises StartError with one sentence that says what to do."""
        self._config = config
        self._events: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="watch")
        make(config.data_dir)
        store_bytes = int(config.memory_limit * STORE_SHARE)
        self._stores: list[Store] = []
        self._cold = ColdRpcs()
        try:
            stored_shards = engine.stored_run_shards(str(config.data_dir))
            directory = choose(config.data_dir, config.shards, stored_shards, default_shards())
            memory = StoreMemory.share(store_bytes, len(directory.stores))
            for path in directory.stores:
                self._stores.append(Store(path, memory))
            self._engine = engine.create(
                data_dir=str(directory.path),
                listen=config.listen,
                advertise=config.advertise,
                run_shards=directory.run_shards,
                lanes=LANES,
                memory_limit_bytes=int(config.memory_limit * RUNS_SHARE),
                call_memory_bytes=int(config.memory_limit * CALLS_SHARE),
                max_connections=open_files.connections(config.max_connections, len(directory.stores)),
                version=API_VERSION,
                stores=list(self._stores),
                cold=self._cold,
            )
        except OSError as error:
            self._close_stores()
            raise StartError(_sentence(error)) from error

    def start(self) -> str:
        """Recovers, listens and stores the first objects; returns the HOST:PORT it listens on. Raises StartError."""
        definitions = Definitions(self._engine, engine.keys)
        services = Services(self._engine, engine.keys, definitions, self._stores[:-1])
        self._cold.serve(services)
        try:
            address = self._engine.start()
            store_first_objects(services)
        except (OSError, RpcError) as error:
            with contextlib.suppress(RuntimeError):  # it is not running if its own start failed
                self._engine.stop(0)
            self._close_stores()
            raise StartError(_sentence(error)) from error
        self._watcher.start()
        return address

    def request_stop(self) -> None:
        """Makes `wait` return. Safe inside a signal handler."""
        self._events.put(None)

    def wait(self) -> str | None:
        """Waits until a stop is requested (None) or the engine failed beyond repair (why)."""
        while True:
            # A signal that another thread took (under a tracer, say) does not wake this one, which alone handles it.
            with contextlib.suppress(queue.Empty):
                return self._events.get(timeout=WATCH_MS / 1000)

    def stop(self) -> str | None:
        """Lets calls in progress finish for as long as configured, then stops everything and releases the directory.

        Returns why the stores could not be brought up to date; None if they were. Nothing is lost then: the log has it.
        """
        self._stopping.set()
        self._engine.stop(int(self._config.drain_seconds * 1000))
        self._watcher.join()
        unclosed = self._close_stores()
        return self._engine.wait_failed(0) or unclosed

    def _watch(self) -> None:
        while not self._stopping.is_set():
            reason = self._engine.wait_failed(WATCH_MS)
            if reason is not None:
                self._events.put(reason)
                return

    def _close_stores(self) -> str | None:
        """Closes all of them, whatever one of them says; returns what the first of those that failed said."""
        failures: list[str] = []
        for store in self._stores:
            try:
                store.close()
            except OSError as error:
                failures.append(_sentence(error))
        return failures[0] if failures else None


def main(arguments: Sequence[str], program: str = "lh server start") -> int:
    """Runs a server until SIGTERM or SIGINT; returns the exit code (0 = stopped as asked)."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        config = from_arguments(arguments, program)
        server = Server(config)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda received, _frame: _stop_once(server, received))
        address = server.start()
    except (BadSetting, StartError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 2 if isinstance(error, BadSetting) else 1
    print(f"ready {address}", flush=True)
    failure = server.wait()
    if failure is not None:
        print(f"{program}: The server failed and must be restarted: {failure}", file=sys.stderr, flush=True)
        # An orderly exit would wait for threads of an engine that can no longer answer.
        os._exit(1)
    failure = server.stop()
    if failure is not None:
        print(f"{program}: The server stopped, but not in order: {failure}", file=sys.stderr, flush=True)
        return 1
    return 0


def _stop_once(server: Server, received: int) -> None:
    """The first signal stops in order, a second one at once."""
    signal.signal(received, signal.SIG_DFL)
    server.request_stop()


def _sentence(error: OSError | RpcError) -> str:
    """What an error says, as one sentence."""
    if isinstance(error, RpcError):
        text = error.message
    elif error.strerror and error.filename:
        text = f"{error.filename}: {error.strerror}"
    else:
        # An error with a number says its text only as `strerror`.
        text = error.strerror or str(error)
    return text[:1].upper() + text[1:].rstrip(".") + "."
