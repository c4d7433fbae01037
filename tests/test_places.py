"""Places on the wire: who gets one, and when; and time limits that stand still meanwhile."""

import asyncio
import time

import pytest

from metatextgrad.runtime.pacing import Pacer
from metatextgrad.runtime.places import Places, time_limit


async def waiting(places: Places, name: str, got: list[str]) -> None:
    """Wait for a place, and keep it."""
    await places.take()
    got.append(name)


async def asked(places: Places, names: str) -> tuple[dict[str, "asyncio.Task[None]"], list[str]]:
    """Let some ask for places, in this order."""
    got: list[str] = []
    tasks = {name: asyncio.create_task(waiting(places, name, got)) for name in names}
    await asyncio.sleep(0)
    return tasks, got


async def turns() -> None:
    """Let everything happen that needs no time."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_places_are_given_in_the_order_in_which_they_were_asked_for() -> None:
    places = Places(Pacer(2))
    _, got = await asked(places, "abcde")
    assert got == ["a", "b"]
    places.lost()
    late = asyncio.create_task(waiting(places, "f", got))
    await turns()
    assert got == ["a", "b", "c"]
    for _ in "def":
        places.lost()
    await late
    assert got == list("abcdef")


async def test_who_is_cancelled_while_waiting_leaves_the_line() -> None:
    places = Places(Pacer(1))
    tasks, got = await asked(places, "abcd")
    tasks["b"].cancel()
    tasks["d"].cancel()
    await turns()
    places.lost()
    await turns()
    assert got == ["a", "c"]
    places.lost()
    assert await places.take() is not None


async def test_who_is_cancelled_just_when_a_place_was_given_gives_it_on() -> None:
    pacer = Pacer(1)
    places = Places(pacer)
    tasks, got = await asked(places, "abc")
    places.lost()
    tasks["b"].cancel()
    await turns()
    assert got == ["a", "c"]
    assert pacer.flying == 1


async def test_who_waits_because_the_server_said_so_is_sent_when_it_is_time() -> None:
    places = Places(Pacer(3))
    places.refused(await places.take(), 0.05)
    tasks, got = await asked(places, "abc")
    assert got == []
    await asyncio.wait(tasks.values(), return_when=asyncio.FIRST_COMPLETED)
    await turns()
    assert got == ["a", "b"]


async def test_who_comes_when_it_is_time_stands_behind_those_who_wait() -> None:
    places = Places(Pacer(1))
    places.refused(await places.take(), 0.02)
    _, got = await asked(places, "a")
    time.sleep(0.03)  # noqa: ASYNC251  the loop is not to look at the line meanwhile
    late = asyncio.create_task(waiting(places, "b", got))
    await turns()
    assert got == ["a"]
    places.lost()
    await late
    assert got == ["a", "b"]


async def test_a_server_that_says_twice_to_wait_is_waited_for_twice() -> None:
    places = Places(Pacer(3))
    first, second = await places.take(), await places.take()
    places.refused(first, 0.02)
    tasks, got = await asked(places, "a")
    places.refused(second, 0.06)
    await asyncio.wait(tasks.values(), timeout=5)
    assert got == ["a"]


async def test_the_only_place_goes_on_to_the_next_when_its_request_was_refused() -> None:
    places = Places(Pacer(1))
    sent = await places.take()
    _, got = await asked(places, "a")
    places.refused(sent, 0.0)
    await turns()
    assert got == ["a"]


def test_a_loop_that_is_gone_holds_nobody_back_in_the_next_one() -> None:
    places = Places(Pacer(1))

    async def refused() -> None:
        places.refused(await places.take(), 0.05)
        await asyncio.wait([asyncio.create_task(waiting(places, "a", []))], timeout=0.01)

    async def taken() -> bool:
        return await places.take() is not None

    asyncio.run(refused())
    assert asyncio.run(taken())


async def test_a_wait_for_a_place_is_no_part_of_a_time_limit() -> None:
    places = Places(Pacer(1))
    await places.take()
    asyncio.get_running_loop().call_later(0.2, places.lost)
    async with time_limit(0.1):
        await places.take()
    with pytest.raises(TimeoutError):
        async with time_limit(0.05):
            await asyncio.sleep(5)


async def test_what_is_left_of_a_time_limit_runs_on_after_the_wait() -> None:
    places = Places(Pacer(1))
    await places.take()
    asyncio.get_running_loop().call_later(0.1, places.lost)
    with pytest.raises(TimeoutError):
        async with time_limit(0.05):
            await places.take()
            await asyncio.sleep(5)


async def test_a_time_limit_that_is_over_has_no_part_in_a_later_wait() -> None:
    places = Places(Pacer(1))
    async with time_limit(5):
        sent = await places.take()
    asyncio.get_running_loop().call_soon(places.took, sent)
    assert await places.take() is not None


async def test_a_time_limit_that_was_reached_is_not_put_off_by_a_wait() -> None:
    places = Places(Pacer(1))
    sent = await places.take()
    asyncio.get_running_loop().call_later(0.05, places.took, sent)
    with pytest.raises(TimeoutError):
        async with time_limit(0.01):
            try:
                await asyncio.sleep(5)
            finally:
                await places.take()


async def test_a_call_that_is_cancelled_while_it_waits_is_cancelled_and_not_out_of_time() -> None:
    places = Places(Pacer(1))
    await places.take()

    async def call() -> None:
        async with time_limit(0.01):
            await places.take()

    task = asyncio.create_task(call())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
