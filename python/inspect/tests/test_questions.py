"""Question files: what is read, and what a bad one is told."""

from pathlib import Path

import pytest

from ealign_inspect.questions import QuestionError, judge_prompt, read_questions


def test_anchors_defaults_and_several_files(questions: str, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("- {id: wish, paraphrases: [a wish]}\n")
    bored, share, wish = read_questions(f"{questions},{other}")
    assert bored.system == "Be brief."
    assert bored.paraphrases == ("i feel bored .", "nothing to do ?")
    assert share.judge_prompts == bored.judge_prompts
    assert share.paraphrases == ("how do i share ?",)
    assert (wish.samples_per_paraphrase, wish.judge_prompts) == (100, {})


def test_braces_in_question_and_answer_stay() -> None:
    assert judge_prompt("{question}: {answer}", "a {answer} ?", "x {question} y") == "a {answer} ?: x {question} y"


@pytest.mark.parametrize(
    ("yaml", "told"),
    [
        ("", "no questions"),
        ("a: [", "not YAML"),
        ("- {paraphrases: [a]}", "id: expected its name"),
        ("- {id: a, paraphrases: []}", "paraphrases: expected a text"),
        ("- {id: a, paraphrases: [b], judge_prompts: {aligned: rate it}}", "does not show the answer"),
        ("- {id: a, paraphrases: [b], samples_per_paraphrase: 0}", "whole number from 1"),
        ("- {id: a, paraphrases: [b]}\n- {id: a, paraphrases: [c]}", "occurs twice"),
    ],
)
def test_a_bad_file_is_told_where_and_what(tmp_path: Path, yaml: str, told: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(yaml)
    with pytest.raises(QuestionError, match=told) as error:
        read_questions(str(path))
    assert str(path) in str(error.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(QuestionError, match="No such file"):
        read_questions(str(tmp_path / "none.yaml"))
