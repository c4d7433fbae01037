"""How many requests a server is sent at once, and when: learned from what it refuses. Pure: no clock and no I/O.

A server whose limit nobody told is first sent as many requests at once as the user allows. Each one that it refuses
gives up its place, so that as many places are left as it took: the limit is found in about one round trip, for as many
refusals as there were requests too many. From then on another place is tried now and then, the less often the more
often it was in vain. TCP's congestion control and Netflix's concurrency-limits are the models. Those learn from latency
too; here it says little, because a model's answer takes as long as it is long.

Where a server says when to come again, nothing is sent before. Where it refuses a request that was alone, what it
limits is the rate, and requests are spaced as those were that it took. A server that goes on refusing does not mean its
word: then requests follow one another, so that a run which cannot go on is over soon.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

LONGEST_HOLD = 120.0
"""Seconds that a server may hold all requests back. One that is told to wait longer fails for good, and others may."""
_ROUNDS = 16
"""The most rounds of answers between two trials of another place."""
_PATIENCE = 3
"""How many round trips without anything taken a server's word is heeded."""
_FEWEST = 4
"""A round has no fewer answers: among few a trial in vain would weigh more."""
_REST = 20
"""A trial that made the server hold requests back is followed by none for so many times as long."""
_LONGEST_REST = 120.0
_CLOSER = 0.8
"""What a trial makes of the gap between two requests."""
_LONGEST_GAP, _SHORTEST_GAP = 60.0, 0.05


class Sent(NamedTuple):
    """A request on the wire."""

    beside: int
    """How many there were when it was sent, itself among them."""
    full: bool
    """Whether there could not be more."""
    cuts: int
    """How often the limit had been cut before."""


@dataclass
class Pacer:
    """The limit on the requests to one server; all times are seconds on the caller's clock.

    `limit` is at least 1 and at most `ceiling`. While it is above 1 each refusal lowers it, so that there are at most
    as many refusals as places were ever given.
    """

    ceiling: int
    limit: int = field(init=False)
    """How many requests there may be at once."""
    gap: float = 0.0
    """Time between two requests, where the server takes fewer than one at a time."""
    flying: int = 0
    """How many requests there are."""
    refusals: int = 0
    _wall: int = field(init=False)
    """The fewest requests at once that were tried in vain."""
    _rounds: int = 1
    """How many rounds of answers the wall is left alone."""
    _step: int = 1
    """How many places are given next."""
    _carried: int = 0
    """Requests that were taken at the limit since it was changed."""
    _raised: bool = False
    """Whether places were given since the last cut."""
    _in_vain: bool = False
    """Whether places had been given before the last cut."""
    _cuts: int = 0
    _unheard: int = 0
    """Cuts since the server took a request."""
    _last: float = float("-inf")
    """When a request was last sent."""
    _opens: float = float("-inf")
    """When the server takes requests again, by its own word."""
    _rests: float = float("-inf")
    """No trial is made before."""
    _taken: int = 0
    """How many requests were taken since `_since`."""
    _since: float | None = None

    def __post_init__(self) -> None:
        self.limit = self.ceiling
        self._wall = self.ceiling + 1

    def opens_in(self, now: float) -> float | None:
        """Return how long a request has to wait; None where one that is on the wire must come back first."""
        if self.flying >= self.limit:
            return None
        if self._unheard > _PATIENCE:
            return 0.0
        return max(self._opens - now, self._last + self.gap - now, 0.0)

    def send(self, now: float) -> Sent:
        """Count a request that is sent."""
        self.flying += 1
        self._last = now
        if self._since is None:
            self._since = now
        return Sent(self.flying, self.flying >= self.limit, self._cuts)

    def lost(self) -> None:
        """Count a request that ended without a word about the pace."""
        self.flying -= 1

    def took(self, sent: Sent, now: float) -> None:
        """Count a request that the server took; enough of them at the limit raise it."""
        self.flying -= 1
        self._taken += 1
        self._unheard = 0
        if not sent.full or sent.cuts != self._cuts:
            return
        self._carried += 1
        if self._carried >= self.limit and (self._is_below_wall or self._is_time_for_trial(now)):
            self._raise()

    def refused(self, sent: Sent, now: float, wait: float = 0.0) -> None:
        """Count a request that the server refused, and that it was told to wait, or 0."""
        alone = sent.beside == 1 and self.flying == 1
        level = min(self.limit, max(sent.beside, self.flying))
        self.flying -= 1
        self.refusals += 1
        wait = wait if wait <= LONGEST_HOLD else 0.0
        self._opens = max(self._opens, now + wait)
        self._rests = max(self._rests, now + min(wait * _REST, _LONGEST_REST))
        if self._taken:
            self._reckon(now + wait, alone)
        elif self._unheard > _PATIENCE:
            self._since = now + wait  # what the server takes says nothing about the time in which it took nothing
        if sent.cuts == self._cuts:
            self._cut(level)
        else:  # another one of the round trip for which the limit was cut
            self.limit = max(1, self.limit - 1)
        if self._in_vain:
            self._wall = self.limit + 1

    @property
    def _is_below_wall(self) -> bool:
        return self.limit + 1 < self._wall

    def _is_time_for_trial(self, now: float) -> bool:
        return now >= self._rests and self._carried >= self._rounds * max(self.limit, _FEWEST)

    def _reckon(self, opens: float, alone: bool) -> None:
        """Count anew what the server takes; by the old count requests are spaced that it refuses even alone."""
        if alone and self._since is not None:
            self.gap = min((opens - self._since) / self._taken, _LONGEST_GAP)
        self._taken, self._since = 0, opens

    def _cut(self, level: int) -> None:
        """Take one place of those that were in use; of those that were not, no more than leave half."""
        self._in_vain, self._raised = self._raised, False
        if self._in_vain:
            self._rounds = min(_ROUNDS, self._rounds * 4)
        self._step, self._carried = 1, 0
        self._cuts += 1
        self._unheard += 1
        self.limit = max(level - 1, (self.limit + 1) // 2)

    def _raise(self) -> None:
        """Give places: quickly where the server has taken as many before, and else as a trial."""
        before = self.limit, self.gap
        self._carried = 0
        if self.gap:
            self.gap = self.gap * _CLOSER if self.gap > _SHORTEST_GAP else 0.0
            self._rounds = max(1, self._rounds // 2)
        elif self._is_below_wall:
            self.limit = min(self.limit + self._step, self._wall - 1)
            self._step = self._longer_step() if self._is_below_wall else 1
        else:
            self._try()
        self._raised = before != (self.limit, self.gap)

    def _try(self) -> None:
        """Give places that the server refused before; the more of them and the sooner, the longer it goes well."""
        self._wall = max(self._wall, self.limit + 1)
        self.limit = min(self.limit + self._step, self.ceiling)
        if self._rounds == 1:
            self._step = self._longer_step()
        self._rounds = max(1, self._rounds // 2)

    def _longer_step(self) -> int:
        return min(self._step * 2, max(1, self.limit // 2))
