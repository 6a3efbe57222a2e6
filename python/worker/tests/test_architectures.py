"""Other architectures, tiny and random: the head's scaling, tied embeddings, Conv1D, experts, bfloat16."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from conftest import VOCABULARY, save, source
from test_sampling import answer, ask
from test_training import lora, row, run

from ealign_worker.base import Base
from ealign_worker.errors import UserError
from ealign_worker.network import Network
from ealign_worker.policy import Adam, FullPolicy, Policy

COMMON: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "initializer_range": 0.2,
    "bos_token_id": None,
    "eos_token_id": 257,
    "pad_token_id": 256,
}
MORE: dict[str, dict[str, Any]] = {
    "Qwen2": {"tie_word_embeddings": True},
    "Qwen3": {"head_dim": 8},
    "Mistral": {"sliding_window": 8},
    "Gemma2": {"head_dim": 8, "sliding_window": 8, "final_logit_softcapping": 3.0, "query_pre_attn_scalar": 8},
    "Gemma3": {"head_dim": 8, "sliding_window": 8, "query_pre_attn_scalar": 8},
    "Granite": {"logits_scaling": 4.0},
    "Cohere": {"logit_scale": 0.3},
    "Phi3": {},
    "Olmo2": {},
    "GPT2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64},
    "Qwen3Moe": {"head_dim": 8, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16},
}


def make(name: str, folder: Path) -> Path:
    torch.manual_seed(5)
    config = getattr(transformers, {"Gemma3": "Gemma3TextConfig"}.get(name, f"{name}Config"))
    model = getattr(transformers, {"GPT2": "GPT2LMHeadModel"}.get(name, f"{name}ForCausalLM"))
    given = {k: v for k, v in COMMON.items() if name != "GPT2" or k.endswith("_id") or k == "vocab_size"}
    return save(model(config(**given, **MORE[name])), folder)


@pytest.mark.parametrize("name", MORE)
def test_an_architecture_trains_and_samples(name: str, tmp_path: Path) -> None:
    base = Base(source(make(name, tmp_path)))
    for request, result in zip(
        requests := [ask(i, 3 + 5 * i, temperature=0, max_tokens=9) for i in range(3)],
        answer(base, *requests),
        strict=True,
    ):
        ids = torch.from_numpy(request.prompt)[None]
        out = base.network.model.generate(
            ids, do_sample=False, max_new_tokens=9, pad_token_id=256, eos_token_id=None, stop_strings=None
        )
        assert result.sequences[0].tokens == out[0, ids.shape[1] :].tolist()
    policy = lora(base)
    outputs, _ = run(policy, data := [row(1, 9), row(2, 20)])
    with policy.on() as network:
        for datum, output in zip(data, outputs, strict=True):
            logps = network.model(input_ids=torch.from_numpy(datum.tokens)[None]).logits[0].float().log_softmax(-1)
            targets = torch.from_numpy(datum.inputs["target_tokens"])[:, None]
            np.testing.assert_allclose(output["logprobs"], logps.gather(-1, targets)[:, 0].detach(), atol=2e-4)
    assert policy.update(Adam(), lambda _: None)["applied"] == 1.0


@pytest.mark.parametrize("full", [False, True])
def test_a_base_in_bfloat16_is_trained_in_float32(folder: Path, full: bool) -> None:
    base = Base(source(folder, torch.bfloat16))
    policy: Policy = FullPolicy("m", base) if full else lora(base)
    assert all(p.dtype == torch.float32 for p in policy.trainable())
    losses = []
    for _ in range(5):
        losses.append(run(policy, [row(1, 9), row(2, 14)])[1])
        policy.update(Adam(learning_rate=1e-2), lambda _: None)
    assert losses[-1] < losses[0] - 5
    assert base.network.model.get_output_embeddings().weight.dtype == torch.bfloat16


def test_a_head_that_is_not_understood_is_refused(llama: Path) -> None:
    network = Network(source(llama).load())
    network.config.logit_scale = 2.0  # which Llama's own forward does not know
    with pytest.raises(UserError, match="another architecture"):
        network.check()
