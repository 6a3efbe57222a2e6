"""llama.cpp (xllamacpp) and transformers as readers of what is exported: one JSON request on stdin, one answer on stdout.

{"orders": […]}, each of them one of
{"llama": FILE, "lora": FILE?, "prompts": [text], "tokens": n, "vocabulary": n, "plain": id of a token of ASCII}
{"transformers": FOLDER, "adapter": FOLDER?, "prompts": [text], "tokens": n}

Answers a list for each order: {"text": greedy continuation, "logps": log-probabilities of the first token, by id}, or
{"error": …} in place of the list. Numbers are float32 throughout: what llama.cpp caches, too. {"look": [packages]}
answers those that are missing.
"""

import importlib.util
import json
import os
import sys


def llama(order):
    from xllamacpp import CommonAdapterLoraInfo, CommonParams, Server, ggml_type, llama_flash_attn_type

    params = CommonParams()
    params.model.path = order["llama"]
    params.n_ctx = 256
    params.n_parallel = 1
    params.n_gpu_layers = 0
    params.verbosity = 0
    params.warmup = False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.cache_type_k = params.cache_type_v = ggml_type.GGML_TYPE_F32
    params.flash_attn_type = llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    if order.get("lora"):
        lora = CommonAdapterLoraInfo()
        lora.path, lora.scale = order["lora"], 1.0
        params.lora_adapters = [lora]
    server = Server(params)

    def ask(prompt, tokens, **options):
        request = dict(prompt=prompt, n_predict=tokens, temperature=0.0, cache_prompt=False, **options)
        answer = server.handle_completions(request)
        answer = json.loads(answer) if isinstance(answer, str) else answer
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["choices"][0]

    for prompt in order["prompts"]:
        # the probabilities of a token that is half a character are not told; what is told is not biased
        plain = dict(n_probs=order["vocabulary"], logit_bias=[[order["plain"], 1000.0]])
        first = ask(prompt, 1, **plain)["logprobs"]["content"][0]["top_logprobs"]
        logps = {one["id"]: one["logprob"] for one in first}
        yield dict(text=ask(prompt, order["tokens"])["text"], logps=[logps.get(i) for i in range(order["vocabulary"])])


def huggingface(order):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(order["transformers"])
    model = AutoModelForCausalLM.from_pretrained(order["transformers"], dtype=torch.float32).eval()
    if order.get("adapter"):
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, order["adapter"]).eval()
    for prompt in order["prompts"]:
        ids = tokenizer(prompt, return_tensors="pt").input_ids
        with torch.no_grad():
            logps = model(input_ids=ids).logits[0, -1].log_softmax(-1)
            out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=order["tokens"], do_sample=False)
        yield dict(text=tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True), logps=logps.tolist())


out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
order = json.loads(sys.stdin.read())
if "look" in order:
    print(json.dumps([name for name in order["look"] if importlib.util.find_spec(name) is None]), file=out, flush=True)
else:
    answers = []
    for one in order["orders"]:
        try:
            answers.append(list(llama(one) if "llama" in one else huggingface(one)))
        except Exception as error:
            answers.append(dict(error=repr(error)))
    print(json.dumps(answers), file=out, flush=True)
os._exit(0)
