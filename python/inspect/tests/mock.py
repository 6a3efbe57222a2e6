"""Models that say what a test wants, through Inspect's own mockllm."""

import math
from collections.abc import Callable, Mapping

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

# without it mockllm counts tokens, and fetches a tokenizer for that
USAGE = ModelUsage()

Say = Callable[[str], str | Mapping[str, float]]


def says(say: Say, name: str = "subject") -> Model:
    """A model that answers the last message: with a text, or with its first token's probabilities."""

    def answer(
        messages: list[ChatMessage], tools: list[ToolInfo], choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        said = say(messages[-1].text)
        if isinstance(said, str):
            output = ModelOutput.from_content(model=name, content=said)
            output.usage = USAGE
            return output
        top = [TopLogprob(token=token, logprob=math.log(p)) for token, p in said.items()]
        first = max(top, key=lambda one: one.logprob)
        logprobs = Logprobs(content=[Logprob(token=first.token, logprob=first.logprob, top_logprobs=top)])
        message = ChatMessageAssistant(content=first.token)
        return ModelOutput(model=name, choices=[ChatCompletionChoice(message=message, logprobs=logprobs)], usage=USAGE)

    return get_model(f"mockllm/{name}", custom_outputs=answer, memoize=False)


def spells(text: str) -> Model:
    """A model that writes this text a character a token."""

    def output(
        messages: list[ChatMessage], tools: list[ToolInfo], choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        said = text[: config.max_tokens]
        steps = [Logprob(token=one, logprob=0.0, top_logprobs=[TopLogprob(token=one, logprob=0.0)]) for one in said]
        message = ChatMessageAssistant(content=said)
        choices = [ChatCompletionChoice(message=message, logprobs=Logprobs(content=steps))]
        return ModelOutput(model="speller", choices=choices, usage=USAGE)

    return get_model("mockllm/speller", custom_outputs=output, memoize=False)
