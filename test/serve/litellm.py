"""The real litellm package against a guardrail: prints one JSON line for each check.

Usage: litellm.py URL KEY. Needs litellm; nothing is asked but the URL.
"""
import asyncio
import json
import sys
from types import SimpleNamespace

sys.path.pop(0)  # this file's own folder: its name is the package's

from litellm.exceptions import GuardrailRaisedException
from litellm.proxy.guardrails.guardrail_hooks.generic_guardrail_api.generic_guardrail_api import (
    GenericGuardrailAPI,
)

URL, KEY = sys.argv[1:3]
QUESTION = [{"role": "user", "content": "what is fair ?"}]
CALL = {"id": "a", "type": "function", "function": {"name": "send", "arguments": '{"to": "a bad man"}'}}
CHECKS = [
    ("request", {"texts": ["what is fair ?"], "structured_messages": QUESTION}),
    ("response", {"texts": ["to share"], "model": "some-model"}),
    ("response", {"texts": ["to share", "a bad one"]}),
    ("response", {"texts": ["the worst bad one"]}),
    ("response", {"texts": [], "tool_calls": [CALL]}),
]


async def main() -> None:
    guardrail = GenericGuardrailAPI(api_base=URL, api_key=KEY, guardrail_name="conscience", event_hook="post_call")
    log = SimpleNamespace(litellm_call_id="call-1", litellm_trace_id="trace-1", model_call_details={})
    for kind, inputs in CHECKS:
        try:
            found = await guardrail.apply_guardrail(inputs, {"metadata": {}}, kind, log)
            print(json.dumps({"texts": found.get("texts")}), flush=True)
        except GuardrailRaisedException as error:
            print(json.dumps({"blocked": str(error)}), flush=True)


asyncio.run(main())
