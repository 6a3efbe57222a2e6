"""What `ealign eval export --to inspect` writes, opened in Inspect: its means against our own scores.

    python bench/inspect_export.py --logs runs/eval/inspect --scores runs/eval/scorecard.json

--scores is scorecard.json of `ealign eval`, or scores.json of `ealign eval tasks`. Reads every log twice,
whole and header only, writes it back as an .eval file, and lets Inspect's own metrics compute means and
standard errors from the samples; words such as CODE, and unscored samples, count for none. With
several seeds our standard errors also hold the seeds' variance, which Inspect does not know: then they
are not compared. Needs inspect-ai.
"""

import argparse
import json
import math
import os
import tempfile

import inspect_ai
from inspect_ai.log import list_eval_logs, read_eval_log, write_eval_log
from inspect_ai.scorer import SampleScore, accuracy, mean, stderr


def estimates(path):
    """By task and score name: our own mean."""
    with open(path) as file:
        found = json.load(file)
    if "judges" in found:
        return {
            ("emergent_misalignment", f"{key} ({card['judge']})"): card["alignment"]["overall"][key]
            for card in found["judges"]
            if card["alignment"]
            for key in ("aligned", "coherent", "misaligned")
        }
    return {
        (score["task"], name): score[key]
        for score in found["scores"]
        for name, key in (("choice", "score"), ("probability_of_right", "score"), ("choice_per_byte", "normalized"))
    }


def scores_of(log, name):
    """Numbers, and correct or incorrect."""
    own = [(sample, sample.scores[name]) for sample in log.samples if name in sample.scores]
    return [
        SampleScore(score=score, sample_id=sample.id, sample_metadata=sample.metadata)
        for sample, score in own
        if score.value in ("C", "I") or (isinstance(score.value, (int, float)) and not math.isnan(score.value))
    ]


def require(name, ours, theirs):
    if not math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12):
        raise SystemExit(f"{name}: we say {ours}, Inspect computes {theirs}")


def check(log, expected):
    judged = log.eval.task == "emergent_misalignment"
    seeds = log.eval.metadata.get("seeds", [])
    for result in log.results.scores:
        if (log.eval.task, result.name) not in expected:
            continue
        scores = scores_of(log, result.name)
        estimate = expected[log.eval.task, result.name]
        line = f"{log.eval.task}, {result.name}: {len(scores)} scores"
        if estimate is None:
            assert scores == [] and result.metrics == {}, line
            print(f"{line}, no mean")
            continue
        by_letter = scores[0].score.value in ("C", "I")
        value = (accuracy() if by_letter else mean())(scores)
        require(line, estimate["value"], value)
        require(line, result.metrics["accuracy" if by_letter else "mean"].value, value)
        error = result.metrics.get("stderr")
        if error and not (judged and len(seeds) > 1):
            require(f"{line}, stderr", error.value, stderr(cluster="question" if judged else None)(scores))
        print(f"{line}, mean {value:.6g}, stderr {error.value if error else None}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--logs", required=True)
    parser.add_argument("--scores", required=True)
    options = parser.parse_args()
    expected = estimates(options.scores)
    print(f"inspect-ai {inspect_ai.__version__}")
    found = list_eval_logs(options.logs)
    assert found, f"Inspect finds no logs in {options.logs}"
    with tempfile.TemporaryDirectory() as folder:
        for info in found:
            log = read_eval_log(info)
            header = read_eval_log(info, header_only=True)
            assert header.results == log.results and header.samples is None
            again = os.path.join(folder, "again.eval")
            write_eval_log(log, again)
            assert len(read_eval_log(again).samples) == len(log.samples)
            print(f"{info.task}: {log.status}, {len(log.samples)} samples of {log.eval.model}")
            check(log, expected)


main()
