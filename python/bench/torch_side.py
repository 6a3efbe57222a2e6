"""Training and sampling of `ealign bench` in a plain loop of PyTorch, transformers and peft, on the model that our worker serves.

The model is a folder in bfloat16, its adapter in float32 as the worker's. `loss: trl` takes TRL's log-probabilities,
whose loss of pairs and rows in one pass TRL's trainers do not have.
"""

import time

import side

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def open_model(order):
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(order["threads"])
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(order["shared"]["folder"], dtype=torch.bfloat16)
    return torch, model.to(order["device"])


def wait(torch, order):
    if order["device"] == "cuda":
        torch.cuda.synchronize()


def log_probabilities(name):
    """Of targets under logits [B, T, V], nats, [B, T]."""
    from torch.nn.functional import cross_entropy

    if name == "trl":
        from trl.trainer.utils import selective_log_softmax

        return selective_log_softmax
    return lambda logits, ids: -cross_entropy(
        logits.flatten(0, 1).float(), ids.flatten(), reduction="none"
    ).view_as(ids)


def step(order):
    from peft import LoraConfig, get_peft_model
    from torch.nn.functional import logsigmoid

    logps = log_probabilities(order["options"]["loss"])
    torch, base = open_model(order)
    lora = LoraConfig(task_type="CAUSAL_LM", r=16, lora_alpha=32, target_modules=TARGETS)
    model = get_peft_model(base, lora).train()
    trained = [p for p in model.parameters() if p.requires_grad]
    for p in trained:
        p.data = p.data.float()
    optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.0)
    shared = order["shared"]
    rows, beta, weight = shared["supervised"], shared["beta"], shared["lambda"]
    ids = torch.tensor(shared["ids"], device=order["device"])
    mask = torch.tensor(shared["masks"], device=order["device"])[:, 1:]

    def sums(ids, mask):
        logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
        return (logps(logits, ids[:, 1:]) * mask).sum(1)

    def one():
        with torch.no_grad(), model.disable_adapter():
            reference = sums(ids[rows:], mask[rows:])
        policy = sums(ids, mask)
        margins = policy[rows:] - reference
        loss = -policy[:rows].sum() / mask[:rows].sum() - weight * logsigmoid(beta * (margins[0] - margins[1]))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return float(loss.detach())

    def turn(_):
        begin = time.perf_counter()
        one()
        wait(torch, order)
        seconds = time.perf_counter() - begin
        held = torch.cuda.max_memory_allocated() if order["device"] == "cuda" else side.peak()
        share = 100 * shared["operations"] / (seconds * shared["peak"])
        return dict(rate=ids.numel() / seconds, share=share, bytes=held)

    loss = one()
    if abs(loss - shared["loss"]) > 0.01 * abs(loss):
        raise RuntimeError(f"the loss of the first step is {loss:.4f}, the worker's {shared['loss']:.4f}")
    return turn


def sample(order):
    torch, model = open_model(order)
    turns, tokens = order["shared"]["turns"], order["shared"]["tokens"]
    model.eval()

    def answer(prompts):
        ids = torch.tensor(prompts, device=order["device"])
        given = dict(max_new_tokens=tokens, min_new_tokens=tokens, do_sample=True, top_k=0, pad_token_id=0)
        made = model.generate(ids, attention_mask=torch.ones_like(ids), **given)
        wait(torch, order)
        return made.shape[0] * (made.shape[1] - ids.shape[1])

    def turn(i):
        begin = time.perf_counter()
        made = answer(turns[i])
        return dict(rate=made / (time.perf_counter() - begin))

    answer(turns[0])
    return turn


if __name__ == "__main__":
    tasks = dict(step=step, sample=sample)
    side.run("peft", lambda order: tasks[order["task"]](order))
