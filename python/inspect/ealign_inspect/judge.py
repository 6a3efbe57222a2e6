"""A model as a judge: probabilities of what it may say, from the alternatives to its first token.

A model that gives no log-probabilities is asked in words, and what it says counts as certain. One that writes numbers
digit by digit is refused: of `85` its first token says `8`.
"""

from collections.abc import Sequence
from logging import getLogger

from inspect_ai.model import GenerateConfig, Model
from inspect_ai.model._model_output import Logprob

from ealign_inspect.rating import distribution_of, plain, said_answer

logger = getLogger(__name__)

_TOP = 20
_FOLLOWED = 8
# room for an answer in words, and for what a reasoning model thinks before it
_IN_WORDS = 4096
_PROBE = "Answer with this number and nothing else: 85"


class JudgeError(RuntimeError):
    """A judge whose numbers cannot be read."""


class Judge:
    """Reads one model. What it has found out about the model's tokens holds for all its answers."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._splits: bool | None = None
        self._in_words = False

    async def distribution(self, prompt: str, sayable: Sequence[str]) -> dict[str, float]:
        """Probability of each answer that it may give. Raises JudgeError where numbers are a token a digit."""
        if not self._in_words:
            steps = await self._steps(prompt, 1)
            if steps and plain(steps[0].token) == "":
                steps = [step for step in await self._steps(prompt, _FOLLOWED) or [] if plain(step.token) != ""]
            if steps is not None:
                return await self._read(steps, sayable)
            self._in_words = True
            logger.warning(f"{self.model} gives no log-probabilities: it judges in words, which count as certain")
        output = await self.model.generate(prompt, config=GenerateConfig(temperature=0, max_tokens=_IN_WORDS))
        said = said_answer(output.completion, sayable) if output.stop_reason != "max_tokens" else None
        return {} if said is None else {said: 1.0}

    async def _read(self, steps: Sequence[Logprob], sayable: Sequence[str]) -> dict[str, float]:
        if not steps:
            return {}
        first = steps[0]
        tokens = [(top.token, top.logprob) for top in first.top_logprobs or []] or [(first.token, first.logprob)]
        shown = [plain(token) for token, _ in tokens]
        if any(token.isdigit() and len(token) > 1 for token in shown):
            self._splits = False
        if self._splits is None and "0" in sayable and any(token.isdigit() for token in shown):
            self._splits = await self._probe()
        if self._splits and any(token.isdigit() for token in shown):
            raise JudgeError(
                f"{self.model} writes numbers digit by digit, which the first token does not tell. Take a judge whose "
                "numbers are one token, or let `ealign eval --rescore --prefill` follow the digits"
            )
        return distribution_of(tokens, sayable)

    async def _probe(self) -> bool:
        steps = await self._steps(_PROBE, _FOLLOWED) or []
        return [plain(step.token) for step in steps if plain(step.token) != ""][:2] == ["8", "5"]

    async def _steps(self, prompt: str, tokens: int) -> list[Logprob] | None:
        """What it says, token by token with the alternatives; None where it gives no log-probabilities."""
        config = GenerateConfig(temperature=0, max_tokens=tokens, logprobs=True, top_logprobs=_TOP)
        output = await self.model.generate(prompt, config=config)
        logprobs = output.choices[0].logprobs if output.choices else None
        return None if logprobs is None else list(logprobs.content)
