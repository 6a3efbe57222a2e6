"""One side of a pair that `ealign bench` takes in turns: JSON lines on stdin and stdout.

The first line says what to open, each further one asks for a turn; the end of stdin ends the process.
"""

import json
import os
import resource
import sys


def run(package, open_side):
    """Runs `open_side(order)`, which returns `turn(i)`; names what of it cannot be imported."""
    # what libraries print goes to stderr
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**fields):
        out.write(json.dumps(fields) + "\n")
        out.flush()

    order = json.loads(sys.stdin.readline())
    try:
        turn = open_side(order)
    except ImportError as error:
        answer(missing=error.name or package, error=str(error))
        return
    answer(ready=dict(versions=versions(package)))
    for line in sys.stdin:
        answer(sample=turn(json.loads(line)["turn"]))
    # libraries with threads of their own may hang when they are torn down
    os._exit(0)


def versions(package):
    from importlib.metadata import version

    names = {"xllamacpp": ["xllamacpp"], "peft": ["torch", "transformers", "peft"]}[package]
    return ", ".join(f"{name} {version(name)}" for name in names)


def peak(who=resource.RUSAGE_SELF):
    """Peak resident memory, bytes."""
    return resource.getrusage(who).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
