"""What `ealign eval export --to lm-eval` writes, in EleutherAI's lm-evaluation-harness: its table of it, and
means and hashes computed anew from the samples.

    python bench/lm_eval_export.py --results runs/tasks/lm-eval/pinocchio

--results is the folder that holds results_*.json. Needs lm-eval.
"""

import argparse
import glob
import json
import math
import os
from datetime import datetime

import lm_eval
from lm_eval.api.metrics import mean, mean_stderr
from lm_eval.utils import (
    get_latest_filename,
    get_results_filenames,
    get_sample_results_filenames,
    hash_string,
    make_table,
)


def check(task, lines, own):
    for key, value in own.items():
        metric, _, name = key.partition(",")
        if not name or metric.endswith("_stderr"):
            continue
        values = [line[metric] for line in lines if line["filter"] == name and line[metric] is not None]
        if value is None:
            assert values == [], key
            continue
        assert math.isclose(mean(values), value, rel_tol=1e-9, abs_tol=1e-12), (key, mean(values), value)
        error = own[f"{metric}_stderr,{name}"]
        # those of judged answers are over questions
        if metric in ("acc", "acc_norm") and error != "N/A":
            assert math.isclose(mean_stderr(values), error, rel_tol=1e-9, abs_tol=1e-12), key
    for line in lines:
        assert line["doc_hash"] == hash_string(json.dumps(line["doc"], indent=2, ensure_ascii=False))
        assert line["prompt_hash"] == hash_string(line["arguments"]["gen_args_0"]["arg_0"])
    print(f"{task}: {len(lines)} samples, means and hashes as the harness computes them")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--results", required=True)
    options = parser.parse_args()
    files = sorted(glob.glob(os.path.join(options.results, "*")))
    path = get_latest_filename(get_results_filenames(files))
    with open(path) as file:
        results = json.load(file)
    print(f"lm-eval {lm_eval.__version__}, {results['model_name']}, {datetime.fromtimestamp(results['date'])}")
    print(make_table(results))
    for task, own in results["results"].items():
        [samples] = [name for name in get_sample_results_filenames(files) if f"samples_{task}_2" in name]
        with open(samples) as file:
            lines = [json.loads(line) for line in file]
        check(task, lines, own)
        digest = hash_string("".join(line["doc_hash"] + line["prompt_hash"] + line["target_hash"] for line in lines))
        assert results["task_hashes"][task] == digest


main()
