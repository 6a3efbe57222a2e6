"""The HTTP server: who may ask, how mistakes are answered, and what is answered at once."""

import hmac
import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web

from . import __version__, extension_routes, sampling_routes, training_routes
from .callers import require_program
from .engine import Engine
from .errors import UserError, tell
from .hub import Body, Hub, read_json
from .wire import need

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """One worker's routes under /api/v1."""

    def __init__(self, engine: Engine, api_key: str | None = None) -> None:
        """@param api_key what clients must send as X-API-Key; None: programs of this machine need none"""
        self.hub, self.api_key = Hub(engine), api_key

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard], client_max_size=1 << 34)
        post: dict[str, Handler] = {
            "client/config": self.client_config,
            "client/dynamic_config": self.nothing,
            "telemetry": self.telemetry,
            "create_session": self.create_session,
            "session_heartbeat": self.heartbeat,
            "sessions/{id}/finish": self.finish,
            "get_info": self.get_info,
            "weights_info": self.weights_info,
        }
        get: dict[str, Handler] = {
            "healthz": self.health,
            "get_server_capabilities": self.capabilities,
            "sessions/{id}": self.session,
            "training_runs": self.training_runs,
            "training_runs/{id}": self.training_run,
            "training_runs/{id}/checkpoints": self.checkpoints,
        }
        app.add_routes([web.post(f"/api/v1/{path}", handler) for path, handler in post.items()])
        app.add_routes([web.get(f"/api/v1/{path}", handler) for path, handler in get.items()])
        for room in (training_routes, sampling_routes, extension_routes):
            app.add_routes(room.routes(self.hub))
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Checks who asks, and answers mistakes as {detail}."""
        try:
            if self.api_key is None:
                require_program(request)
            given = request.headers.get("X-API-Key", "")
            if self.api_key is not None and not hmac.compare_digest(given.encode(), self.api_key.encode()):
                raise UserError("X-API-Key: is missing or wrong; send the key that this worker was started with", 401)
            return await handler(request)
        except UserError as error:
            return web.json_response({"detail": str(error)}, status=error.status)
        except web.HTTPException as error:
            detail = f"{request.method} {request.path}: {error.reason}; this worker's README lists its routes"
            return web.json_response({"detail": detail}, status=error.status)
        except Exception as error:
            tell(f"{request.path}: internal: {type(error).__name__}: {error}")
            return web.json_response({"detail": f"internal: {type(error).__name__}: {error}"}, status=500)

    async def health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def nothing(self, _request: web.Request) -> web.Response:
        return web.json_response({})

    async def telemetry(self, _request: web.Request) -> web.Response:
        """The SDK sends it unasked; it is not read."""
        return web.json_response({"status": "accepted"})

    async def client_config(self, _request: web.Request) -> web.Response:
        return web.json_response({"parallel_fwdbwd_chunks": False, "sample_use_retrieve_futures": False})

    async def capabilities(self, _request: web.Request) -> web.Response:
        source = self.hub.engine.base.source
        model = {
            "model_name": self.hub.name,
            "max_context_length": self.hub.context,
            "trainable": True,
            "sampleable": True,
        }
        extensions = {
            "version": 1,
            "worker": __version__,
            "device": source.device.split(":")[0],
            "dtype": str(source.dtype).removeprefix("torch."),
            "full": not source.quantize,
            **dict.fromkeys(("amplify", "steering", "state", "weights", "live", "gradient_norm"), True),
        }
        return web.json_response({"supported_models": [model], "ealign": extensions})

    async def create_session(self, request: web.Request) -> web.Response:
        await read_json(request)
        session_id = secrets.token_hex(8)
        self.hub.sessions[session_id] = {"training_run_ids": [], "sampler_ids": []}
        return web.json_response({"type": "create_session", "session_id": session_id})

    async def heartbeat(self, request: web.Request) -> web.Response:
        """A session lives as long as the worker; the heartbeat tells a client that it still does."""
        self.hub.session((await read_json(request)).get("session_id"))
        return web.json_response({"type": "session_heartbeat"})

    async def session(self, request: web.Request) -> web.Response:
        return web.json_response(self.hub.session(request.match_info["id"]))

    async def finish(self, request: web.Request) -> web.Response:
        """Frees the session's models."""
        for model_id in self.hub.session(request.match_info["id"])["training_run_ids"]:
            if self.hub.models.pop(model_id, None) is not None:
                await self.hub.soon("unload_model", model_id)
        return web.json_response({})

    async def get_info(self, request: web.Request) -> web.Response:
        return web.json_response(self.hub.model(need(await read_json(request), "model_id", str)))

    async def training_runs(self, _request: web.Request) -> web.Response:
        runs = [self._run(model_id) for model_id in self.hub.models]
        cursor = {"offset": 0, "limit": len(runs), "total_count": len(runs)}
        return web.json_response({"training_runs": runs, "cursor": cursor})

    async def training_run(self, request: web.Request) -> web.Response:
        return web.json_response(self._run(request.match_info["id"]))

    def _run(self, model_id: str) -> Body:
        info = self.hub.model(model_id)
        return {
            "training_run_id": model_id,
            "base_model": self.hub.name,
            "model_owner": "local",
            "is_lora": info["is_lora"],
            "lora_rank": info["lora_rank"],
            "last_request_time": info["created"],
        }

    async def checkpoints(self, request: web.Request) -> web.Response:
        return web.json_response({"checkpoints": self.hub.engine.checkpoints.of(request.match_info["id"])})

    async def weights_info(self, request: web.Request) -> web.Response:
        path, checkpoints = need(await read_json(request), "tinker_path", str), self.hub.engine.checkpoints
        kind = "sampler_weights" if "/sampler_weights/" in path else "weights"
        about = checkpoints.about(checkpoints.folder(path, kind))
        lora = about["lora"] or {}
        trained = {name: lora.get(name) for name in ("train_unembed", "train_mlp", "train_attn")}
        answer = {"base_model": about["base_model"], "is_lora": bool(lora), "lora_rank": lora.get("rank"), **trained}
        return web.json_response(answer)
