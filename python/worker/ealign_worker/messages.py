"""Tinker's protobuf messages, declared from a table: nothing needs to be generated, and no SDK installed.

Field numbers are those of the package tinker_public (SDK 0.38). Maps stand as their entries, and optional fields as
plain ones, which is the same on the wire.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

TABLE = """
SampleResponse sequences:1:*SampledSequence prompt_logprobs:2:bytes topk_prompt_logprobs:3:TopkLogprobs
  prompt_cache_hit_tokens:4:int32 target_prompt_logprobs:5:Tensor
SampledSequence stop_reason:1:int32 tokens:2:bytes logprobs:3:bytes topk_sampled_logprobs:4:TopkLogprobs
TopkLogprobs token_ids:1:bytes logprobs:2:bytes k:3:uint32 length:4:uint32
SparseCsr values:1:bytes crow_indices:2:bytes col_indices:3:bytes
Tensor dense:1:bytes sparse_csr:2:SparseCsr dtype:3:int32 shape:4:*int64
BatchedTensor data:1:bytes offsets:2:bytes dtype:3:int32 trailing_shape:4:*int64
ArrayRecord type_tag:1:string fields:2:*Field num_datums:3:int64
Field key:1:string value:2:BatchedTensor
ForwardBackwardOutput loss_fn_output_type:1:string loss_fn_outputs:2:*ArrayRecord metrics:3:*Number
Number key:1:string value:2:double
ForwardBackwardRequest model_id:1:string seq_id:2:int32 data:3:*Datum loss_fn:4:string loss_fn_config:5:*Number
  forward_only:6:bool loss_fn_config_v2:7:*Setting
Setting key:1:string value:2:SettingValue
SettingValue number:1:double text:2:string
Datum model_input:1:*Chunk loss_fn_inputs:2:*Input
Input key:1:string value:2:Tensor
Chunk encoded_text:1:EncodedTextChunk image:2:bytes dmel:3:bytes
EncodedTextChunk tokens:1:bytes
"""

_FIELD = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "bytes": _FIELD.TYPE_BYTES,
    "string": _FIELD.TYPE_STRING,
    "bool": _FIELD.TYPE_BOOL,
    "double": _FIELD.TYPE_DOUBLE,
    "int32": _FIELD.TYPE_INT32,
    "uint32": _FIELD.TYPE_UINT32,
    "int64": _FIELD.TYPE_INT64,
}
_PACKAGE = "ealign_worker"


def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="ealign_worker.proto", package=_PACKAGE, syntax="proto3")
    for line in TABLE.replace("\n  ", " ").strip().splitlines():
        name, *fields = line.split()
        message = file.message_type.add(name=name)
        for field in fields:
            label, number, kind = field.split(":")
            entry = message.field.add(name=label, number=int(number))
            entry.label = _FIELD.LABEL_REPEATED if kind.startswith("*") else _FIELD.LABEL_OPTIONAL
            kind = kind.removeprefix("*")
            if kind in _SCALARS:
                entry.type = _SCALARS[kind]
            else:
                entry.type, entry.type_name = _FIELD.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    names = [message.name for message in file.message_type]
    return {n: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{n}")) for n in names}


MESSAGES = _classes()
"""Message classes by name."""
