"""Routes that Tinker does not have: weights and exact state over HTTP, the residual stream, steering, memory taken."""

import math
import resource
import sys

import numpy as np
import torch
from aiohttp import web

from .engine import Target
from .errors import UserError
from .hub import Hub, read_body, read_json
from .network import Steering
from .wire import need, tokens_from_json


def routes(hub: Hub) -> list[web.RouteDef]:
    room = ExtensionRoutes(hub)
    return [
        web.get("/api/v1/ealign/weights", room.get_weights),
        web.put("/api/v1/ealign/weights", room.put_weights),
        web.get("/api/v1/ealign/state", room.get_state),
        web.put("/api/v1/ealign/state", room.put_state),
        web.post("/api/v1/ealign/mean_hidden", room.mean_hidden),
        web.post("/api/v1/ealign/steer", room.steer),
        web.get("/api/v1/ealign/memory", room.memory),
    ]


class ExtensionRoutes:
    """Answered at once, after the calls that were queued before them."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    async def get_weights(self, request: web.Request) -> web.Response:
        return await self._download(request, "get_weights")

    async def get_state(self, request: web.Request) -> web.Response:
        return await self._download(request, "get_state")

    async def put_weights(self, request: web.Request) -> web.Response:
        return await self._upload(request, "put_weights")

    async def put_state(self, request: web.Request) -> web.Response:
        return await self._upload(request, "put_state")

    async def _download(self, request: web.Request, command: str) -> web.Response:
        model_id = self._model_id(request)
        return web.Response(body=await self.hub.soon(command, model_id), content_type="application/octet-stream")

    async def _upload(self, request: web.Request, command: str) -> web.Response:
        model_id = self._model_id(request)
        return web.json_response(await self.hub.soon(command, model_id, await read_body(request)))

    def _model_id(self, request: web.Request) -> str:
        model_id = request.query.get("model_id", "")
        self.hub.model(model_id)
        return model_id

    async def mean_hidden(self, request: web.Request) -> web.Response:
        body = await read_json(request)
        model_id = need(body, "model_id", str)
        self.hub.model(model_id)
        if body.get("set") not in ("base", "policy"):
            raise UserError(f"mean_hidden: set is {body.get('set')!r}; send base or policy")
        vocabulary, rows = self.hub.engine.base.network.vocabulary, []
        for i, row in enumerate(need(body, "rows", list)):
            where = f"rows[{i}]"
            tokens = tokens_from_json({"chunks": [{"tokens": need(row, "tokens", list, where)}]}, where)
            targets = np.asarray([bool(t) for t in need(row, "targets", list, where)])
            if not 0 < len(tokens) == len(targets) <= self.hub.context:
                raise UserError(f"{where}: send as many targets as tokens, 1 to {self.hub.context}")
            if tokens.min() < 0 or tokens.max() >= vocabulary:
                raise UserError(f"{where}: has a token outside 0 to {vocabulary - 1}; use this model's tokenizer")
            rows.append((tokens, targets))
        target = Target() if body["set"] == "base" else Target(model_id=model_id)
        hidden = await self.hub.soon("mean_hidden", target, need(body, "layer", int), rows)
        return web.json_response({"hidden": hidden})

    async def steer(self, request: web.Request) -> web.Response:
        body = await read_json(request)
        model_id, when = need(body, "model_id", str), body.get("when")
        self.hub.model(model_id)
        if when not in ("training", "answering"):
            raise UserError(f"steer: when is {when!r}; send training or answering")
        steering = []
        for i, given in enumerate(need(body, "steering", list)):
            vector = need(given, "vector", list, f"steering[{i}]")
            if not all(isinstance(x, int | float) and math.isfinite(x) for x in vector):
                raise UserError(f"steering[{i}]: the vector has something that is no finite number; send numbers")
            layer = need(given, "layer", int, f"steering[{i}]")
            steering.append(Steering(layer, given.get("kind") or "add", tuple(map(float, vector))))
        return web.json_response(await self.hub.soon("steer", model_id, when, steering))

    async def memory(self, _request: web.Request) -> web.Response:
        """The most that rank 0 has held so far, in bytes: of the host, and of its GPU where it has one."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        on_gpu = self.hub.engine.base.network.device.type == "cuda"
        return web.json_response({"host": peak, "device": torch.cuda.max_memory_allocated() if on_gpu else None})
