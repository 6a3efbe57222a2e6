"""The LoRA step that `npm run bench` measures, in PyTorch with transformers and peft.

    python bench/pytorch_lora_step.py [--steps 5] [--threads 2]

SmolLM2-135M's shape with random weights, rank 16 on all linear layers, 8 rows of 256 tokens with loss on
every token, float32, AdamW included. Prints a table with the medians (smallest-largest), with and without
gradient checkpointing, each in a process of its own. Needs torch, transformers and peft.

Floating-point operations of a step, as in src/bench/shape.ts, per token with T tokens a row:

  forward   2 per linear weight, the head's included; 4*T*heads*head_dim per layer in attention
            (the causal half counts as computed); 2 per LoRA weight
  backward  2 per linear weight (frozen: only the gradient of its input), twice attention, twice LoRA
  recomputation, with checkpointing: once more the forward pass without the head
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time

B, T, RANK = 8, 256, 16
WIDTH, LAYERS, HEADS, KV_HEADS, HEAD, FFN, VOCAB = 576, 30, 9, 3, 64, 1536, 49152
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def flops(recomputed):
    matrices = [(WIDTH, HEADS * HEAD), (WIDTH, KV_HEADS * HEAD), (WIDTH, KV_HEADS * HEAD), (HEADS * HEAD, WIDTH)]
    matrices += [(WIDTH, FFN), (WIDTH, FFN), (FFN, WIDTH)]
    linear = LAYERS * sum(i * o for i, o in matrices)
    low = LAYERS * sum(RANK * (i + o) for i, o in matrices)
    attention = 4 * T * HEADS * HEAD * LAYERS
    blocks, head = 2 * linear + attention + 2 * low, 2 * VOCAB * WIDTH
    step = blocks + head + (2 * linear + 2 * attention + 4 * low) + head
    return B * T * (step + (blocks if recomputed else 0))


def make_model(checkpointing):
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=VOCAB,
        hidden_size=WIDTH,
        intermediate_size=FFN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=KV_HEADS,
        max_position_embeddings=2048,
        rms_norm_eps=1e-5,
        rope_parameters=dict(rope_type="default", rope_theta=100000.0),
        tie_word_embeddings=True,
        use_cache=False,
    )
    lora = LoraConfig(task_type="CAUSAL_LM", r=RANK, lora_alpha=32, target_modules=TARGETS)
    model = get_peft_model(LlamaForCausalLM(config), lora)
    if checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return model.train()


def timed(work):
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def measure(checkpointing, steps, threads):
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = make_model(checkpointing)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4, weight_decay=0.0)
    ids = torch.arange(B * T).mul(7919).remainder(VOCAB).view(B, T)
    a, b = torch.randn(1024, 576), torch.randn(576, 1536)

    def step():
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    def products():
        for _ in range(40):
            a @ b

    step(), products()
    seconds, product = [], []
    for _ in range(steps):
        product.append(40 * 2 * 1024 * 576 * 1536 / timed(products) / 1e9)
        seconds.append(timed(step))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return dict(seconds=seconds, product=product, peak=peak, load=os.getloadavg()[0])


def spread(values, digits=0):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--one", choices=["plain", "checkpointing"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.one == "checkpointing", args.steps, args.threads)))
        return

    from importlib.metadata import version

    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "peft"))
    print(f"Python {platform.python_version()}, {packages}; {args.threads} threads, {args.steps} steps\n")
    print("| | tokens/s | GFLOPS | GFLOPS with recomputation | plain 1024x576x1536 product | peak memory | load |")
    print("|---|---|---|---|---|---|---|")
    for mode in ("plain", "checkpointing"):
        command = [sys.executable, __file__, "--one", mode, "--steps", str(args.steps), "--threads", str(args.threads)]
        result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        seconds = result["seconds"]
        rates = [spread([count / s / 1e9 for s in seconds]) for count in (flops(False), flops(mode == "checkpointing"))]
        columns = [mode, spread([B * T / s for s in seconds]), *rates, spread(result["product"])]
        print("|", " | ".join([*columns, f"{result['peak'] / 1e9:.2f} GB", f"{result['load']:.1f}"]), "|", flush=True)


if __name__ == "__main__":
    main()
