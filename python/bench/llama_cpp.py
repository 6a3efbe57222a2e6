"""llama.cpp as a peer of `ealign bench`, through its Python binding xllamacpp: the same file, tokens and threads.

Its own defaults throughout, but for what the comparison needs: the processor, as many threads and streams as ours,
and no prompt cache where reading prompts is what is measured.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import side


def open_server(order, streams, context):
    from xllamacpp import CommonParams, Server

    params = CommonParams()
    params.model.path = order["model"]
    params.n_parallel = streams
    params.n_ctx = streams * context
    params.n_gpu_layers = 0
    params.verbosity = 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = order["threads"]
    return Server(params)


def ask(server, ids, tokens, **options):
    request = dict(prompt=ids, n_predict=tokens, temperature=0.0, cache_prompt=False, ignore_eos=True)
    answer = server.handle_completions({**request, **options})
    if isinstance(answer, str):
        answer = json.loads(answer)
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return answer


def together(server, prompts, tokens, **options):
    """Seconds that the prompts take when all are asked at once."""
    threads = [threading.Thread(target=ask, args=(server, ids, tokens), kwargs=options) for ids in prompts]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begin


def decode(order):
    turns, tokens = order["shared"]["turns"], order["shared"]["tokens"]
    server = open_server(order, len(turns[0]["first"]), 256)

    def turn(i):
        first = together(server, turns[i]["first"], 1)
        whole = together(server, turns[i]["whole"], 1 + tokens)
        streams = len(turns[i]["whole"])
        return dict(rate=streams * tokens / (whole - first), whole=streams * (1 + tokens) / whole)

    together(server, turns[0]["first"], 4)
    return turn


def prompt(order):
    turns = order["shared"]["turns"]
    server = open_server(order, 1, 1024)

    def turn(i):
        return dict(rate=len(turns[i]) / together(server, [turns[i]], 1))

    turn(0)
    return turn


def reviews(order):
    """One after the other on one slot, whose cache then always holds the common beginning."""
    turns = order["shared"]["turns"]
    server = open_server(order, 1, 1024)

    def turn(i):
        begin = time.perf_counter()
        for ids in turns[i]:
            ask(server, ids, 1, cache_prompt=True, n_probs=10)
        return dict(seconds=time.perf_counter() - begin)

    turn(0)
    return turn


def greedy(order):
    """The text of an answer after each of its tokens."""
    turns, tokens = order["shared"]["turns"], order["shared"]["tokens"]
    server = open_server(order, 1, 1024)

    def texts(ids):
        answer = ask(server, ids, tokens, ignore_eos=False, n_probs=1)
        raw, grown = b"", []
        for token in answer["choices"][0]["logprobs"]["content"]:
            raw += bytes(token["bytes"])
            grown.append(raw.decode(errors="replace"))
        return grown

    return lambda i: dict(texts=[texts(ids) for ids in turns[i]])


def chat(order):
    """A process of its own for each turn: from its start to the first token, and its peak memory."""
    child = None
    signal.signal(signal.SIGTERM, lambda *_: (child and child.kill(), os._exit(143)))

    def turn(_):
        nonlocal child
        begin = time.perf_counter()
        child = subprocess.Popen([sys.executable, __file__, "--chat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        child.stdin.write((json.dumps(order) + "\n").encode())
        child.stdin.close()
        child.stdout.readline()
        seconds = time.perf_counter() - begin
        peak = json.loads(child.stdout.readline())
        child.wait()
        return dict(seconds=seconds, bytes=peak)

    import xllamacpp  # noqa: F401, whether it is installed

    return turn


def chat_once():
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    order = json.loads(sys.stdin.readline())
    server = open_server(order, 1, 2048)
    ids, tokens = order["shared"]["ids"], order["shared"]["tokens"]
    ask(server, ids, 1)
    print("first", file=out, flush=True)
    ask(server, ids, tokens)
    print(side.peak(), file=out, flush=True)
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1:] == ["--chat"]:
        chat_once()
    tasks = dict(decode=decode, prompt=prompt, reviews=reviews, greedy=greedy, chat=chat)
    side.run("xllamacpp", lambda order: tasks[order["task"]](order))
