"""The HTTP side: Tinker's routes under /api/v1, and the extensions under /api/v1/ealign."""

import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from aiohttp import web

from . import __version__
from .base import Lora
from .engine import Engine, Target
from .errors import UserError, tell
from .futures import Call, Futures
from .network import Steering
from .policy import Adam
from .values import LossResult, SampleRequest, SampleResult
from .wire import (
    need,
    pass_from_json,
    pass_from_proto,
    pass_to_json,
    pass_to_proto,
    sample_to_json,
    sample_to_proto,
    tensor_from_json,
    tokens_from_json,
)

POLL = 20.0
"""Seconds that retrieve_future holds a connection."""
PROTOBUF = "application/x-protobuf"
EPHEMERAL = 8
"""Unnamed sampler weights kept per model; older ones are deleted."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Sessions, models and promises of one worker."""

    def __init__(self, engine: Engine, api_key: str | None = None) -> None:
        self.engine, self.api_key = engine, api_key
        self.futures = Futures()
        self.name = engine.base.source.name
        self.models: dict[str, dict[str, Any]] = {}
        """What get_info says, by model_id; a model stands here as soon as it has been asked for."""
        self.sessions: dict[str, dict[str, list[str]]] = {}
        self.samplers: dict[str, Target] = {}
        self.ephemeral: dict[str, list[str]] = {}

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard], client_max_size=1 << 34)
        post: dict[str, Handler] = {
            "client/config": self.client_config,
            "client/dynamic_config": self.nothing,
            "telemetry": self.telemetry,
            "create_session": self.create_session,
            "session_heartbeat": self.heartbeat,
            "sessions/{id}/finish": self.nothing,
            "create_model": self.create_model,
            "unload_model": self.unload_model,
            "get_info": self.get_info,
            "forward": self.forward,
            "forward_backward": self.forward_backward,
            "optim_step": self.optim_step,
            "create_sampling_session": self.create_sampling_session,
            "asample": self.asample,
            "save_weights": self.save_weights,
            "save_weights_for_sampler": self.save_weights_for_sampler,
            "load_weights": self.load_weights,
            "weights_info": self.weights_info,
            "retrieve_future": self.retrieve_future,
            "cancel_future": self.cancel_future,
            "ealign/mean_hidden": self.mean_hidden,
            "ealign/steer": self.steer,
        }
        get: dict[str, Handler] = {
            "healthz": self.health,
            "get_server_capabilities": self.capabilities,
            "samplers/{id}": self.sampler,
            "sessions/{id}": self.session,
            "training_runs": self.training_runs,
            "training_runs/{id}": self.training_run,
            "training_runs/{id}/checkpoints": self.checkpoints,
            "ealign/weights": self.get_weights,
            "ealign/state": self.get_state,
        }
        app.add_routes([web.post(f"/api/v1/{path}", handler) for path, handler in post.items()])
        app.add_routes([web.get(f"/api/v1/{path}", handler) for path, handler in get.items()])
        app.add_routes([web.put("/api/v1/ealign/weights", self.put_weights)])
        app.add_routes([web.put("/api/v1/ealign/state", self.put_state)])
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Checks the key, and answers mistakes as {detail}."""
        try:
            given = request.headers.get("X-API-Key", "")
            if self.api_key is not None and not hmac.compare_digest(given.encode(), self.api_key.encode()):
                raise UserError("X-API-Key: is missing or wrong; send the key that this worker was started with", 401)
            return await handler(request)
        except UserError as error:
            return web.json_response({"detail": str(error)}, status=error.status)
        except web.HTTPException as error:
            detail = f"{request.method} {request.path}: {error.reason}; see the README of this worker"
            return web.json_response({"detail": detail}, status=error.status)
        except Exception as error:
            tell(f"{request.path}: internal: {type(error).__name__}: {error}")
            return web.json_response({"detail": f"internal: {type(error).__name__}: {error}"}, status=500)

    # What is answered at once

    async def health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def nothing(self, _request: web.Request) -> web.Response:
        return web.json_response({})

    async def telemetry(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "accepted"})

    async def client_config(self, _request: web.Request) -> web.Response:
        return web.json_response({"parallel_fwdbwd_chunks": False, "sample_use_retrieve_futures": False})

    async def capabilities(self, _request: web.Request) -> web.Response:
        base = self.engine.base
        model = {
            "model_name": self.name,
            "max_context_length": self.context,
            "trainable": True,
            "sampleable": True,
        }
        extensions = {
            "version": 1,
            "worker": __version__,
            "device": base.source.device.split(":")[0],
            "dtype": str(base.source.dtype).removeprefix("torch."),
            "full": not base.source.quantize,
            **dict.fromkeys(("amplify", "steering", "state", "weights", "live", "gradient_norm"), True),
        }
        return web.json_response({"supported_models": [model], "ealign": extensions})

    @property
    def context(self) -> int:
        return int(getattr(self.engine.base.network.config, "max_position_embeddings", None) or 1 << 20)

    async def create_session(self, request: web.Request) -> web.Response:
        await _json(request)
        session_id = secrets.token_hex(8)
        self.sessions[session_id] = {"training_run_ids": [], "sampler_ids": []}
        return web.json_response({"type": "create_session", "session_id": session_id})

    async def heartbeat(self, request: web.Request) -> web.Response:
        self._session((await _json(request)).get("session_id"))
        return web.json_response({"type": "session_heartbeat"})

    async def session(self, request: web.Request) -> web.Response:
        return web.json_response(self._session(request.match_info["id"]))

    def _session(self, session_id: Any) -> dict[str, list[str]]:
        if session_id not in self.sessions:
            raise UserError(f"session_id {session_id!r}: no such session; the worker was restarted? create one", 404)
        return self.sessions[session_id]

    async def get_info(self, request: web.Request) -> web.Response:
        return web.json_response(self._model(need(await _json(request), "model_id", str)))

    def _model(self, model_id: str) -> dict[str, Any]:
        if model_id not in self.models:
            raise UserError(f"model_id {model_id!r}: no such model on this worker; create it with create_model", 404)
        return self.models[model_id]

    def _register(self, model_id: str, lora: Lora | None) -> None:
        arch = type(self.engine.base.network.model).__name__
        self.models[model_id] = {
            "type": "get_info",
            "model_id": model_id,
            "model_data": {"arch": arch, "model_name": self.name, "tokenizer_id": self.name},
            "model_name": self.name,
            "is_lora": lora is not None,
            "lora_rank": None if lora is None else lora.rank,
        }

    async def training_runs(self, _request: web.Request) -> web.Response:
        runs = [self._run(model_id) for model_id in self.models]
        cursor = {"offset": 0, "limit": len(runs), "total_count": len(runs)}
        return web.json_response({"training_runs": runs, "cursor": cursor})

    async def training_run(self, request: web.Request) -> web.Response:
        return web.json_response(self._run(request.match_info["id"]))

    def _run(self, model_id: str) -> dict[str, Any]:
        info = self._model(model_id)
        return {
            "training_run_id": model_id,
            "base_model": self.name,
            "model_owner": "local",
            "is_lora": info["is_lora"],
            "lora_rank": info["lora_rank"],
            "last_request_time": "1970-01-01T00:00:00Z",
        }

    async def checkpoints(self, request: web.Request) -> web.Response:
        return web.json_response({"checkpoints": self.engine.checkpoints.of(request.match_info["id"])})

    async def weights_info(self, request: web.Request) -> web.Response:
        path = need(await _json(request), "tinker_path", str)
        kind = "sampler_weights" if "/sampler_weights/" in path else "weights"
        about = self.engine.checkpoints.about(self.engine.checkpoints.folder(path, kind))
        lora = about["lora"] or {}
        trained = {name: lora.get(name) for name in ("train_unembed", "train_mlp", "train_attn")}
        answer = {"base_model": about["base_model"], "is_lora": bool(lora), "lora_rank": lora.get("rank"), **trained}
        return web.json_response(answer)

    # Slow calls: each gives a promise

    async def create_model(self, request: web.Request) -> web.Response:
        body = await _json(request)
        session_id = need(body, "session_id", str)
        model_id = f"{session_id}:train:{int(body.get('model_seq_id') or 0)}"
        self._named(body.get("base_model"))
        if (body.get("optimizer_config") or {}).get("type", "adamw") != "adamw":
            raise UserError("optimizer_config: this worker has adamw; leave it out")
        if (known := self.futures.seen(model_id, -1)) is not None:
            return _promise(known, model_id)
        full = bool((body.get("ealign") or {}).get("full"))
        lora = None if full else lora_from(body.get("lora_config"))
        self._session(session_id)["training_run_ids"].append(model_id)
        self._register(model_id, lora)
        call = Call(lambda: self._do("create_model", model_id, lora))
        return _promise(self.futures.submit(model_id, -1, call, ordered=False), model_id)

    def _named(self, base_model: Any) -> None:
        if base_model is not None and base_model != self.name:
            raise UserError(
                f"base_model {base_model!r}: this worker serves {self.name!r}; ask for it, or start another worker"
            )

    async def unload_model(self, request: web.Request) -> web.Response:
        body = await _json(request)
        return self._model_call(body, "unload_model")

    def _model_call(self, body: dict[str, Any], command: str, *arguments: Any) -> web.Response:
        """A promise of one of the engine's commands on a model, in its turn."""
        model_id = need(body, "model_id", str)
        self._model(model_id)
        call = Call(lambda: self._do(command, model_id, *arguments))
        return _promise(self.futures.submit(model_id, _seq_id(body), call), model_id)

    def _do(self, command: str, *arguments: Any) -> Any:
        """Runs a command on all ranks; on the engine's thread."""
        self.engine.world.send((command, arguments))
        return getattr(self.engine, command)(*arguments)

    async def forward(self, request: web.Request) -> web.Response:
        return await self._pass(request, forward=True)

    async def forward_backward(self, request: web.Request) -> web.Response:
        return await self._pass(request, forward=False)

    async def _pass(self, request: web.Request, forward: bool) -> web.Response:
        if request.content_type == PROTOBUF:
            asked = pass_from_proto(await _body(request), forward)
        else:
            asked = pass_from_json(await _json(request), forward)
        self._model(asked.model_id)
        call = Call(lambda: self._do("forward_backward", asked.model_id, asked.data, asked.what))
        return _promise(self.futures.submit(asked.model_id, asked.seq_id, call), asked.model_id)

    async def optim_step(self, request: web.Request) -> web.Response:
        body = await _json(request)
        given = body.get("adam_params")
        if not isinstance(given, dict):
            raise UserError("body: adam_params is missing; this worker has AdamW only")
        known = {f.name for f in fields(Adam)}
        try:
            adam = Adam(**{name: float(value) for name, value in given.items() if name in known and value is not None})
        except (TypeError, ValueError) as error:
            raise UserError(f"adam_params: {error}; send numbers") from error
        return self._model_call(body, "optim_step", adam)

    async def save_weights(self, request: web.Request) -> web.Response:
        body = await _json(request)
        name = body.get("path") or f"step-{secrets.token_hex(4)}"
        return self._model_call(body, "save_weights", name, bool(body.get("overwrite")))

    async def save_weights_for_sampler(self, request: web.Request) -> web.Response:
        body = await _json(request)
        model_id = need(body, "model_id", str)
        info = self._model(model_id)
        name = body.get("path")
        sampler_id = f"{model_id}:sampler:{body.get('sampling_session_seq_id')}:{secrets.token_hex(4)}"
        live = name is None and body.get("kind") == "inflight"

        def run() -> dict[str, Any]:
            if live:
                self.samplers[sampler_id] = Target(model_id=model_id)
                return {"sampling_session_id": sampler_id, "type": "save_weights_for_sampler"}
            saved: dict[str, Any] = self._do(
                "save_weights_for_sampler", model_id, name or f"session-{secrets.token_hex(4)}"
            )
            if name is None:
                self._forget_ephemeral(model_id, saved["path"])
                self.samplers[sampler_id] = Target(path=saved["path"])
                saved = {"sampling_session_id": sampler_id, "type": "save_weights_for_sampler"}
            return saved

        assert info is not None
        return _promise(self.futures.submit(model_id, _seq_id(body), Call(run)), model_id)

    def _forget_ephemeral(self, model_id: str, path: str) -> None:
        kept = self.ephemeral.setdefault(model_id, [])
        kept.append(path)
        while len(kept) > EPHEMERAL:
            self.engine.checkpoints.remove(kept.pop(0))

    async def load_weights(self, request: web.Request) -> web.Response:
        """Into a model; or, with session_id and model_seq_id, into a new one."""
        body = await _json(request)
        path, optimizer = need(body, "path", str), bool(body.get("optimizer"))
        if body.get("session_id") is None:
            return self._model_call(body, "load_weights", path, optimizer)
        model_id = f"{body['session_id']}:train:{int(body.get('model_seq_id') or 0)}"
        if (known := self.futures.seen(model_id, -1)) is not None:
            return _promise(known, model_id)
        self._named(body.get("base_model"))
        lora = self.engine.checkpoints.about(self.engine.checkpoints.folder(path, "weights"))["lora"]
        self._session(body["session_id"])["training_run_ids"].append(model_id)
        self._register(model_id, None if lora is None else Lora(**{**lora, "targets": tuple(lora["targets"])}))
        call = Call(lambda: self._do("load_weights", model_id, path, optimizer))
        return _promise(self.futures.submit(model_id, -1, call, ordered=False), model_id)

    async def retrieve_future(self, request: web.Request) -> web.Response:
        request_id = need(await _json(request), "request_id", str)
        call = await self.futures.result(request_id, POLL)
        if call is None:
            return web.json_response({"type": "try_again", "request_id": request_id, "queue_state": "active"})
        if call.error is not None:
            category = "user" if isinstance(call.error, UserError) else "server"
            message = str(call.error) if category == "user" else f"internal: {type(call.error).__name__}: {call.error}"
            return web.json_response({"error": message, "category": category})
        wants_proto = PROTOBUF in request.headers.get("Accept", "")
        if isinstance(call.result, LossResult):
            return _answer(call.result, pass_to_proto, pass_to_json, wants_proto)
        if isinstance(call.result, SampleResult):
            return _answer(call.result, sample_to_proto, sample_to_json, wants_proto)
        return web.json_response(call.result)

    async def cancel_future(self, request: web.Request) -> web.Response:
        self.futures.cancel(need(await _json(request), "request_id", str))
        return web.json_response({})

    # Sampling

    async def create_sampling_session(self, request: web.Request) -> web.Response:
        body = await _json(request)
        session = self._session(body.get("session_id"))
        seq_id = int(body.get("sampling_session_seq_id") or 0)
        sampler_id = f"{body['session_id']}:sample:{seq_id}"
        self.samplers[sampler_id] = self._target(body)
        session["sampler_ids"].append(sampler_id)
        return web.json_response({"type": "create_sampling_session", "sampling_session_id": sampler_id})

    def _target(self, body: dict[str, Any]) -> Target:
        if live := body.get("ealign"):
            model_id = need(live, "model_id", str, "ealign")
            self._model(model_id)
            return Target(model_id=model_id, factor=float(live.get("amplify") or 1.0))
        if path := body.get("model_path"):
            self.engine.checkpoints.folder(path, "sampler_weights")
            return Target(path=path)
        self._named(body.get("base_model"))
        return Target()

    async def sampler(self, request: web.Request) -> web.Response:
        sampler_id = request.match_info["id"]
        target = self._sampler(sampler_id)
        return web.json_response({"sampler_id": sampler_id, "base_model": self.name, "model_path": target.path})

    def _sampler(self, sampler_id: Any) -> Target:
        if sampler_id not in self.samplers:
            raise UserError(f"sampling_session_id {sampler_id!r}: no such session; create it", 404)
        return self.samplers[sampler_id]

    async def asample(self, request: web.Request) -> web.Response:
        body = await _json(request)
        sampler_id = body.get("sampling_session_id")
        target = self._target(body) if sampler_id is None else self._sampler(sampler_id)
        asked = self.sample_request(body)
        ids = [f"{sampler_id or 'sample'}:{secrets.token_hex(6)}:{i}" for i in range(asked.num_samples)]
        group = ("sample", target)
        call = Call(lambda: None, group, self._sample_group, (target, asked), about=ids)
        seq_id = _seq_id(body) if sampler_id is not None else None
        request_id = self.futures.submit(str(sampler_id), seq_id, call, ordered=False)
        return web.json_response(
            {"request_id": request_id, "sample_sequence_ids": self.futures.calls[request_id].about}
        )

    def _sample_group(self, calls: Sequence[Call]) -> Sequence[SampleResult]:
        requests = [call.argument[1] for call in calls]
        results: Sequence[SampleResult] = self._do("sample", calls[0].argument[0], requests)
        return results

    def sample_request(self, body: dict[str, Any]) -> SampleRequest:
        """@raise UserError where the prompt or a parameter does not fit the model"""
        base = self.engine.base
        prompt = tokens_from_json(need(body, "prompt", dict), "prompt")
        params = body.get("sampling_params") or {}
        vocabulary = base.network.vocabulary
        if not 0 < len(prompt) <= self.context or prompt.min() < 0 or prompt.max() >= vocabulary:
            raise UserError(
                f"prompt: {len(prompt)} tokens; send 1 to {self.context} tokens between 0 and {vocabulary - 1}"
            )
        room = self.context - len(prompt)
        stop_tokens, stop_strings = self._stops(params.get("stop"))
        targets = body.get("target_prompt_logprobs")
        tensor = None if targets is None else tensor_from_json(targets, "target_prompt_logprobs", "target_tokens")
        if tensor is not None:
            dense = tensor.dense(-1)
            if (
                dense.ndim != 2
                or len(dense) != len(prompt) - 1
                or dense.dtype != np.int64
                or dense.max(initial=-1) >= vocabulary
            ):
                raise UserError(
                    f"target_prompt_logprobs: int64 of shape {list(dense.shape)} for a prompt of {len(prompt)}; send "
                    f"[{len(prompt) - 1}, K] token ids below {vocabulary}"
                )
        seed = params.get("seed")
        try:
            return SampleRequest(
                prompt=prompt,
                num_samples=max(1, int(body.get("num_samples") or 1)),
                max_tokens=room if params.get("max_tokens") is None else min(room, max(0, int(params["max_tokens"]))),
                seed=secrets.randbits(63) if seed is None else int(seed),
                temperature=_number(params.get("temperature"), 1.0),
                top_k=int(_number(params.get("top_k"), -1)),
                top_p=_number(params.get("top_p"), 1.0),
                stop_tokens=stop_tokens,
                stop_strings=stop_strings,
                prompt_logprobs=bool(body.get("prompt_logprobs")),
                last_n=body.get("prompt_logprobs_last_n"),
                topk_prompt=min(vocabulary, int(body.get("topk_prompt_logprobs") or 0)),
                topk_sample=min(vocabulary, int(body.get("topk_sample_logprobs") or 0)),
                targets=tensor,
            )
        except (TypeError, ValueError) as error:
            raise UserError(f"sampling_params: {error}; send numbers") from error

    def _stops(self, stop: Any) -> tuple[frozenset[int], tuple[str, ...]]:
        """Stop tokens and stop strings. Absent: the model's end-of-text tokens; an empty list: none."""
        base = self.engine.base
        if stop is None:
            configs = (getattr(base.network.model, "generation_config", None), base.network.config)
            found = next((e for c in configs if (e := getattr(c, "eos_token_id", None)) is not None), None)
            own = getattr(base.tokenizer, "eos_token_id", None)
            ends = {*(found if isinstance(found, list) else [found]), own} - {None}
            return frozenset(int(e) for e in ends), ()
        if isinstance(stop, str):
            stop = [stop]
        if all(isinstance(s, int) for s in stop):
            return frozenset(stop), ()
        if not all(isinstance(s, str) and s for s in stop):
            raise UserError("sampling_params.stop: send one string, strings, or token ids")
        if base.tokenizer is None:
            raise UserError("sampling_params.stop: this model has no tokenizer; send token ids")
        return frozenset(), tuple(stop)

    # Extensions

    async def get_weights(self, request: web.Request) -> web.Response:
        return await self._download(request, "get_weights")

    async def get_state(self, request: web.Request) -> web.Response:
        return await self._download(request, "get_state")

    async def _download(self, request: web.Request, command: str) -> web.Response:
        model_id = request.query.get("model_id", "")
        self._model(model_id)
        body = await self.futures.soon(lambda: self._do(command, model_id))
        return web.Response(body=body, content_type="application/octet-stream")

    async def put_weights(self, request: web.Request) -> web.Response:
        return await self._upload(request, "put_weights")

    async def put_state(self, request: web.Request) -> web.Response:
        return await self._upload(request, "put_state")

    async def _upload(self, request: web.Request, command: str) -> web.Response:
        model_id, body = request.query.get("model_id", ""), await _body(request)
        self._model(model_id)
        return web.json_response(await self.futures.soon(lambda: self._do(command, model_id, body)))

    async def mean_hidden(self, request: web.Request) -> web.Response:
        body = await _json(request)
        model_id = need(body, "model_id", str)
        self._model(model_id)
        target = Target() if body.get("set") == "base" else Target(model_id=model_id)
        rows = []
        for i, row in enumerate(need(body, "rows", list)):
            tokens = tokens_from_json({"chunks": [{"tokens": need(row, "tokens", list, f"rows[{i}]")}]}, f"rows[{i}]")
            targets = np.asarray(need(row, "targets", list, f"rows[{i}]"), dtype=bool)
            vocabulary = self.engine.base.network.vocabulary
            if not 0 < len(tokens) == len(targets) <= self.context or tokens.min() < 0 or tokens.max() >= vocabulary:
                raise UserError(
                    f"rows[{i}]: send as many targets as tokens, at most {self.context}, of this vocabulary"
                )
            rows.append((tokens, targets))
        layer = need(body, "layer", int)
        return web.json_response(
            {"hidden": await self.futures.soon(lambda: self._do("mean_hidden", model_id, target, layer, rows))}
        )

    async def steer(self, request: web.Request) -> web.Response:
        body = await _json(request)
        model_id = need(body, "model_id", str)
        self._model(model_id)
        when = body.get("when")
        if when not in ("training", "answering"):
            raise UserError(f"steer: when is {when!r}; send training or answering")
        steering = [
            Steering(need(s, "layer", int), s.get("kind") or "add", tuple(float(x) for x in need(s, "vector", list)))
            for s in need(body, "steering", list)
        ]
        return web.json_response(await self.futures.soon(lambda: self._do("steer", model_id, when, steering)))


def lora_from(config: Any) -> Lora:
    """@raise UserError where a value is none that LoRA can have"""
    if not isinstance(config, dict):
        raise UserError("create_model: lora_config is missing; send it, or ealign: {full: true} to train all weights")
    known = {f.name for f in fields(Lora)}
    given = {name: value for name, value in config.items() if name in known and value is not None}
    given.setdefault("seed", secrets.randbits(31))
    given["targets"] = tuple(given.get("targets", ()))
    rank = given.get("rank")
    if not isinstance(rank, int) or rank < 1 or not 0 <= float(given.get("dropout", 0)) < 1:
        raise UserError(
            f"lora_config: rank {rank!r}, dropout {given.get('dropout', 0)!r}; use rank ≥ 1, 0 ≤ dropout < 1"
        )
    return Lora(**given)


def _seq_id(body: dict[str, Any]) -> int | None:
    seq_id = body.get("seq_id")
    return None if seq_id is None else int(seq_id)


def _number(value: Any, default: float) -> float:
    return default if value is None else float(value)


def _promise(request_id: str, model_id: str) -> web.Response:
    return web.json_response({"request_id": request_id, "model_id": model_id})


def _answer(result: Any, proto: Callable[[Any], bytes], plain: Callable[[Any], Any], wants_proto: bool) -> web.Response:
    if wants_proto:
        return web.Response(body=proto(result), content_type=PROTOBUF)
    return web.json_response(plain(result))


async def _body(request: web.Request) -> bytes:
    """The body, decompressed: aiohttp undoes gzip and deflate by itself, and zstd where it knows it."""
    body = await request.read()
    if request.headers.get("Content-Encoding") != "zstd" or not body.startswith(b"\x28\xb5\x2f\xfd"):
        return body
    try:
        import zstandard
    except ImportError as error:
        raise UserError("Content-Encoding zstd: install zstandard, or send the body uncompressed", 415) from error
    with zstandard.ZstdDecompressor().stream_reader(body) as reader:
        plain: bytes = reader.read()
    return plain


async def _json(request: web.Request) -> dict[str, Any]:
    """@raise UserError where the body is no JSON object"""
    try:
        body = json.loads(await _body(request) or b"{}")
    except ValueError as error:
        raise UserError(f"body: is no JSON ({error}); check Content-Type") from error
    if not isinstance(body, dict):
        raise UserError("body: is no JSON object; send one")
    return body
