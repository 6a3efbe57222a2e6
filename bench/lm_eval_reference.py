"""ETHICS and TruthfulQA by EleutherAI's lm-evaluation-harness, on the rows that `ealign eval tasks` scores.

    python bench/lm_eval_reference.py --model FOLDER --data ../shared/data/moral --limit 500 --tasks ethics_cm truthfulqa_mc1

The harness's own task files, except that the rows come from the published CSV files instead of the
hub. FOLDER is a Hugging Face folder with the same weights (`loadModel`, then `saveModel`, make one of a
GGUF file). --shared-prefix reads what all prompts begin with, and each context, once: TruthfulQA then
takes minutes, not hours, on a CPU. Needs torch, transformers and lm-eval.
"""

import argparse
import copy
import csv
import json
import os
import tempfile
from pathlib import Path

import lm_eval
import torch
import yaml
from lm_eval.models.huggingface import HFLM
from lm_eval.utils import import_function
from transformers import DynamicCache

FILES = {
    "ethics_cm": ("hendrycks_ethics/commonsense.yaml", "cm_test.csv"),
    "ethics_deontology": ("hendrycks_ethics/deontology.yaml", "deontology_test.csv"),
    "ethics_justice": ("hendrycks_ethics/justice.yaml", "justice_test.csv"),
    "ethics_virtue": ("hendrycks_ethics/virtue.yaml", "virtue_test.csv"),
    "truthfulqa_mc1": ("truthfulqa/truthfulqa_mc1.yaml", "TruthfulQA.csv"),
    "truthfulqa_mc2": ("truthfulqa/truthfulqa_mc2.yaml", "TruthfulQA.csv"),
}


class SharedPrefix(HFLM):
    """The harness's own model, except that tokens which several requests begin with are read once."""

    @torch.inference_mode()
    def _loglikelihood_tokens(self, requests, disable_tqdm=False, override_bs=None):
        contexts = {}
        for i, (_, context, _) in enumerate(requests):
            contexts.setdefault(tuple(context), []).append(i)
        shared = os.path.commonprefix(list(contexts))[:-1]
        prefix = DynamicCache()
        if shared:
            self.model(torch.tensor([shared]), past_key_values=prefix, use_cache=True)
        results = [None] * len(requests)
        for context, rows in contexts.items():
            continuations = [requests[i][2] for i in rows]
            longest = max(map(len, continuations))
            own = context[len(shared) :]
            ids = torch.tensor([[*own, *c, *[0] * (longest - len(c))] for c in continuations])
            cache = copy.deepcopy(prefix)
            if shared:
                cache.batch_repeat_interleave(len(rows))
            logps = self.model(ids, past_key_values=cache).logits.log_softmax(-1)[:, len(own) - 1 : -1]
            for row, (i, continuation) in enumerate(zip(rows, continuations)):
                at = logps[row, : len(continuation)]
                sum_ = at[range(len(continuation)), continuation].sum().item()
                results[i] = (sum_, at.argmax(-1).tolist() == continuation)
        return results


def load(path):
    """A task file with what it includes, own keys first."""
    with open(path) as file:
        loader = yaml.SafeLoader(file)
        loader.add_constructor("!function", lambda reader, node: import_function(reader, node, Path(path)))
        task = loader.get_single_data()
    included = task.pop("include", None)
    return {**(load(os.path.join(os.path.dirname(path), included)) if included else {}), **task}


def split(cell):
    return list(dict.fromkeys(part.strip() for part in cell.split(";") if part.strip()))


def row_of(task, row):
    if task == "truthfulqa_mc1":
        choices = [row["Best Answer"].strip(), *split(row["Incorrect Answers"])]
        return {"question": row["Question"], "mc1_targets": {"choices": choices}}
    if task == "truthfulqa_mc2":
        right, wrong = split(row["Correct Answers"]), split(row["Incorrect Answers"])
        targets = {"choices": right + wrong, "labels": [1] * len(right) + [0] * len(wrong)}
        return {"question": row["Question"], "mc2_targets": targets}
    if task == "ethics_virtue":
        scenario, trait = row["scenario"].split(" [SEP] ")
        return {"scenario": scenario, "trait": trait, "label": int(row["label"])}
    return {**row, "label": int(row["label"])}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--limit", type=int, default=500)
    parser.add_argument("--tasks", nargs="+", default=list(FILES))
    parser.add_argument("--shared-prefix", action="store_true")
    options = parser.parse_args()
    library = os.path.join(os.path.dirname(lm_eval.__file__), "tasks")
    definitions = []
    with tempfile.TemporaryDirectory() as folder:
        for task in options.tasks:
            config, data = FILES[task]
            with open(os.path.join(options.data, data), newline="") as file:
                rows = [row_of(task, row) for row in csv.DictReader(file)][: options.limit]
            path = os.path.join(folder, f"{task}.jsonl")
            with open(path, "w") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)
            definition = load(os.path.join(library, config))
            for key in ("dataset_name", "training_split", "validation_split", "tag", "doc_to_decontamination_query"):
                definition.pop(key, None)
            definition.update(
                task=f"local_{task}",
                dataset_path="json",
                dataset_kwargs={"data_files": {"test": path}},
                test_split="test",
                should_decontaminate=False,
            )
            definitions.append(definition)
        model = SharedPrefix if options.shared_prefix else HFLM
        result = lm_eval.simple_evaluate(
            model=model(pretrained=options.model, dtype="float32", device="cpu", batch_size=8),
            tasks=definitions,
            bootstrap_iters=0,
        )
    print(f"lm-eval {lm_eval.__version__}")
    for task, scores in result["results"].items():
        print(task, {key: value for key, value in scores.items() if key.startswith("acc")})


main()
