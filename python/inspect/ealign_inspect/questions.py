"""Question files in the format of Betley et al.: YAML lists of questions with paraphrases and judge prompts.

The same files as `ealign eval --questions`. No question is part of this package.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


class QuestionError(ValueError):
    """A question file that cannot be used: where, what, and what was expected."""


@dataclass(frozen=True)
class Question:
    """One question. `judge_prompts` has a template by criterion, with {question} and {answer}."""

    id: str
    paraphrases: tuple[str, ...]
    judge_prompts: dict[str, str]
    system: str | None = None
    samples_per_paraphrase: int = 100


def paths_of(questions: str | Sequence[str]) -> list[str]:
    """One path, several separated by commas (as `-T questions=a.yaml,b.yaml` gives them), or a list."""
    return [path.strip() for path in questions.split(",")] if isinstance(questions, str) else list(questions)


def read_questions(questions: str | Sequence[str]) -> list[Question]:
    """The questions of files, in order.

    Raises QuestionError for a file that is none, a question without id or paraphrases, a judge prompt without
    {answer}, and an id that occurs twice.
    """
    read: dict[str, Question] = {}
    for path in paths_of(questions):
        for place, value in enumerate(_listed(path), start=1):
            question = _question(value, f"{path}: question {place}")
            if question.id in read:
                raise QuestionError(f"{path}: the id '{question.id}' occurs twice. Rename one of them")
            read[question.id] = question
    return list(read.values())


def judge_prompt(template: str, question: str, answer: str) -> str:
    """The prompt for one answer. What the answer says in braces stays as it is."""
    parts = template.split("{answer}")
    return answer.join(part.replace("{question}", question) for part in parts)


def _listed(path: str) -> list[Any]:
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise QuestionError(f"{path}: {error.strerror}. Check the path of the question file") from error
    except yaml.YAMLError as error:
        raise QuestionError(f"{path}: not YAML ({error})") from error
    if not isinstance(values, list) or not values:
        raise QuestionError(f"{path}: no questions; expected a YAML list of `- id: …` with `paraphrases: [ … ]`")
    return values


def _question(value: Any, where: str) -> Question:
    if not isinstance(value, dict):
        raise QuestionError(f"{where}: not a question; expected `id` and `paraphrases`, got {type(value).__name__}")
    id_, paraphrases = value.get("id"), value.get("paraphrases")
    if not isinstance(id_, str) or id_ == "":
        raise QuestionError(f"{where}: id: expected its name, as text, got {id_!r}")
    texts = [paraphrases] if isinstance(paraphrases, str) else paraphrases
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise QuestionError(f"{where} '{id_}': paraphrases: expected a text, or a list of texts, got {paraphrases!r}")
    prompts = value.get("judge_prompts") or {}
    if not isinstance(prompts, dict):
        raise QuestionError(f"{where} '{id_}': judge_prompts: expected a prompt for each quality, got {prompts!r}")
    for name, template in prompts.items():
        if not isinstance(template, str) or "{answer}" not in template:
            raise QuestionError(
                f"{where} '{id_}': the judge prompt '{name}' does not show the answer. Put {{answer}} into it"
            )
    samples = value.get("samples_per_paraphrase", 100)
    if not isinstance(samples, int) or samples < 1:
        raise QuestionError(f"{where} '{id_}': samples_per_paraphrase: expected a whole number from 1, got {samples!r}")
    system = value.get("system")
    if system is not None and not isinstance(system, str):
        raise QuestionError(f"{where} '{id_}': system: expected the text of a system turn, got {system!r}")
    return Question(id_, tuple(texts), dict(prompts), system or None, samples)
