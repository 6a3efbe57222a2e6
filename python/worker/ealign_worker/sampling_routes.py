"""Routes of sampling: sessions, and prompts that are continued and scored."""

import secrets
from collections.abc import Sequence
from typing import Any

import numpy as np
from aiohttp import web

from .base import Base
from .errors import UserError
from .futures import Call
from .hub import Body, Hub, read_json, seq_id
from .values import SampleRequest, SampleResult, Tensor
from .wire import need, tensor_from_json, tokens_from_json


def routes(hub: Hub) -> list[web.RouteDef]:
    room = SamplingRoutes(hub)
    return [
        web.post("/api/v1/create_sampling_session", room.create_sampling_session),
        web.get("/api/v1/samplers/{id}", room.sampler),
        web.post("/api/v1/asample", room.asample),
    ]


class SamplingRoutes:
    """Requests that wait for one target are sampled in one batch."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    async def create_sampling_session(self, request: web.Request) -> web.Response:
        body = await read_json(request)
        session = self.hub.session(body.get("session_id"))
        sampler_id = f"{body['session_id']}:sample:{int(body.get('sampling_session_seq_id') or 0)}"
        self.hub.samplers[sampler_id] = self.hub.target(body)
        session["sampler_ids"].append(sampler_id)
        return web.json_response({"type": "create_sampling_session", "sampling_session_id": sampler_id})

    async def sampler(self, request: web.Request) -> web.Response:
        sampler_id = request.match_info["id"]
        path = self.hub.sampler(sampler_id).path
        return web.json_response({"sampler_id": sampler_id, "base_model": self.hub.name, "model_path": path})

    async def asample(self, request: web.Request) -> web.Response:
        body = await read_json(request)
        sampler_id = body.get("sampling_session_id")
        target = self.hub.target(body) if sampler_id is None else self.hub.sampler(sampler_id)
        asked = sample_request(body, self.hub.engine.base, self.hub.context)
        ids = [f"{sampler_id or 'sample'}:{secrets.token_hex(6)}:{i}" for i in range(asked.num_samples)]
        call = Call(lambda: None, ("sample", target), self._together, (target, asked), about=ids)
        number = None if sampler_id is None else seq_id(body)
        request_id = self.hub.futures.submit(str(sampler_id), number, call, ordered=False)
        about = self.hub.futures.calls[request_id].about
        return web.json_response({"request_id": request_id, "sample_sequence_ids": about})

    def _together(self, calls: Sequence[Call]) -> Sequence[SampleResult]:
        target, requests = calls[0].argument[0], [call.argument[1] for call in calls]
        results: Sequence[SampleResult] = self.hub.do("sample", target, requests)
        return results


def sample_request(body: Body, base: Base, context: int) -> SampleRequest:
    """@raise UserError where the prompt or a parameter does not fit the model"""
    vocabulary = base.network.vocabulary
    prompt = tokens_from_json(need(body, "prompt", dict), "prompt")
    if not 0 < len(prompt) <= context or prompt.min() < 0 or prompt.max() >= vocabulary:
        raise UserError(f"prompt: {len(prompt)} tokens; send 1 to {context} tokens between 0 and {vocabulary - 1}")
    params = body.get("sampling_params") or {}
    stop_tokens, stop_strings = _stops(params.get("stop"), base)
    targets = _targets(body.get("target_prompt_logprobs"), len(prompt), vocabulary)

    def number(given: Body, name: str, default: float, lowest: float) -> float:
        value = given.get(name)
        if value is None:
            return default
        if not isinstance(value, int | float) or not value >= lowest:
            raise UserError(f"asample: {name} is {value!r}; send a number of at least {lowest:g}")
        return value

    room = context - len(prompt)
    seed = params.get("seed")
    last_n = body.get("prompt_logprobs_last_n")
    return SampleRequest(
        prompt=prompt,
        num_samples=int(number(body, "num_samples", 1, 1)),
        max_tokens=min(room, int(number(params, "max_tokens", room, 0))),
        seed=secrets.randbits(63) if seed is None else int(number(params, "seed", 0, -(2.0**63))),
        temperature=number(params, "temperature", 1.0, 0),
        top_k=int(number(params, "top_k", -1, -1)),
        top_p=number(params, "top_p", 1.0, 0),
        stop_tokens=stop_tokens,
        stop_strings=stop_strings,
        prompt_logprobs=bool(body.get("prompt_logprobs")),
        last_n=None if last_n is None else int(number(body, "prompt_logprobs_last_n", 1, 1)),
        topk_prompt=min(vocabulary, int(number(body, "topk_prompt_logprobs", 0, 0))),
        topk_sample=min(vocabulary, int(number(body, "topk_sample_logprobs", 0, 0))),
        targets=targets,
    )


def _targets(given: Any, length: int, vocabulary: int) -> Tensor | None:
    if given is None:
        return None
    tensor = tensor_from_json(given, "target_prompt_logprobs", "target_tokens")
    cells = tensor.dense(-1)
    if cells.ndim != 2 or len(cells) != length - 1 or cells.dtype != np.int64 or cells.max(initial=-1) >= vocabulary:
        raise UserError(
            f"target_prompt_logprobs: {cells.dtype} of shape {list(cells.shape)} for a prompt of {length} tokens; send "
            f"int64 [{length - 1}, K] of token ids below {vocabulary}, or −1"
        )
    return tensor


def _stops(stop: Any, base: Base) -> tuple[frozenset[int], tuple[str, ...]]:
    """Stop tokens and stop strings. Absent: the model's end-of-text tokens; an empty list: none."""
    if stop is None:
        configs = (getattr(base.network.model, "generation_config", None), base.network.config)
        found = next((e for c in configs if (e := getattr(c, "eos_token_id", None)) is not None), None)
        own = getattr(base.tokenizer, "eos_token_id", None)
        return frozenset({*(found if isinstance(found, list) else [found]), own} - {None}), ()
    stop = [stop] if isinstance(stop, str) else stop
    if isinstance(stop, list) and all(isinstance(s, int) for s in stop):
        return frozenset(stop), ()
    if not isinstance(stop, list) or not all(isinstance(s, str) and s for s in stop):
        raise UserError("sampling_params.stop: send one string, strings, or token ids")
    if base.tokenizer is None:
        raise UserError("sampling_params.stop: this model has no tokenizer; send token ids")
    return frozenset(), tuple(stop)
