"""Attend to a run: show its progress, and heed Ctrl-C and SIGTERM."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from metatextgrad.cli import heeded
from metatextgrad.cli.failures import KeptError, report
from metatextgrad.cli.output import err
from metatextgrad.core.errors import InterruptError, MetaTextGradError
from metatextgrad.display import Display, display
from metatextgrad.execution import OnEvent, Stop
from metatextgrad.runtime.garbage import seldom_collected

T = TypeVar("T")
Work = Callable[[OnEvent, Stop], Awaitable[T]]


@dataclass(frozen=True)
class Manner:
    """How a run is shown, and how one goes on with it."""

    title: str
    resume: Callable[[str], str]
    """Run -> the command that goes on with it."""
    quiet: bool
    as_json: bool
    named: bool = True
    """Whether the run has a name that other commands know."""


@seldom_collected()
def attend(work: Work[T], manner: Manner) -> T:
    """Carry out work with its progress on stderr.

    The first Ctrl-C or SIGTERM asks it to stop, the second one ends the process at once; either way the run is kept.

    Raises:
        KeptError: the work stopped after it had begun.
        MetaTextGradError: it could not begin.
    """
    stop = Stop()
    console, events = err(), manner.as_json
    shown = display(console, stop, manner.title, quiet=manner.quiet, named=manner.named, events=events)
    try:
        return asyncio.run(_heeding(work, shown, stop, manner))
    except MetaTextGradError as error:
        raise _kept(error, stop, manner) from error


async def _heeding(work: Work[T], shown: Display, stop: Stop, manner: Manner) -> T:
    def asked() -> None:
        if stop.control.drain_requested:
            _end_at_once(shown, stop, manner)
        stop.request()
        shown.stopping()

    with _handled(asked), shown:
        return await work(shown.see, stop)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let the signals raise KeyboardInterrupt, for a while in which nothing is at work."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in heeded()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _handled(asked: Callable[[], None]) -> Iterator[None]:
    """Handle the signals in the running loop, and give them back afterwards as they were."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in heeded()}
    for number in before:
        loop.add_signal_handler(number, asked)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


def _end_at_once(shown: Display, stop: Stop, manner: Manner) -> None:
    """Leave without waiting for what is in flight; SQLite and the lock of the run take that as they take a kill."""
    shown.__exit__(None, None, None)
    code = report(_kept(InterruptError("The run was ended at once."), stop, manner), as_json=manner.as_json)
    sys.stderr.flush()
    os._exit(code)


def _kept(error: MetaTextGradError, stop: Stop, manner: Manner) -> MetaTextGradError | KeptError:
    if stop.opened is None:
        return error
    run = stop.opened.ledger.run
    return KeptError(error, manner.resume(run), run)
