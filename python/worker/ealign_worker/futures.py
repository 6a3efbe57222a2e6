"""Promises of slow calls: one queue, one thread that computes, results that wait to be fetched.

Calls of one model run in the order of their `seq_id`, which starts at 1 and has no gaps; the same number again is the
same call. A call whose predecessor does not come fails after a while, and says so.
"""

import asyncio
import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from .errors import UserError, tell

KEPT = 1024
"""Finished calls whose results can still be fetched."""
PATIENCE = 120.0
"""Seconds that a call waits for its predecessors."""


@dataclass
class Call:
    """One slow call."""

    run: Callable[[], Any]
    group: Any = None
    """Calls of one group that stand together in the queue are run by one `run_group`."""
    run_group: Callable[[Sequence["Call"]], Sequence[Any]] | None = None
    argument: Any = None
    done: asyncio.Event = field(default_factory=asyncio.Event)
    result: Any = None
    error: Exception | None = None
    about: Any = None
    """What was answered to the request itself, to be answered again."""
    key: tuple[str, int] | None = None


class Futures:
    """The queue of one worker. Use it from one event loop."""

    def __init__(self) -> None:
        self.calls: OrderedDict[str, Call] = OrderedDict()
        self._ids: dict[tuple[str, int], str] = {}
        self._next: dict[str, int] = {}
        self._waiting: dict[str, dict[int, Call]] = {}
        self._queue: list[Call] = []
        self._wake = asyncio.Event()
        self.thread = ThreadPoolExecutor(1, "engine")

    def seen(self, scope: str, seq_id: int | None) -> str | None:
        """The request id of a call that has been made before."""
        return None if seq_id is None else self._ids.get((scope, seq_id))

    def submit(self, scope: str, seq_id: int | None, call: Call, ordered: bool = True) -> str:
        """Takes a call, once, and gives its request id. @raise UserError for a number whose turn has passed"""
        if (known := self.seen(scope, seq_id)) is not None:
            return known
        request_id = uuid.uuid4().hex
        if seq_id is not None:
            if ordered and seq_id < self._next.get(scope, 0):
                raise UserError(
                    f"seq_id {seq_id}: {scope} is at {self._next[scope]} already; number calls upwards from 1"
                )
            call.key = (scope, seq_id)
            self._ids[call.key] = request_id
        self.calls[request_id] = call
        self._trim()
        if seq_id is None or not ordered:
            self._enqueue(call)
        else:
            self._waiting.setdefault(scope, {})[seq_id] = call
            self._advance(scope)
            if not call.done.is_set() and seq_id in self._waiting[scope]:
                asyncio.get_running_loop().call_later(PATIENCE, self._give_up, scope, seq_id)
        return request_id

    def _advance(self, scope: str) -> None:
        waiting = self._waiting[scope]
        following = self._next.get(scope, 0 if 0 in waiting else 1)
        while following in waiting:
            self._enqueue(waiting.pop(following))
            following += 1
            self._next[scope] = following

    def _give_up(self, scope: str, seq_id: int) -> None:
        call = self._waiting.get(scope, {}).pop(seq_id, None)
        if call is not None:
            awaited = self._next.get(scope, 1)
            call.error = UserError(
                f"seq_id {seq_id}: {scope} waited {PATIENCE:.0f} s for seq_id {awaited}; number without gaps"
            )
            call.done.set()

    def _enqueue(self, call: Call) -> None:
        self._queue.append(call)
        self._wake.set()

    async def result(self, request_id: str, seconds: float) -> Call | None:
        """The call, once it is done; None while it is not. @raise UserError for one that is unknown"""
        if request_id not in self.calls:
            raise UserError(f"request_id {request_id!r}: unknown, or fetched long ago; make the call again", 404)
        call = self.calls[request_id]
        try:
            await asyncio.wait_for(call.done.wait(), seconds)
        except TimeoutError:
            return None
        return call

    def cancel(self, request_id: str) -> None:
        """Drops a call that has not begun."""
        call = self.calls.get(request_id)
        if call is not None and call in self._queue:
            self._queue.remove(call)
            call.error = UserError(f"request_id {request_id}: cancelled")
            call.done.set()

    async def work(self) -> None:
        """Runs calls until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            while not self._queue:
                self._wake.clear()
                await self._wake.wait()
            if self._queue[0].group is not None:
                await asyncio.sleep(0.005)  # what is sent together is sampled together
                if not self._queue:
                    continue
            calls = [self._queue.pop(0)]
            while self._queue and calls[0].group is not None and self._queue[0].group == calls[0].group:
                calls.append(self._queue.pop(0))
            try:
                results = await loop.run_in_executor(self.thread, _run, calls)
                for call, result in zip(calls, results, strict=True):
                    call.result = result
            except Exception as error:
                if not isinstance(error, UserError):
                    tell(f"{type(error).__name__}: {error}")
                for call in calls:
                    call.error = error
            for call in calls:
                call.argument = None
                call.done.set()

    async def soon(self, run: Callable[[], Any]) -> Any:
        """Runs something in its turn, and waits for it."""
        call = Call(run)
        self._enqueue(call)
        await call.done.wait()
        if call.error is not None:
            raise call.error
        return call.result

    def _trim(self) -> None:
        while len(self.calls) > KEPT and next(iter(self.calls.values())).done.is_set():
            _, gone = self.calls.popitem(last=False)
            if gone.key is not None:
                del self._ids[gone.key]


def _run(calls: Sequence[Call]) -> Sequence[Any]:
    first = calls[0]
    return first.run_group(calls) if first.run_group is not None else [first.run()]
