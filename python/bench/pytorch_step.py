"""The LoRA step of `ealign bench` in PyTorch with transformers and peft.

SmolLM2-135M's shape with random weights, rank 16 on all linear layers: supervised rows and one preference pair in
one pass, the reference's log-probabilities (the adapter off) and AdamW included.
"""

import time

import side

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def make_model(torch, dtype, checkpointing):
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        max_position_embeddings=2048,
        rms_norm_eps=1e-5,
        rope_parameters=dict(rope_type="default", rope_theta=100000.0),
        tie_word_embeddings=True,
        use_cache=False,
    )
    lora = LoraConfig(task_type="CAUSAL_LM", r=16, lora_alpha=32, target_modules=TARGETS)
    base = LlamaForCausalLM(config).to(getattr(torch, dtype))
    model = get_peft_model(base, lora)
    if checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return model.train()


def step(order):
    import torch
    from torch.nn.functional import cross_entropy, logsigmoid

    torch.set_num_threads(order["threads"])
    torch.manual_seed(0)
    options = order["options"]
    model = make_model(torch, options["dtype"], options["checkpointing"])
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4, weight_decay=0.0)
    shared = order["shared"]
    rows, beta, weight = shared["supervised"], shared["beta"], shared["lambda"]
    ids, mask = torch.tensor(shared["ids"]), torch.tensor(shared["masks"])
    targets = ids.masked_fill(mask == 0, -100)

    def nll(logits, targets):
        """Of each row, summed over its targets, nats."""
        flat = cross_entropy(logits[:, :-1].flatten(0, 1).float(), targets[:, 1:].flatten(), reduction="none")
        return flat.view(len(targets), -1).sum(1)

    def one():
        with torch.no_grad(), model.disable_adapter():
            reference = -nll(model(input_ids=ids[rows:]).logits, targets[rows:])
        losses = nll(model(input_ids=ids).logits, targets)
        margins = -losses[rows:] - reference
        supervised = losses[:rows].sum() / mask[:rows].sum()
        (supervised - weight * logsigmoid(beta * (margins[0] - margins[1]))).backward()
        optimizer.step()
        optimizer.zero_grad()

    def turn(_):
        begin = time.perf_counter()
        one()
        return dict(rate=ids.numel() / (time.perf_counter() - begin), bytes=side.peak())

    one()
    return turn


if __name__ == "__main__":
    side.run("peft", step)
