"""Chance without memory: numbers that follow from texts.

A generator per call would cost more than the call itself, so the digest of one hash is cut into the numbers that a
reply needs.
"""

import hashlib
import struct

NUMBERS = 16
"""How many numbers one `Luck` holds."""
QUESTION_SHARE = 0.5
"""How much of the chance belongs to the question: what is hard stays hard when the prompt is worded differently."""
SAMPLE_SHARE = 0.35
"""How much of the chance is drawn anew for each sample at temperature 1."""

_CUT = struct.Struct(f"<{2 * NUMBERS}H")


def numbers(*texts: str) -> tuple[float, ...]:
    """Return 32 numbers from 0 to 1, 1 excluded, that depend on the texts alone."""
    whole = "\x1f".join(texts).encode("utf-8", "surrogatepass")
    return tuple(part / 65536 for part in _CUT.unpack(hashlib.blake2b(whole, digest_size=64).digest()))


class Luck:
    """The chance of one reply.

    Part of it belongs to the question, part to the exact messages and, above temperature 0, part to the sample. Samples
    of one call therefore share many of their mistakes, as samples of a real model do.
    """

    __slots__ = ("_values",)

    def __init__(self, question: str, messages: str, draw: str, temperature: float) -> None:
        hard, here = numbers(question), numbers(messages)
        values = [hard[i] if here[NUMBERS + i] < QUESTION_SHARE else here[i] for i in range(NUMBERS)]
        if temperature > 0:
            anew = numbers(messages, draw)
            share = min(1.0, SAMPLE_SHARE * temperature)
            values = [anew[i] if anew[NUMBERS + i] < share else values[i] for i in range(NUMBERS)]
        self._values = values

    def __getitem__(self, channel: int) -> float:
        return self._values[channel]

    def hits(self, channel: int, probability: float) -> bool:
        """Whether something of this probability happens."""
        return self._values[channel] < probability

    def pick(self, channel: int, count: int) -> int:
        """Return a position below `count`."""
        return int(self._values[channel] * count)
