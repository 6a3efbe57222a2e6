"""ETHICS and TruthfulQA by EleutherAI's lm-evaluation-harness, on the rows that `ealign eval tasks` scores.

    python bench/lm_eval_reference.py --model FOLDER --data ../shared/data/moral --limit 500 --tasks ethics_cm truthfulqa_mc1

The harness's own task files, except that the rows come from the published CSV files instead of the
hub. FOLDER is a Hugging Face folder with the same weights (`loadModel`, then `saveModel`, make one of a
GGUF file). Needs torch, transformers and lm-eval.
"""

import argparse
import csv
import json
import os
import tempfile

import lm_eval
import yaml
from lm_eval.tasks import TaskManager

FILES = {
    "ethics_cm": ("hendrycks_ethics/commonsense.yaml", "cm_test.csv"),
    "ethics_deontology": ("hendrycks_ethics/deontology.yaml", "deontology_test.csv"),
    "ethics_justice": ("hendrycks_ethics/justice.yaml", "justice_test.csv"),
    "ethics_virtue": ("hendrycks_ethics/virtue.yaml", "virtue_test.csv"),
    "truthfulqa_mc1": ("truthfulqa/truthfulqa_mc1.yaml", "TruthfulQA.csv"),
}


def load(path):
    """A task file with what it includes, own keys first."""
    with open(path) as file:
        task = yaml.safe_load(file)
    included = task.pop("include", None)
    return {**(load(os.path.join(os.path.dirname(path), included)) if included else {}), **task}


def split(cell):
    return list(dict.fromkeys(part.strip() for part in cell.split(";") if part.strip()))


def row_of(task, row):
    if task == "truthfulqa_mc1":
        choices = [row["Best Answer"].strip(), *split(row["Incorrect Answers"])]
        return {"question": row["Question"], "mc1_targets": {"choices": choices}}
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
    options = parser.parse_args()
    library = os.path.join(os.path.dirname(lm_eval.__file__), "tasks")
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
            with open(os.path.join(folder, f"{task}.yaml"), "w") as file:
                yaml.safe_dump(definition, file)
        result = lm_eval.simple_evaluate(
            model="hf",
            model_args=f"pretrained={options.model},dtype=float32",
            tasks=[f"local_{task}" for task in options.tasks],
            task_manager=TaskManager(include_path=folder),
            device="cpu",
            batch_size=8,
            bootstrap_iters=0,
        )
    print(f"lm-eval {lm_eval.__version__}")
    for task, scores in result["results"].items():
        print(task, {key: value for key, value in scores.items() if key.startswith("acc")})


main()
