"""A plain client of the wire, for tests."""

import json
import urllib.error
import urllib.request
from typing import Any


class Client:
    """One session on a worker."""

    def __init__(self, url: str, key: str | None = None) -> None:
        self.url, self.key = url, key
        (model,) = self.json("GET", "get_server_capabilities")["supported_models"]
        self.base_model = model["model_name"]
        asked = {"tags": [], "user_metadata": {}, "sdk_version": "test"}
        self.session_id = self.json("POST", "create_session", asked)["session_id"]
        self.models = self.sessions = 0

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """Status and body."""
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", body, method=method)
        if body is not None:
            request.add_header("Content-Type", "application/json")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        if self.key is not None:
            request.add_header("X-API-Key", self.key)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def json(self, method: str, path: str, body: Any = None) -> Any:
        raw = None if body is None else json.dumps(body).encode()
        status, answer = self.send(method, path, raw, Content_Type="application/json")
        return json.loads(answer) if status == 200 else {"status": status, **json.loads(answer)}

    def wait(self, promise: Any) -> Any:
        """The answer behind a promise; a request that was refused at once is given back as it is."""
        while "request_id" in promise:
            promise = self.json("POST", "retrieve_future", {"request_id": promise["request_id"]})
            if promise.get("type") != "try_again":
                return promise
        return promise

    def call(self, path: str, body: Any) -> Any:
        return self.wait(self.json("POST", path, body))

    def create(self, **more: Any) -> str:
        """A new model; LoRA of rank 4 unless told otherwise."""
        asked = {"session_id": self.session_id, "model_seq_id": self.models, "base_model": self.base_model}
        self.models += 1
        answer = self.call("create_model", {**asked, **(more or {"lora_config": {"rank": 4, "seed": 7}})})
        assert "model_id" in answer, answer
        return str(answer["model_id"])

    def sampler(self, **target: Any) -> str:
        asked = {"session_id": self.session_id, "sampling_session_seq_id": self.sessions}
        self.sessions += 1
        answer = self.json("POST", "create_sampling_session", {**asked, **target})
        assert "sampling_session_id" in answer, answer
        return str(answer["sampling_session_id"])


def chunks(tokens: list[int]) -> Any:
    return {"chunks": [{"type": "encoded_text", "tokens": tokens}]}


def data(*rows: list[int], weights: Any = None) -> list[Any]:
    """Rows whose targets are the next tokens."""
    made = []
    for row in rows:
        inputs = {"target_tokens": {"data": row[1:], "dtype": "int64", "shape": [len(row) - 1]}}
        if weights is not None:
            inputs["weights"] = {"data": weights[: len(row) - 1], "dtype": "float32", "shape": [len(row) - 1]}
        made.append({"model_input": chunks(row[:-1]), "loss_fn_inputs": inputs})
    return made


def one_pass(model_id: str, number: int | None, rows: list[Any], **config: Any) -> Any:
    given = {"data": rows, "loss_fn": "cross_entropy", "loss_fn_config": config}
    return {"model_id": model_id, "seq_id": number, "forward_backward_input": given}
