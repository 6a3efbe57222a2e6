"""The command line: `python -m ealign_worker --model PATH_OR_ID`."""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import time
from pathlib import Path

import torch
from aiohttp import web

from .base import Base
from .callers import require_guarded
from .checkpoints import Checkpoints
from .engine import Engine
from .errors import UserError, tell
from .loading import source_for
from .server import Server
from .world import World


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ealign_worker", description="Serves Tinker's training API from PyTorch.")
    parser.add_argument("--model", required=True, help="folder, or name on the Hugging Face hub")
    parser.add_argument("--host", default="127.0.0.1", help="where others reach it: with --api-key-env only")
    parser.add_argument("--port", type=int, default=0, help="0: a free one; it is printed when ready")
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "auto"], default="auto")
    parser.add_argument("--device", choices=["cpu", "cuda", "auto"], default="auto")
    parser.add_argument("--quantize", choices=["4bit"], help="the base in 4 bits, by bitsandbytes; LoRA only")
    parser.add_argument("--threads", type=int, help="of the CPU")
    parser.add_argument(
        "--checkpointing", action="store_true", help="recompute activations: less memory, a third slower"
    )
    parser.add_argument("--token-budget", type=int, default=8192, help="tokens of a micro-batch, padding included")
    parser.add_argument("--checkpoints", type=Path, default=Path("ealign-checkpoints"), help="folder of saved weights")
    parser.add_argument(
        "--api-key-env", metavar="NAME", help="environment variable with the key that clients must send"
    )
    parser.add_argument(
        "--shard", action="store_true", help="FSDP2: the layers are sharded over the processes of torchrun"
    )
    return parser.parse_args()


def start(options: argparse.Namespace) -> Engine:
    """Loads everything, telling of its progress."""
    if options.threads:
        torch.set_num_threads(options.threads)
    logging.getLogger("transformers").setLevel(logging.ERROR)
    world = World(options.shard)
    source = source_for(options.model, options.device, options.dtype, options.quantize, options.shard, world.local_rank)
    began = time.monotonic()
    if world.rank == 0:
        print(f"loading {options.model} on {source.device} in {source.dtype}", flush=True)
    base = Base(source, world.shard if options.shard else None, options.checkpointing)
    if world.rank == 0:
        count = sum(p.numel() for p in base.network.model.parameters())
        print(f"loaded {count / 1e6:.1f} M parameters in {time.monotonic() - began:.1f} s", flush=True)
    return Engine(base, Checkpoints(options.checkpoints), world, options.token_budget)


def follow(engine: Engine) -> None:
    """What ranks above 0 do: the commands of rank 0, until there are no more."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # rank 0 gets it too, and says when it is over
    while (command := engine.world.receive()) is not None:
        name, given = command
        try:
            getattr(engine, name)(*given)
        except UserError:
            pass  # rank 0 meets it too, and answers
        except Exception as error:
            tell(f"rank {engine.world.rank}: {name}: {type(error).__name__}: {error}")


async def serve(engine: Engine, options: argparse.Namespace, api_key: str | None) -> None:
    """Serves until SIGINT or SIGTERM."""
    server = Server(engine, api_key)
    runner = web.AppRunner(server.app(), access_log=None, auto_decompress=False)
    await runner.setup()
    site = web.TCPSite(runner, options.host, options.port)
    try:
        await site.start()
    except OSError as error:
        raise UserError(f"--host {options.host} --port {options.port}: {error.strerror}; choose another") from error
    port = runner.addresses[0][1]
    worker = asyncio.create_task(server.hub.futures.work())
    ready = {"port": port, "url": f"http://{options.host}:{port}", "model": options.model, "pid": os.getpid()}
    print(json.dumps(ready), flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    worker.cancel()
    await runner.cleanup()
    await asyncio.get_running_loop().run_in_executor(server.hub.futures.thread, engine.world.send, None)


def main() -> None:
    options = arguments()
    try:
        api_key = None
        if options.api_key_env is not None and not (api_key := os.environ.get(options.api_key_env)):
            raise UserError(f"--api-key-env {options.api_key_env}: is not set; set it to the key")
        require_guarded(options.host, api_key is not None)
        engine = start(options)
        if engine.world.rank > 0:
            follow(engine)
        else:
            asyncio.run(serve(engine, options, api_key))
    except UserError as error:
        sys.exit(f"ealign_worker: {error}")


if __name__ == "__main__":
    main()
