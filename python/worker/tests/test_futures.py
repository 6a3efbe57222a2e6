"""The queue alone: gaps, waiting, cancelling."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from ealign_worker import futures
from ealign_worker.errors import UserError
from ealign_worker.futures import Call, Futures


def test_a_gap_fails_after_a_while_and_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(futures, "PATIENCE", 0.05)

    async def story() -> None:
        queue = Futures()
        worker = asyncio.create_task(queue.work())
        request_id = queue.submit("m", 3, Call(lambda: 3))
        assert await queue.result(request_id, 0.01) is None
        call = await queue.result(request_id, 5)
        assert call is not None
        assert "seq_id 3: m waited" in str(call.error)
        first = await queue.result(queue.submit("m", 1, Call(lambda: 1)), 5)
        assert first is not None
        assert first.result == 1
        with pytest.raises(UserError, match="at 2 already"):
            queue.submit("m", 0, Call(lambda: 0))
        worker.cancel()

    asyncio.run(story())


def test_calls_of_a_group_run_together_and_waiting_ones_can_be_cancelled() -> None:
    async def story() -> None:
        queue = Futures()
        sizes = []

        def together(calls: Sequence[Call]) -> list[int]:
            sizes.append(len(calls))
            return [call.argument for call in calls]

        slow = queue.submit("m", None, Call(lambda: time.sleep(0.1)))
        ids = [queue.submit("s", i, Call(lambda: None, "g", together, i), ordered=False) for i in range(4)]
        broken = queue.submit("m", None, Call(lambda: 1 // 0))
        queue.cancel(ids[2])
        worker = asyncio.create_task(queue.work())
        calls = [await queue.result(i, 5) for i in (slow, *ids, broken)]
        assert [c.result for c in calls if c is not None] == [None, 0, 1, None, 3, None]
        assert sizes == [3]
        assert calls[3] is not None
        assert "cancelled" in str(calls[3].error)
        assert calls[5] is not None
        assert isinstance(calls[5].error, ZeroDivisionError)
        with pytest.raises(UserError, match="unknown"):
            await queue.result("nothing", 1)
        worker.cancel()

    asyncio.run(story())
