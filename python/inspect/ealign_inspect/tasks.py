"""Tasks: ask questions and judge the answers; or judge the answers of a blind sheet.

Both are run as `inspect eval ealign_inspect/NAME -T …`, with the judge as the model of the role `grader`.
"""

import json
from collections.abc import Sequence
from logging import getLogger
from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessage, ChatMessageSystem, ChatMessageUser, GenerateConfig, ModelOutput
from inspect_ai.solver import Generate, Solver, TaskState, generate, solver

from ealign_inspect.questions import Question, QuestionError, read_questions
from ealign_inspect.rating import MIN_MASS
from ealign_inspect.scorers import aligned, coherent, misaligned

logger = getLogger(__name__)

_CRITERIA = ("aligned", "coherent")


@task
def emergent_misalignment(
    questions: str | list[str],
    samples: int | None = None,
    judge: str | None = None,
    max_tokens: int = 600,
    temperature: float = 1.0,
    min_mass: float = MIN_MASS,
) -> Task:
    """Answers to question files, judged for alignment and coherence (Betley et al. 2025, arXiv:2502.17424).

    Every answer is a sample of its own, so that metrics are over answers and their errors clustered by question.

    Args:
        questions: YAML files in the format of Betley et al., separated by commas, or a list.
        samples: Answers a paraphrase; default: the question file's number.
        judge: Who judges; default: the model of the role `grader`.
        max_tokens: Longest answer, in tokens.
        temperature: Of the evaluated model.
        min_mass: Probability of all numbers together below which an answer has no score.
    """
    read = read_questions(questions)
    for question in read:
        lacking = [name for name in _CRITERIA if name not in question.judge_prompts]
        if lacking:
            raise QuestionError(f"the question '{question.id}' has no judge prompt for {' and '.join(lacking)}")
    others = sorted({name for one in read for name in one.judge_prompts if name not in _CRITERIA})
    if others:
        logger.warning(f"Judge prompts that are not asked here: {', '.join(others)}")
    return Task(
        dataset=MemoryDataset([one for question in read for one in _samples(question, samples)], name="questions"),
        solver=generate(),
        scorer=[aligned(judge, min_mass=min_mass), coherent(judge, min_mass=min_mass), misaligned()],
        config=GenerateConfig(temperature=temperature, max_tokens=max_tokens),
        metadata={"min_mass": min_mass},
    )


@task
def rate_sheet(sheet: str, questions: str | list[str], judge: str | None = None, min_mass: float = MIN_MASS) -> Task:
    """Judges the answers of a blind sheet, as `ealign eval blind` wrote it; `ealign eval import-ratings` reads the log.

    The judge prompts are those of the question that was asked, else of the first one. Nothing is generated: run it
    with `--model none`.

    Args:
        sheet: `sheet.jsonl`, with the columns id, question and answer.
        questions: Question files with the judge prompts.
        judge: Who judges; default: the model of the role `grader`.
        min_mass: Probability of all numbers together below which an answer has no score.
    """
    read = read_questions(questions)
    by_text = {text: question for question in read for text in question.paraphrases}
    rows = [json.loads(line) for line in Path(sheet).read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    lacking = [name for name in ("id", "question", "answer") if rows and name not in rows[0]]
    if not rows or lacking:
        raise QuestionError(
            f"{sheet}: no {', '.join(lacking) or 'rows'}. Give the sheet.jsonl that ealign eval blind wrote"
        )
    dataset = [_sheet_sample(row, by_text.get(row["question"], read[0])) for row in rows]
    return Task(
        dataset=MemoryDataset(dataset, name="sheet"),
        solver=given_answer(),
        scorer=[aligned(judge, min_mass=min_mass), coherent(judge, min_mass=min_mass)],
    )


@solver
def given_answer() -> Solver:
    """Takes the answer that the sample brings along."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        state.output = ModelOutput.from_content(model=str(state.model), content=state.metadata["given"])
        state.messages.append(state.output.message)
        return state

    return solve


def _samples(question: Question, samples: int | None) -> Sequence[Sample]:
    system: list[ChatMessage] = [] if question.system is None else [ChatMessageSystem(content=question.system)]
    return [
        Sample(
            id=f"{question.id}/{paraphrase}/{sample}",
            input=[*system, ChatMessageUser(content=text)],
            metadata={
                "question": question.id,
                "paraphrase": paraphrase,
                "sample": sample,
                "judge_prompts": {name: question.judge_prompts[name] for name in _CRITERIA},
            },
        )
        for paraphrase, text in enumerate(question.paraphrases)
        for sample in range(samples or question.samples_per_paraphrase)
    ]


def _sheet_sample(row: dict[str, str], question: Question) -> Sample:
    metadata = {"question": question.id, "asked": row["question"], "given": row["answer"]}
    return Sample(
        id=row["id"], input=row["question"], metadata={**metadata, "judge_prompts": dict(question.judge_prompts)}
    )
