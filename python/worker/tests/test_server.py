"""A running worker over HTTP: both encodings, promises, order, mistakes, extensions."""

import asyncio
import gzip
import json
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
import zstandard
from aiohttp.test_utils import make_mocked_request
from client import Client, chunks, data, one_pass
from conftest import start

from ealign_worker import hub
from ealign_worker.__main__ import main
from ealign_worker.engine import read_state
from ealign_worker.errors import UserError
from ealign_worker.messages import MESSAGES

ROWS = data([1, 2, 3, 4, 5], [9, 8, 7], weights=[0.5, 1.0, -0.25, 0.75])


@pytest.fixture
def client(worker: str) -> Client:
    return Client(worker)


def as_proto(rows: list[Any], **more: Any) -> bytes:
    message = MESSAGES["ForwardBackwardRequest"](loss_fn="cross_entropy", **more)
    message.loss_fn_config_v2.add(key="ealign_targets").value.number = 1
    for row in rows:
        datum = message.data.add()
        tokens = np.asarray(row["model_input"]["chunks"][0]["tokens"], dtype="<i4")
        datum.model_input.add().encoded_text.tokens = tokens.tobytes()
        for name, tensor in row["loss_fn_inputs"].items():
            number, dtype = (2, "<i8") if tensor["dtype"] == "int64" else (1, "<f4")
            value = datum.loss_fn_inputs.add(key=name).value
            value.dense, value.dtype = np.asarray(tensor["data"], dtype=dtype).tobytes(), number
            value.shape.extend(tensor["shape"])
    body: bytes = message.SerializeToString()
    return body


@pytest.mark.parametrize("packed", ["", "gzip", "zstd"])
def test_json_and_protobuf_give_the_same(client: Client, packed: str) -> None:
    one, two = client.create(), client.create()
    plain = client.call("forward_backward", one_pass(one, 1, ROWS, ealign_targets=1))
    body, headers = as_proto(ROWS, model_id=two, seq_id=1), {"Content_Type": "application/x-protobuf"}
    if packed:
        body = gzip.compress(body) if packed == "gzip" else zstandard.ZstdCompressor().compress(body)
        headers["Content_Encoding"] = packed
    status, promise = client.send("POST", "forward_backward", body, **headers)
    assert status == 200
    asked = json.dumps({"request_id": json.loads(promise)["request_id"]}).encode()
    status, raw = client.send("POST", "retrieve_future", asked, Accept="application/x-protobuf")
    answer = MESSAGES["ForwardBackwardOutput"].FromString(raw)
    assert {m.key: m.value for m in answer.metrics} == plain["metrics"]
    (record,) = answer.loss_fn_outputs
    for field in record.fields:
        offsets = np.frombuffer(field.value.offsets, "<i8") // 4
        values = np.frombuffer(field.value.data, "<f4")
        for i, output in enumerate(plain["loss_fn_outputs"]):
            np.testing.assert_array_equal(values[offsets[i] : offsets[i + 1]], np.float32(output[field.key]["data"]))
    assert sorted(f.key for f in record.fields) == sorted(plain["loss_fn_outputs"][0])
    steps = [client.call("optim_step", {"model_id": m, "seq_id": 2, "adam_params": {}}) for m in (one, two)]
    assert steps[0] == steps[1]


def test_samples_in_json_and_protobuf_are_the_same(client: Client) -> None:
    sampler = client.sampler(base_model=client.base_model)
    targets = {"data": [1, 2], "dtype": "int64", "shape": [3, 2], "sparse_crow_indices": [0, 0, 1, 2]}
    asked = {
        "sampling_session_id": sampler,
        "num_samples": 2,
        "prompt": chunks([5, 6, 7, 8]),
        "sampling_params": {"max_tokens": 4, "seed": 1},
        "prompt_logprobs": True,
        "topk_prompt_logprobs": 2,
        "target_prompt_logprobs": {**targets, "sparse_col_indices": [1, 0]},
    }
    promise = client.json("POST", "asample", asked)
    assert len(promise["sample_sequence_ids"]) == 2
    plain = client.wait(promise)
    body = json.dumps({"request_id": promise["request_id"]}).encode()
    answer = MESSAGES["SampleResponse"].FromString(
        client.send("POST", "retrieve_future", body, Accept="application/x-protobuf")[1]
    )
    for sequence, expected in zip(answer.sequences, plain["sequences"], strict=True):
        assert np.frombuffer(sequence.tokens, "<i4").tolist() == expected["tokens"]
        assert np.frombuffer(sequence.logprobs, "<f4").tolist() == expected["logprobs"]
        assert sequence.stop_reason == (expected["stop_reason"] == "length")
    logps = np.frombuffer(answer.prompt_logprobs, "<f4")
    assert np.isnan(logps[0])
    assert logps[1:].tolist() == plain["prompt_logprobs"][1:]
    top = np.frombuffer(answer.topk_prompt_logprobs.token_ids, "<i4").reshape(4, 2)
    assert [[pair[0] for pair in pairs] for pairs in plain["topk_prompt_logprobs"][1:]] == top[1:].tolist()
    scored = plain["target_prompt_logprobs"]
    assert scored["shape"] == [3, 2]
    assert scored["sparse_crow_indices"] == [0, 0, 1, 2]
    assert np.frombuffer(answer.target_prompt_logprobs.sparse_csr.values, "<f4").tolist() == scored["data"]


def test_calls_run_in_the_order_of_seq_id_and_once(client: Client) -> None:
    model = client.create()
    step = {"model_id": model, "seq_id": 2, "adam_params": {"learning_rate": 0.01}}
    late = client.json("POST", "optim_step", step)
    time.sleep(0.3)
    first = client.json("POST", "forward_backward", one_pass(model, 1, ROWS))
    assert client.json("POST", "optim_step", step) == late
    assert client.wait(late)["metrics"]["grad_norm"] > 0
    assert client.json("POST", "forward_backward", one_pass(model, 1, ROWS)) == first
    again = client.call("optim_step", {"model_id": model, "seq_id": 3, "adam_params": {}})
    assert again["metrics"] == {"grad_norm": 0.0, "applied": 1.0}
    asked = {"session_id": client.session_id, "model_seq_id": 0, "base_model": client.base_model}
    assert client.call("create_model", {**asked, "lora_config": {"rank": 4}})["model_id"] == model


def test_a_gradient_that_is_not_finite_is_refused(client: Client) -> None:
    model = client.create()
    rows = data([1, 2, 3], weights=[float("nan"), 1.0])
    answer = client.call("forward_backward", one_pass(model, 1, rows))
    assert answer["metrics"] == {}
    assert client.call("optim_step", {"model_id": model, "seq_id": 2, "adam_params": {}})["metrics"] == {"applied": 0.0}


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("forward_backward", {"model_id": "x", "forward_backward_input": {"data": [], "loss_fn": "a"}}, 404, "create"),
        ("forward_backward", {"forward_backward_input": 3}, 400, "forward_backward_input"),
        ("asample", {"prompt": chunks([])}, 400, "1 to 128"),
        ("asample", {"prompt": chunks([999])}, 400, "between 0 and 259"),
        ("asample", {"prompt": chunks([1]), "sampling_params": {"temperature": "hot"}}, 400, "temperature"),
        ("asample", {"prompt": {"chunks": [{"type": "image"}]}}, 400, "encoded_text"),
        ("asample", {"prompt": chunks([1]), "base_model": "other"}, 400, "start another worker"),
        ("asample", {"prompt": chunks([1]), "model_path": "tinker://a/sampler_weights/b"}, 404, "no such checkpoint"),
        ("create_model", {"session_id": "x"}, 400, "lora_config"),
        ("retrieve_future", {"request_id": "x"}, 404, "unknown"),
        ("session_heartbeat", {"session_id": "x"}, 404, "restarted"),
        ("no_such_route", {}, 404, "README"),
    ],
)
def test_mistakes_are_one_line(client: Client, path: str, body: Any, status: int, words: str) -> None:
    answer = client.json("POST", path, body)
    assert answer["status"] == status
    assert words in answer["detail"]
    assert "\n" not in answer["detail"]


def test_mistakes_in_data_come_with_the_promise(client: Client) -> None:
    model = client.create()
    answer = client.call("forward_backward", one_pass(model, 1, data([1, 900])))
    assert answer["category"] == "user"
    assert "outside 0 to 259" in answer["error"]
    step = {"model_id": model, "adam_params": {}}
    assert "repeat the passes" in client.call("optim_step", {**step, "seq_id": 2})["error"]
    assert client.call("optim_step", {**step, "seq_id": 3})["metrics"] == {"grad_norm": 0.0, "applied": 1.0}
    unknown = one_pass(model, 4, ROWS)
    unknown["forward_backward_input"]["loss_fn"] = "gspo"
    assert "cross_entropy" in client.call("forward_backward", unknown)["error"]
    asked = {"session_id": client.session_id, "model_seq_id": 9, "lora_config": {"rank": 4, "targets": ["nothing"]}}
    assert "peft refuses" in client.call("create_model", asked)["error"]


def same(a: bytes, b: bytes) -> bool:
    """Whether two states are the same, bit for bit. The order of a header's keys is not."""
    one, two = (read_state(x) for x in (a, b))
    return one[1] == two[1] and all(torch.equal(one[0][n], two[0][n]) for n in {**one[0], **two[0]})


@pytest.mark.parametrize("full", [False, True])
def test_weights_and_state_over_http(client: Client, full: bool) -> None:
    kind = {"ealign": {"full": True}} if full else {"lora_config": {"rank": 2, "seed": 1, "train_mlp": False}}
    one, two = client.create(**kind), client.create(**kind)
    for number in (1, 3):
        client.call("forward_backward", one_pass(one, number, ROWS))
        client.call("optim_step", {"model_id": one, "seq_id": number + 1, "adam_params": {"learning_rate": 0.01}})
    state = client.send("GET", f"ealign/state?model_id={one}")[1]
    assert client.send("PUT", f"ealign/state?model_id={two}", state)[0] == 200
    assert same(client.send("GET", f"ealign/state?model_id={two}")[1], state)
    tensors = safetensors.torch.load(state)
    names = [n for n in tensors if not n.startswith(("mean.", "square."))]
    assert len(tensors) == 3 * len(names)
    prefix = "model." if full else "base_model.model.model."
    assert any(n.startswith(prefix) for n in names)
    assert full or any(n.endswith("q_proj.lora_A.weight") for n in names)
    weights = safetensors.torch.load(client.send("GET", f"ealign/weights?model_id={one}")[1])
    assert sorted(weights) == sorted(names)
    changed = safetensors.torch.save({n: t + 1 for n, t in weights.items()})
    assert client.send("PUT", f"ealign/weights?model_id={two}", changed)[0] == 200
    read = safetensors.torch.load(client.send("GET", f"ealign/state?model_id={two}")[1])
    assert all((read[n] == weights[n] + 1).all() and not read["mean." + n].any() for n in names)
    for body in (b"no", safetensors.torch.save({"x": weights[names[0]]})):
        status, answer = client.send("PUT", f"ealign/weights?model_id={two}", body)
        assert status == 400
        assert "send" in json.loads(answer)["detail"]


def test_live_sessions_follow_the_policy_and_amplify(client: Client) -> None:
    model = client.create()
    live, frozen = client.sampler(ealign={"model_id": model}), client.sampler(base_model=client.base_model)
    more = client.sampler(ealign={"model_id": model, "amplify": 3.0})

    def score(sampler: str) -> list[float]:
        asked = {"sampling_session_id": sampler, "prompt": chunks([1, 2, 3, 4, 5]), "prompt_logprobs": True}
        answer = client.call("asample", {**asked, "sampling_params": {"max_tokens": 0}})
        assert answer["sequences"][0]["tokens"] == []
        return list(answer["prompt_logprobs"][1:])

    before = score(frozen)
    np.testing.assert_allclose(score(live), before, atol=1e-5)
    for number in (1, 3, 5):
        client.call("forward_backward", one_pass(model, number, data([1, 2, 3, 4, 5])))
        client.call("optim_step", {"model_id": model, "seq_id": number + 1, "adam_params": {"learning_rate": 0.01}})
    assert score(frozen) == before
    assert sum(score(live)) > sum(before)
    assert abs(sum(score(more)) - sum(score(live))) > 1e-3
    asked = {"model_id": model, "when": "answering", "steering": [{"layer": 1, "vector": [0.5] * 32}]}
    trained = score(live)
    assert client.json("POST", "ealign/steer", asked) == {"type": "steer"}
    assert score(live) != trained
    client.json("POST", "ealign/steer", {**asked, "steering": []})
    assert score(live) == trained
    wrong = {**asked, "steering": [{"layer": 7, "vector": [0.5] * 32}]}
    assert "0 to 2" in client.json("POST", "ealign/steer", wrong)["detail"]


def test_mean_hidden_reads_where_targets_are_predicted(client: Client) -> None:
    model = client.create()
    asked = {"model_id": model, "set": "base", "layer": 1}

    def hidden(targets: list[bool], tokens: list[int]) -> list[float]:
        answer = client.json("POST", "ealign/mean_hidden", {**asked, "rows": [{"tokens": tokens, "targets": targets}]})
        return list(answer["hidden"][0])

    one, two = hidden([False, True, False], [4, 5, 6]), hidden([False, False, True], [4, 5, 6])
    np.testing.assert_allclose(hidden([False, True, True], [4, 5, 6]), np.add(one, two) / 2, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(hidden([False, True], [4, 9]), one, rtol=1e-4, atol=1e-5)
    assert hidden([True, False], [4, 5]) == [0.0] * 32


def test_checkpoints_are_whole_and_resume(client: Client) -> None:
    model = client.create()
    client.call("forward_backward", one_pass(model, 1, ROWS))
    client.call("optim_step", {"model_id": model, "seq_id": 2, "adam_params": {"learning_rate": 0.01}})
    saved = client.call("save_weights", {"model_id": model, "seq_id": 3, "path": "one"})
    assert saved["path"] == f"tinker://{model}/weights/one"
    assert "exists already" in client.call("save_weights", {"model_id": model, "seq_id": 4, "path": "one"})["error"]
    assert "name" in client.call("save_weights", {"model_id": model, "seq_id": 5, "path": "../x"})["error"]
    state = client.send("GET", f"ealign/state?model_id={model}")[1]
    asked = {"session_id": client.session_id, "model_seq_id": 5, "path": saved["path"], "optimizer": True}
    loaded = client.call("load_weights", asked)["model_id"]
    assert same(client.send("GET", f"ealign/state?model_id={loaded}")[1], state)
    client.call("load_weights", {"model_id": loaded, "seq_id": 1, "path": saved["path"], "optimizer": False})
    fresh = safetensors.torch.load(client.send("GET", f"ealign/state?model_id={loaded}")[1])
    assert not any(t.any() for n, t in fresh.items() if n.startswith("mean."))
    sampler = client.call("save_weights_for_sampler", {"model_id": model, "seq_id": 6, "path": "s"})["path"]
    asked = {"prompt": chunks([1, 2, 3]), "sampling_params": {"max_tokens": 5, "seed": 2}}
    live = client.call("asample", {**asked, "sampling_session_id": client.sampler(ealign={"model_id": model})})
    assert client.call("asample", {**asked, "model_path": sampler}) == live
    listed = client.json("GET", f"training_runs/{model}/checkpoints")["checkpoints"]
    assert sorted(c["checkpoint_id"] for c in listed) == ["sampler_weights/s", "weights/one"]
    info = client.json("POST", "weights_info", {"tinker_path": sampler})
    assert (info["is_lora"], info["lora_rank"]) == (True, 4)
    assert client.call("unload_model", {"model_id": model, "seq_id": 7})["model_id"] == model
    assert "create_model" in client.call("save_weights", {"model_id": model, "seq_id": 8})["error"]


def test_a_session_that_is_finished_frees_its_models(client: Client) -> None:
    model = client.create()
    live = client.sampler(ealign={"model_id": model})
    assert client.json("POST", f"sessions/{client.session_id}/finish", {}) == {}
    assert client.json("POST", "get_info", {"model_id": model})["status"] == 404
    asked = {"sampling_session_id": live, "prompt": chunks([1]), "sampling_params": {"max_tokens": 1}}
    assert "create_model" in client.call("asample", asked)["error"]


def test_a_full_model_is_saved_for_sampling(client: Client) -> None:
    model = client.create(ealign={"full": True})
    client.call("forward_backward", one_pass(model, 1, ROWS))
    client.call("optim_step", {"model_id": model, "seq_id": 2, "adam_params": {"learning_rate": 0.01}})
    path = client.call("save_weights_for_sampler", {"model_id": model, "seq_id": 3, "path": "s"})["path"]
    asked = {"prompt": chunks([1, 2, 3]), "sampling_params": {"max_tokens": 5, "seed": 2}}
    live = client.call("asample", {**asked, "sampling_session_id": client.sampler(ealign={"model_id": model})})
    assert client.call("asample", {**asked, "model_path": path}) == live
    assert client.call("asample", asked) != live


def test_the_key_is_asked_for(neox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_KEY", "secret")
    process, url = start("--model", str(neox), "--checkpoints", str(tmp_path), "--api-key-env", "WORKER_KEY")
    try:
        assert Client(url, "secret").create()
        client = Client.__new__(Client)
        client.url, client.key = url, "wrong"
        assert client.json("GET", "healthz")["status"] == 401
    finally:
        process.terminate()
        assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "[::1]:1"}, 200),
        ({"Origin": "http://localhost:3000"}, 200),
        ({"Content_Type": "application/x-protobuf"}, 400),  # read, and no JSON
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example:80"}, 403),
        ({"Host": "127.0.0.1@evil.example"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content_Type": "text/plain;charset=UTF-8"}, 415),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_pages_of_others_may_not_ask(worker: str, headers: dict[str, str], status: int) -> None:
    client = Client(worker)
    body = b"\x08\x01" if "x-protobuf" in headers.get("Content_Type", "") else b"{}"
    assert client.send("POST", "create_session", body, **headers)[0] == status


@pytest.mark.parametrize("packed", ["gzip", "deflate", "zstd"])
def test_a_body_is_bounded_when_it_is_unpacked(packed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstandard.ZstdCompressor().compress}[packed]
    monkeypatch.setattr(hub, "UNPACKED", 1 << 20)

    def read(body: bytes) -> bytes:
        request = make_mocked_request("POST", "/", headers={"Content-Encoding": packed})
        request._read_bytes = body
        return asyncio.run(hub.read_body(request))

    whole = bytes(1 << 20)
    assert read(pack(whole)) == whole
    with pytest.raises(UserError, match="unpacked") as refused:
        read(pack(bytes(1 << 24)))
    assert refused.value.status == 413
    with pytest.raises(UserError, match="cannot be decompressed"):
        read(b"nonsense")
    if packed != "zstd":
        with pytest.raises(UserError, match="incomplete"):
            read(pack(whole)[:-5])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--model", "no/such-folder-here"), "--model no/such-folder-here"),
        (("--model", "x", "--api-key-env", "NO_SUCH"), "--api-key-env NO_SUCH"),
        (("--model", "x", "--host", "0.0.0.0"), "--host 0.0.0.0"),
        (("--model", "x", "--host", "worker.example"), "--host worker.example"),
        (("--model", "x", "--device", "cuda"), "--device cuda"),
        (("--model", "x", "--shard"), "torchrun"),
        (("--model", "x", "--quantize", "4bit"), "--quantize 4bit"),
    ],
)
def test_a_start_that_fails_says_why_in_one_line(
    arguments: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "cuda" in arguments and torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    monkeypatch.setattr("sys.argv", ["ealign_worker", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    assert words in str(stop.value)
    assert "\n" not in str(stop.value)
