"""Bodies of requests into values, and answers into bodies, as JSON and as protobuf."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import UserError
from .messages import MESSAGES
from .training import Pass
from .values import Array, Datum, LossResult, Sampled, SampleResult, Tensor

DTYPES: dict[int, str] = {1: "<f4", 2: "<i8", 3: "<i4"}
"""Protobuf's DType; 4 is bfloat16, which numpy does not have."""


@dataclass(frozen=True)
class PassRequest:
    """forward or forward_backward."""

    model_id: str
    seq_id: int | None
    data: list[Datum]
    what: Pass


def pass_from_proto(body: bytes, forward: bool) -> PassRequest:
    """@raise UserError where it is no ForwardBackwardRequest"""
    try:
        message = MESSAGES["ForwardBackwardRequest"].FromString(body)
    except Exception as error:
        raise UserError(f"body: is no ForwardBackwardRequest in protobuf ({error}); check Content-Type") from error
    config: dict[str, float | str] = {entry.key: entry.value for entry in message.loss_fn_config}
    config |= {entry.key: entry.value.text or entry.value.number for entry in message.loss_fn_config_v2}
    data = []
    for i, datum in enumerate(message.data):
        if any(not chunk.HasField("encoded_text") for chunk in datum.model_input):
            raise UserError(f"data[{i}]: has a chunk that is not text; this worker reads encoded_text only")
        tokens = [np.frombuffer(chunk.encoded_text.tokens, dtype="<i4") for chunk in datum.model_input]
        inputs = {
            entry.key: _tensor_from_proto(entry.value, f"data[{i}].{entry.key}") for entry in datum.loss_fn_inputs
        }
        data.append(Datum(_joined(tokens), {name: tensor.dense() for name, tensor in inputs.items()}))
    what = Pass(message.loss_fn, config, not (forward or message.forward_only))
    return PassRequest(message.model_id, message.seq_id or None, data, what)


def pass_from_json(body: Mapping[str, Any], forward: bool) -> PassRequest:
    given = body.get("forward_input" if forward else "forward_backward_input") or body.get("forward_backward_input")
    if not isinstance(given, Mapping):
        raise UserError("body: has no forward_backward_input; send {data, loss_fn} in it")
    data = []
    for i, datum in enumerate(need(given, "data", list)):
        where = f"data[{i}]"
        inputs = {
            n: tensor_from_json(t, f"{where}.{n}", n) for n, t in need(datum, "loss_fn_inputs", dict, where).items()
        }
        tokens = tokens_from_json(need(datum, "model_input", dict, where), where)
        data.append(Datum(tokens, {name: tensor.dense() for name, tensor in inputs.items()}))
    what = Pass(
        need(given, "loss_fn", str), given.get("loss_fn_config") or {}, not (forward or body.get("forward_only"))
    )
    return PassRequest(need(body, "model_id", str), body.get("seq_id"), data, what)


def need(body: Mapping[str, Any], name: str, kind: type, where: str = "body") -> Any:
    """A field of this type. @raise UserError where it is missing"""
    value = body.get(name) if isinstance(body, Mapping) else None
    if not isinstance(value, kind):
        raise UserError(f"{where}: {name} is missing or no {kind.__name__}; send it")
    return value


def tokens_from_json(model_input: Mapping[str, Any], where: str) -> Array:
    """int64 [T] of a ModelInput's chunks."""
    chunks = need(model_input, "chunks", list, where)
    if any(not isinstance(c, Mapping) or c.get("type", "encoded_text") != "encoded_text" for c in chunks):
        raise UserError(f"{where}: has a chunk that is not text; this worker reads encoded_text only")
    try:
        return _joined([np.asarray(need(c, "tokens", list, where), dtype=np.int64) for c in chunks])
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{where}: tokens are no integers; send token ids") from error


def _joined(parts: list[Array]) -> Array:
    return np.concatenate(parts).astype(np.int64) if parts else np.zeros(0, dtype=np.int64)


def tensor_from_json(given: Any, where: str, name: str = "") -> Tensor:
    """A TensorData, or a plain list of numbers. @raise UserError where its parts do not fit together"""
    if isinstance(given, list):
        given = {"data": given, "dtype": "int64" if name == "target_tokens" else "float32"}
    try:
        dtype = {"int64": np.int64, "float32": np.float32}[need(given, "dtype", str, where)]
        values = np.asarray(given["data"], dtype=dtype)
        shape = tuple(given.get("shape") or values.shape)
        crow, col = given.get("sparse_crow_indices"), given.get("sparse_col_indices")
        if crow is not None and col is not None:
            return _checked(Tensor(values, shape, np.asarray(crow, np.int64), np.asarray(col, np.int64)))
        return _checked(Tensor(values.reshape(-1), shape))
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise UserError(f"{where}: is no tensor ({error}); send data, dtype int64 or float32, and shape") from error


def _tensor_from_proto(message: Any, where: str) -> Tensor:
    try:
        shape, sparse = tuple(message.shape), message.HasField("sparse_csr")
        raw = message.sparse_csr.values if sparse else message.dense
        if message.dtype == 4:
            values: Array = (np.frombuffer(raw, dtype="<u2").astype("<u4") << 16).view("<f4")
        else:
            values = np.frombuffer(raw, dtype=DTYPES[message.dtype])
        if sparse:
            crow, col = (
                np.frombuffer(b, "<i8") for b in (message.sparse_csr.crow_indices, message.sparse_csr.col_indices)
            )
            return _checked(Tensor(values, shape, crow, col))
        return _checked(Tensor(values, shape or values.shape))
    except (KeyError, ValueError, IndexError) as error:
        raise UserError(f"{where}: is no tensor ({error}); send bytes, dtype 1 to 4, and shape") from error


def _checked(tensor: Tensor) -> Tensor:
    tensor.dense()
    return tensor


def pass_to_json(result: LossResult) -> dict[str, Any]:
    outputs = [{name: tensor_to_json(array) for name, array in output.items()} for output in result.outputs]
    return {"loss_fn_output_type": "ArrayRecord", "loss_fn_outputs": outputs, "metrics": finite(result.metrics)}


def tensor_to_json(array: Array) -> dict[str, Any]:
    return {
        "data": numbers(array),
        "dtype": "int64" if array.dtype.kind == "i" else "float32",
        "shape": list(array.shape),
    }


def numbers(array: Array) -> list[Any]:
    """A flat list; null where JSON has no number for it."""
    flat: list[Any] = array.reshape(-1).tolist()
    return flat if np.isfinite(array).all() else [x if math.isfinite(x) else None for x in flat]


def finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """Metrics that JSON has a number for."""
    return {name: value for name, value in metrics.items() if math.isfinite(value)}


def pass_to_proto(result: LossResult) -> bytes:
    message = MESSAGES["ForwardBackwardOutput"](loss_fn_output_type="ArrayRecord")
    for name, value in result.metrics.items():
        message.metrics.add(key=name, value=value)
    trailing = {output["logprobs"].shape[1:] for output in result.outputs}
    # A record is rectangular: data whose targets have different numbers of columns get records of their own.
    groups = [result.outputs] if len(trailing) == 1 else [[output] for output in result.outputs]
    for group in groups:
        record = message.loss_fn_outputs.add(type_tag="ArrayRecord", num_datums=len(group))
        for name in group[0] if group else ():
            arrays = [output[name].astype("<f4") for output in group]
            offsets = np.cumsum([0, *(array.nbytes for array in arrays)]).astype("<i8")
            data = b"".join(array.tobytes() for array in arrays)
            entry = record.fields.add(key=name)
            entry.value.MergeFrom(MESSAGES["BatchedTensor"](data=data, offsets=offsets.tobytes(), dtype=1))
            entry.value.trailing_shape.extend(arrays[0].shape[1:])
    body: bytes = message.SerializeToString()
    return body


def sample_to_json(result: SampleResult) -> dict[str, Any]:
    answer: dict[str, Any] = {"type": "sample", "sequences": [_sequence_to_json(s) for s in result.sequences]}
    if result.prompt_logprobs is not None:
        answer["prompt_logprobs"] = numbers(result.prompt_logprobs)
    if result.topk_ids is not None and result.topk_logprobs is not None:
        answer["topk_prompt_logprobs"] = [
            None if logps[0] == -99999 else [list(pair) for pair in zip(ids.tolist(), logps.tolist(), strict=True)]
            for ids, logps in zip(result.topk_ids, result.topk_logprobs, strict=True)
        ]
    if (scored := result.target_logprobs) is not None:
        answer["target_prompt_logprobs"] = {**tensor_to_json(scored.values), "shape": list(scored.shape)}
        if scored.crow is not None and scored.col is not None:
            sparse = {"sparse_crow_indices": scored.crow.tolist(), "sparse_col_indices": scored.col.tolist()}
            answer["target_prompt_logprobs"].update(sparse)
    return answer


def _sequence_to_json(sampled: Sampled) -> dict[str, Any]:
    answer: dict[str, Any] = {"stop_reason": sampled.stop_reason, "tokens": sampled.tokens}
    answer["logprobs"] = numbers(np.asarray(sampled.logprobs, dtype=np.float32))
    if sampled.topk:
        answer["topk_logprobs"] = [[list(p) for p in zip(i.tolist(), v.tolist(), strict=True)] for i, v in sampled.topk]
    return answer


def sample_to_proto(result: SampleResult) -> bytes:
    message = MESSAGES["SampleResponse"]()
    for sampled in result.sequences:
        entry = message.sequences.add(
            stop_reason=0 if sampled.stop_reason == "stop" else 1,
            tokens=np.asarray(sampled.tokens, dtype="<i4").tobytes(),
            logprobs=np.asarray(sampled.logprobs, dtype="<f4").tobytes(),
        )
        if sampled.topk:
            ids, logps = (np.stack(part) for part in zip(*sampled.topk, strict=True))
            entry.topk_sampled_logprobs.MergeFrom(_topk(ids, logps))
    if result.prompt_logprobs is not None:
        message.prompt_logprobs = result.prompt_logprobs.astype("<f4").tobytes()
    if result.topk_ids is not None and result.topk_logprobs is not None:
        message.topk_prompt_logprobs.MergeFrom(_topk(result.topk_ids, result.topk_logprobs))
    if (scored := result.target_logprobs) is not None:
        tensor = message.target_prompt_logprobs
        tensor.dtype = 1
        tensor.shape.extend(scored.shape)
        raw = scored.values.astype("<f4").tobytes()
        if scored.crow is None or scored.col is None:
            tensor.dense = raw
        else:
            tensor.sparse_csr.values = raw
            tensor.sparse_csr.crow_indices = scored.crow.astype("<i8").tobytes()
            tensor.sparse_csr.col_indices = scored.col.astype("<i8").tobytes()
    body: bytes = message.SerializeToString()
    return body


def _topk(ids: Array, logps: Array) -> Any:
    length, k = ids.shape
    return MESSAGES["TopkLogprobs"](
        token_ids=ids.astype("<i4").tobytes(), logprobs=logps.astype("<f4").tobytes(), k=k, length=length
    )
