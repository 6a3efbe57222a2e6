"""A model folder with random weights in bfloat16 for `ealign bench`, and how fast the device multiplies matrices.

One argument, JSON: `config` (as in config.json), `folder`, `device` and `threads`. Prints {"peak": operations a second}.
"""

import json
import sys
import time

import torch
from transformers import AutoConfig, AutoModelForCausalLM


def peak(device):
    """The best of a few products of matrices in bfloat16; an operation is a multiplication or an addition."""
    size = 8192 if device == "cuda" else 2048
    a, b = (torch.randn(size, size, dtype=torch.bfloat16, device=device) for _ in range(2))
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    seconds = []
    for _ in range(6):
        wait()
        begin = time.perf_counter()
        a @ b
        wait()
        seconds.append(time.perf_counter() - begin)
    return 2 * size**3 / min(seconds[2:])


def main():
    order = json.loads(sys.argv[1])
    torch.set_num_threads(order["threads"])
    measured = peak(order["device"])
    torch.manual_seed(0)
    config = AutoConfig.for_model(**order["config"], eos_token_id=None, bos_token_id=None, initializer_range=0.02)
    with torch.device(order["device"]):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.generation_config.eos_token_id = None
    model.save_pretrained(order["folder"])
    print(json.dumps(dict(peak=measured)))


if __name__ == "__main__":
    main()
