"""What the HTTP side remembers: sessions, models, samplers and promises; and how a call becomes a promise."""

import json
import time
import zlib
from collections.abc import Callable
from typing import Any

from aiohttp import web

from .base import Lora
from .engine import Engine, Target
from .errors import UserError
from .futures import Call, Futures
from .wire import need

Body = dict[str, Any]

UNPACKED = 1 << 30
"""Most bytes of a body that came compressed: a few MiB could unpack to any size."""


class Hub:
    """The state behind all routes of one worker."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.futures = Futures()
        self.name = engine.base.source.name
        self.context = int(getattr(engine.base.network.config, "max_position_embeddings", None) or 1 << 20)
        """Longest sequence, in tokens."""
        self.models: dict[str, Body] = {}
        """What get_info says, by model_id; a model stands here as soon as it has been asked for."""
        self.sessions: dict[str, dict[str, list[str]]] = {}
        self.samplers: dict[str, Target] = {}

    def session(self, session_id: Any) -> dict[str, list[str]]:
        if session_id not in self.sessions:
            raise UserError(
                f"session_id {session_id!r}: no such session; has the worker been restarted? create one", 404
            )
        return self.sessions[session_id]

    def model(self, model_id: str) -> Body:
        if model_id not in self.models:
            raise UserError(f"model_id {model_id!r}: no such model on this worker; create it with create_model", 404)
        return self.models[model_id]

    def sampler(self, sampler_id: Any) -> Target:
        if sampler_id not in self.samplers:
            raise UserError(f"sampling_session_id {sampler_id!r}: no such session; create it", 404)
        return self.samplers[sampler_id]

    def named(self, base_model: Any) -> None:
        """@raise UserError where another model is asked for than is served here"""
        if base_model is not None and base_model != self.name:
            raise UserError(
                f"base_model {base_model!r}: {self.name!r} is served here; ask for it, or start another worker"
            )

    def target(self, body: Body) -> Target:
        """What a sampling session samples from."""
        if live := body.get("ealign"):
            model_id = need(live, "model_id", str, "ealign")
            self.model(model_id)
            factor = live.get("amplify")
            if factor is not None and not isinstance(factor, int | float):
                raise UserError(f"ealign: amplify is {factor!r}; send a number")
            return Target(model_id=model_id, factor=1.0 if factor is None else float(factor))
        if path := body.get("model_path"):
            self.engine.checkpoints.folder(path, "sampler_weights")
            return Target(path=path)
        self.named(body.get("base_model"))
        return Target()

    def do(self, command: str, *arguments: Any) -> Any:
        """Runs one of the engine's commands on all ranks; on the engine's thread."""
        self.engine.world.send((command, arguments))
        return getattr(self.engine, command)(*arguments)

    async def soon(self, command: str, *arguments: Any) -> Any:
        """Runs a command in its turn, and waits for it."""
        return await self.futures.soon(lambda: self.do(command, *arguments))

    def create(self, body: Body, lora: Lora | None, command: str, *arguments: Any) -> web.Response:
        """A promise of a new model. The same session and model_seq_id again are the same model."""
        session = self.session(need(body, "session_id", str))
        model_id = f"{body['session_id']}:train:{int(body.get('model_seq_id') or 0)}"
        call = Call(lambda: self.do(command, model_id, *arguments))
        if model_id not in self.models:
            session["training_run_ids"].append(model_id)
            self.models[model_id] = {
                "type": "get_info",
                "model_id": model_id,
                "model_data": {
                    "arch": type(self.engine.base.network.model).__name__,
                    "model_name": self.name,
                    "tokenizer_id": self.name,
                },
                "model_name": self.name,
                "is_lora": lora is not None,
                "lora_rank": None if lora is None else lora.rank,
                "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            }
        return promise(self.futures.submit(model_id, -1, call, ordered=False), model_id)

    def call(self, body: Body, run: Callable[[], Any]) -> web.Response:
        """A promise of a call of a model, in the order of its seq_id."""
        model_id = need(body, "model_id", str)
        self.model(model_id)
        return promise(self.futures.submit(model_id, seq_id(body), Call(run)), model_id)


def promise(request_id: str, model_id: str) -> web.Response:
    return web.json_response({"request_id": request_id, "model_id": model_id})


def seq_id(body: Body) -> int | None:
    number = body.get("seq_id")
    if number is not None and not isinstance(number, int):
        raise UserError(f"seq_id {number!r}: is no integer; number a model's calls upwards from 1")
    return number


async def read_body(request: web.Request) -> bytes:
    """The body, decompressed here: aiohttp refuses, without a word of its own, what it cannot decompress."""
    body = await request.read()
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding == "identity":
        return body
    try:
        if encoding in ("gzip", "deflate"):
            unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
            plain = unpacker.decompress(body, UNPACKED + 1)
            if not unpacker.eof and len(plain) <= UNPACKED:
                raise ValueError("it is incomplete")
            return bounded(plain)
        if encoding == "zstd":
            import zstandard

            with zstandard.ZstdDecompressor().stream_reader(body) as reader:
                return bounded(reader.read(UNPACKED + 1))
    except UserError:
        raise
    except ImportError as error:
        raise UserError(
            "Content-Encoding zstd: the worker has no zstandard; send the body uncompressed", 415
        ) from error
    except Exception as error:
        raise UserError(f"Content-Encoding {encoding}: the body cannot be decompressed: {error}") from error
    raise UserError(f"Content-Encoding {encoding}: is not known here; send gzip, deflate, zstd or none", 415)


def bounded(plain: bytes) -> bytes:
    """@raise UserError 413 where there is too much"""
    if len(plain) > UNPACKED:
        raise UserError(f"body: is more than {UNPACKED} bytes when it is unpacked; send it uncompressed", 413)
    return plain


async def read_json(request: web.Request) -> Body:
    """@raise UserError where the body is no JSON object"""
    try:
        body = json.loads(await read_body(request) or b"{}")
    except ValueError as error:
        raise UserError(f"body: is no JSON ({error}); check Content-Type") from error
    if not isinstance(body, dict):
        raise UserError("body: is no JSON object; send one")
    return body
