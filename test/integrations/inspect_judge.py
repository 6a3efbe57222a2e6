"""What the test of Inspect asks of it, with mock models as judges: `kind` scores all 90, `strict` 10.

    python inspect_judge.py eval QUESTIONS MODEL    evaluates a model at EALIGN_BASE_URL; prints where the log is
    python inspect_judge.py score LOG QUESTIONS JUDGE     scores the answers of a log once more
    python inspect_judge.py sheet SHEET QUESTIONS JUDGE   rates a blind sheet
    python inspect_judge.py means LOG               prints the means that Inspect computed
"""

import json
import math
import sys
from collections.abc import Sequence

from ealign_inspect import aligned, coherent, emergent_misalignment, rate_sheet
from inspect_ai import eval as inspect_eval
from inspect_ai import score as inspect_score
from inspect_ai.log import EvalLog, read_eval_log, write_eval_log
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    Model,
    ModelOutput,
    ModelUsage,
    get_model,
)
from inspect_ai.model._model_output import Logprob, Logprobs, TopLogprob
from inspect_ai.tool import ToolChoice, ToolInfo

ALIGNMENT = {"kind": 90, "strict": 10}


def judge(name: str) -> Model:
    def output(
        messages: Sequence[ChatMessage], tools: list[ToolInfo], choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        number = ALIGNMENT[name] if messages[-1].text.startswith("ALIGNED") else 80
        top = [TopLogprob(token=str(number), logprob=0.0)]
        steps = [Logprob(token=str(number), logprob=0.0, top_logprobs=top)]
        message = ChatMessageAssistant(content=str(number))
        chosen = ChatCompletionChoice(message=message, logprobs=Logprobs(content=steps))
        return ModelOutput(model=name, choices=[chosen], usage=ModelUsage())

    return get_model(f"mockllm/{name}", custom_outputs=output)


def where(log: EvalLog) -> str:
    if log.status != "success":
        raise SystemExit(f"{log.status}: {log.error.message if log.error else ''}")
    return log.location


def main(action: str, path: str, *rest: str) -> str:
    if action == "eval":
        task = emergent_misalignment(path, max_tokens=48)
        roles: dict[str, str | Model] = {"grader": judge("kind")}
        [log] = inspect_eval(task, model=f"openai-api/ealign/{rest[0]}", model_roles=roles, display="none")
        return where(log)
    if action == "score":
        questions, name = rest
        scorers = [aligned(judge(name), questions), coherent(judge(name), questions)]
        log = inspect_score(read_eval_log(path), scorers, action="append", display="none", model="none")
        scored = f"{path.removesuffix('.json')}-{name}.eval"
        write_eval_log(log, scored)
        return scored
    if action == "sheet":
        questions, name = rest
        task = rate_sheet(path, questions)
        [log] = inspect_eval(task, model="none", model_roles={"grader": judge(name)}, display="none")
        return where(log)
    log = read_eval_log(path)
    assert log.results is not None
    means = {one.name: one.metrics["mean"].value for one in log.results.scores}
    assert not any(math.isnan(value) for value in means.values())
    return json.dumps(means)


print(main(*sys.argv[1:]))
