"""Routes of training: models, passes, updates, saved weights, and the promises of all of them."""

import secrets
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from aiohttp import web

from .base import Lora
from .engine import Target
from .errors import UserError
from .hub import Body, Hub, read_body, read_json
from .policy import Adam
from .values import LossResult, SampleResult
from .wire import (
    need,
    pass_from_json,
    pass_from_proto,
    pass_to_json,
    pass_to_proto,
    sample_to_json,
    sample_to_proto,
)

POLL = 20.0
"""Seconds that retrieve_future holds a connection."""
PROTOBUF = "application/x-protobuf"
EPHEMERAL = 8
"""Unnamed sampler weights kept per model; older ones are deleted."""


def routes(hub: Hub) -> list[web.RouteDef]:
    room = TrainingRoutes(hub)
    handlers = {
        "create_model": room.create_model,
        "unload_model": room.unload_model,
        "forward": room.forward,
        "forward_backward": room.forward_backward,
        "optim_step": room.optim_step,
        "save_weights": room.save_weights,
        "save_weights_for_sampler": room.save_weights_for_sampler,
        "load_weights": room.load_weights,
        "retrieve_future": room.retrieve_future,
        "cancel_future": room.cancel_future,
    }
    return [web.post(f"/api/v1/{path}", handler) for path, handler in handlers.items()]


class TrainingRoutes:
    """Every call is answered by a promise, and runs in the order of its model's seq_id."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.ephemeral: dict[str, list[str]] = {}

    async def create_model(self, request: web.Request) -> web.Response:
        body = await read_json(request)
        self.hub.named(body.get("base_model"))
        if (body.get("optimizer_config") or {}).get("type", "adamw") != "adamw":
            raise UserError("optimizer_config: this worker has adamw; leave it out")
        full = bool((body.get("ealign") or {}).get("full"))
        if full and self.hub.engine.base.source.quantize:
            raise UserError("ealign.full: a quantised base cannot be trained; start the worker without --quantize")
        lora = None if full else lora_from(body.get("lora_config"))
        return self.hub.create(body, lora, "create_model", lora)

    async def unload_model(self, request: web.Request) -> web.Response:
        return self._command(await read_json(request), "unload_model")

    def _command(self, body: Body, command: str, *arguments: Any) -> web.Response:
        model_id = need(body, "model_id", str)
        return self.hub.call(body, lambda: self.hub.do(command, model_id, *arguments))

    async def forward(self, request: web.Request) -> web.Response:
        return await self._pass(request, forward=True)

    async def forward_backward(self, request: web.Request) -> web.Response:
        return await self._pass(request, forward=False)

    async def _pass(self, request: web.Request, forward: bool) -> web.Response:
        if request.content_type == PROTOBUF:
            asked = pass_from_proto(await read_body(request), forward)
        else:
            asked = pass_from_json(await read_json(request), forward)
        body = {"model_id": asked.model_id, "seq_id": asked.seq_id}
        return self._command(body, "forward_backward", asked.data, asked.what)

    async def optim_step(self, request: web.Request) -> web.Response:
        body = await read_json(request)
        return self._command(body, "optim_step", adam_from(body.get("adam_params")))

    async def save_weights(self, request: web.Request) -> web.Response:
        body = await read_json(request)
        name = body.get("path") or f"state-{secrets.token_hex(4)}"
        return self._command(body, "save_weights", name, bool(body.get("overwrite")))

    async def save_weights_for_sampler(self, request: web.Request) -> web.Response:
        """Under a name; or without one, as a sampling session of its own. `inflight` follows the policy."""
        body = await read_json(request)
        if name := body.get("path"):
            return self._command(body, "save_weights_for_sampler", name)
        model_id = need(body, "model_id", str)
        unnamed = f"session-{secrets.token_hex(4)}"
        sampler_id = f"{model_id}:{unnamed}"

        def run() -> Body:
            if body.get("kind") == "inflight":
                self.hub.samplers[sampler_id] = Target(model_id=model_id)
            else:
                path = self.hub.do("save_weights_for_sampler", model_id, unnamed)["path"]
                self.hub.samplers[sampler_id] = Target(path=path)
                self._prune(model_id, path)
            return {"sampling_session_id": sampler_id, "type": "save_weights_for_sampler"}

        return self.hub.call(body, run)

    def _prune(self, model_id: str, path: str) -> None:
        kept = self.ephemeral.setdefault(model_id, [])
        kept.append(path)
        while len(kept) > EPHEMERAL:
            self.hub.engine.checkpoints.remove(kept.pop(0))

    async def load_weights(self, request: web.Request) -> web.Response:
        """Into a model; or, with session_id and model_seq_id, into a new one that is made as the checkpoint says."""
        body = await read_json(request)
        path, optimizer = need(body, "path", str), bool(body.get("optimizer"))
        checkpoints = self.hub.engine.checkpoints
        if body.get("session_id") is None:
            return self._command(body, "load_weights", path, optimizer)
        self.hub.named(body.get("base_model"))
        lora = checkpoints.about(checkpoints.folder(path, "weights"))["lora"]
        return self.hub.create(body, None if lora is None else Lora.read(lora), "load_weights", path, optimizer)

    async def retrieve_future(self, request: web.Request) -> web.Response:
        request_id = need(await read_json(request), "request_id", str)
        call = await self.hub.futures.result(request_id, POLL)
        if call is None:
            return web.json_response({"type": "try_again", "request_id": request_id, "queue_state": "active"})
        if isinstance(call.error, UserError):
            return web.json_response({"error": str(call.error), "category": "user"})
        if call.error is not None:
            return web.json_response(
                {"error": f"internal: {type(call.error).__name__}: {call.error}", "category": "server"}
            )
        wants_proto = PROTOBUF in request.headers.get("Accept", "")
        if isinstance(call.result, LossResult):
            return _answer(call.result, pass_to_proto, pass_to_json, wants_proto)
        if isinstance(call.result, SampleResult):
            return _answer(call.result, sample_to_proto, sample_to_json, wants_proto)
        return web.json_response(call.result)

    async def cancel_future(self, request: web.Request) -> web.Response:
        self.hub.futures.cancel(need(await read_json(request), "request_id", str))
        return web.json_response({})


def _answer(result: Any, proto: Callable[[Any], bytes], plain: Callable[[Any], Any], wants_proto: bool) -> web.Response:
    if wants_proto:
        return web.Response(body=proto(result), content_type=PROTOBUF)
    return web.json_response(plain(result))


def lora_from(config: Any) -> Lora:
    """@raise UserError where a value is none that LoRA can have"""
    if not isinstance(config, dict):
        raise UserError("create_model: lora_config is missing; send it, or ealign: {full: true} to train all weights")
    known = {f.name for f in fields(Lora)}
    given = {name: value for name, value in config.items() if name in known and value is not None}
    given.setdefault("seed", secrets.randbits(31))
    rank, dropout, alpha = given.get("rank"), given.get("dropout", 0), given.get("alpha", 1)
    if not isinstance(rank, int) or rank < 1 or not all(isinstance(x, int | float) for x in (dropout, alpha)):
        raise UserError(f"lora_config: rank {rank!r}, alpha {alpha!r}, dropout {dropout!r}; send numbers, rank ≥ 1")
    if not 0 <= dropout < 1:
        raise UserError(f"lora_config: dropout {dropout}; send 0 ≤ dropout < 1")
    return Lora.read(given)


def adam_from(given: Any) -> Adam:
    """@raise UserError where it is no object of numbers"""
    if not isinstance(given, dict):
        raise UserError("body: adam_params is missing; this worker has AdamW only")
    known = {f.name for f in fields(Adam)}
    try:
        return Adam(**{name: float(value) for name, value in given.items() if name in known and value is not None})
    except (TypeError, ValueError) as error:
        raise UserError(f"adam_params: {error}; send numbers") from error
