"""The judge level: ask a model whether a reply is correct (paper appendix C), through the ledger like every other."""

from pydantic import StrictBool

from metatextgrad.core.identity import Value
from metatextgrad.core.task import Ask, Example
from metatextgrad.runtime.ledger import Ledger
from metatextgrad.runtime.prompts import JUDGE
from metatextgrad.runtime.structured import ask_for

TEMPERATURE = 0.0
"""A verdict is not meant to vary; TextGrad's judge has this temperature too (paper 8.5)."""


class Verdict(Value):
    """The form of the reply."""

    correct: StrictBool


def asking(ledger: Ledger) -> Ask:
    """Return what a metric asks the judge by; a reply that cannot be used is asked for once more.

    What is returned raises ReplyError when the second reply cannot be used either, and whatever else a call raises.
    """

    async def ask(prediction: str, example: Example) -> bool:
        messages = JUDGE.messages(question=example.input, target=example.target, prediction=prediction)
        return await ask_for(Verdict, _as_bool, ledger, "judge", messages, TEMPERATURE, 0)

    return ask


def _as_bool(verdict: Verdict) -> bool:
    return verdict.correct
