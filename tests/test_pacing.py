"""The limit on the requests to a server: the steps done by hand, and what holds whatever a server does."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metatextgrad.runtime.pacing import LONGEST_HOLD, Pacer, Sent


class Wire:
    """The requests on the way to a server, which answers in the order in which they were sent."""

    def __init__(self, ceiling: int) -> None:
        self.pacer = Pacer(ceiling)
        self.sent = deque[Sent]()

    def fill(self, now: float = 0.0) -> None:
        """Send as many requests as there may be."""
        while self.pacer.opens_in(now) == 0:
            self.sent.append(self.pacer.send(now))

    def refuse_last(self, requests: int, now: float = 0.0, wait: float = 0.0) -> None:
        """Fill the wire and refuse those that were sent last."""
        self.fill(now)
        for _ in range(requests):
            self.pacer.refused(self.sent.pop(), now, wait)

    def take(self, requests: int, now: float = 0.0) -> None:
        """Let the server take so many, with the wire full at any time."""
        for _ in range(requests):
            self.fill(now)
            self.pacer.took(self.sent.popleft(), now)
        self.fill(now)

    def taken_until_raised(self) -> int:
        """Let the server take requests until there are more places, and count them."""
        limit, taken = self.pacer.limit, 0
        while self.pacer.limit == limit:
            self.take(1)
            taken += 1
        return taken


def settled(limit: int, ceiling: int = 16) -> Wire:
    """Return a wire whose limit was found in its first burst, and whose last requests of that burst are answered."""
    wire = Wire(ceiling)
    wire.refuse_last(ceiling - limit)
    wire.take(limit)
    return wire


def test_as_many_requests_as_the_user_allows_are_sent_at_first() -> None:
    wire = Wire(8)
    wire.fill()
    assert [sent.full for sent in wire.sent] == [False] * 7 + [True]
    assert wire.pacer.opens_in(0.0) is None


def test_of_a_burst_as_many_places_are_left_as_the_server_took() -> None:
    wire = Wire(64)
    wire.refuse_last(52)
    assert (wire.pacer.limit, wire.pacer.flying, wire.pacer.refusals) == (12, 12, 52)


def test_it_does_not_matter_which_answers_come_first() -> None:
    wire = Wire(8)
    wire.fill()
    refused = [wire.sent.pop() for _ in range(5)]
    wire.take(3)  # others take the places of those that are answered
    for sent in refused:
        wire.pacer.refused(sent, 0.0)
    assert wire.pacer.limit == 3


def test_refusals_of_few_requests_cost_no_more_than_half_of_the_places_a_round_trip() -> None:
    pacer = Pacer(16)
    first, second = pacer.send(0.0), pacer.send(0.0)
    pacer.refused(first, 0.0)
    assert pacer.limit == 8
    pacer.refused(second, 0.0)
    assert pacer.limit == 7


def test_what_counts_as_in_use_is_the_most_there_was_beside_a_refused_request() -> None:
    early, late = Wire(8), Wire(8)
    early.fill()
    early.pacer.refused(early.sent.popleft(), 0.0)  # it was the first on the wire, and came back when it was full
    late.fill()
    last = late.sent.pop()
    for sent in list(late.sent)[:5]:
        late.pacer.took(sent, 0.0)
    late.pacer.refused(last, 0.0)  # it was sent into a full wire, and came back when others had been answered
    assert (early.pacer.limit, late.pacer.limit) == (7, 7)


def test_the_last_place_is_never_taken() -> None:
    wire = Wire(4)
    for _ in range(10):
        wire.refuse_last(wire.pacer.limit)
    assert wire.pacer.limit == 1
    assert wire.pacer.opens_in(0.0) == 0


def test_places_that_were_never_tried_in_vain_are_given_quickly() -> None:
    wire = settled(4)
    seen = []
    while wire.pacer.limit < 16:
        wire.taken_until_raised()
        seen.append(wire.pacer.limit)
    assert seen == [5, 7, 10, 15, 16]


def test_what_was_taken_before_a_cut_does_not_count_after_it() -> None:
    wire = settled(4)
    wire.take(3)
    wire.refuse_last(1)
    assert wire.taken_until_raised() == 3 + 3  # the three that were on the wire, and a round


@pytest.mark.parametrize("before", [0, 100])
def test_at_the_ceiling_nothing_is_tried_and_so_nothing_in_vain(before: int) -> None:
    wire = Wire(16)
    wire.take(before)
    wire.refuse_last(12, wait=1.0)
    wire.take(100, now=1.0)
    assert wire.pacer.limit == 16


def test_places_come_back_quickly_as_far_as_they_were_not_tried_in_vain() -> None:
    wire = settled(8)
    wire.taken_until_raised()
    wire.refuse_last(1)
    wire.take(8)
    wire.refuse_last(4)
    seen = []
    for _ in range(4):
        wire.taken_until_raised()
        seen.append(wire.pacer.limit)
    assert seen == [5, 7, 8, 9]


def test_what_was_tried_in_vain_once_and_then_went_well_comes_back_quickly() -> None:
    wire = settled(4)
    wire.taken_until_raised()
    wire.refuse_last(1)
    wire.take(200)
    assert wire.pacer.limit == 16
    wire.refuse_last(12, wait=1.0)
    wire.take(100, now=1.0)
    assert wire.pacer.limit == 16


def test_a_place_is_tried_the_less_often_the_more_often_it_was_in_vain() -> None:
    wire, taken = settled(4), []
    for _ in range(6):
        taken.append(wire.taken_until_raised())
        assert wire.pacer.limit == 5
        wire.refuse_last(1)
        assert wire.pacer.limit == 4
        wire.take(4)  # sent before the refusal, these say nothing
    assert taken == [4 * rounds for rounds in (1, 4, 8, 16, 16, 16)]


def test_a_limit_that_has_risen_is_found_in_ever_longer_steps() -> None:
    wire, seen = settled(4, ceiling=64), []
    wire.taken_until_raised()
    wire.refuse_last(1)
    while wire.pacer.limit < 64:
        wire.taken_until_raised()
        seen.append(wire.pacer.limit)
    assert seen == [5, 6, 7, 9, 13, 19, 28, 42, 63, 64]


def test_requests_that_leave_places_free_say_nothing_about_more() -> None:
    pacer = settled(4).pacer
    pacer.lost()
    pacer.lost()
    for _ in range(100):
        pacer.took(pacer.send(0.0), 0.0)
    assert pacer.limit == 4


def test_a_request_without_an_answer_says_nothing() -> None:
    pacer = settled(4).pacer
    for _ in range(100):
        pacer.lost()
        pacer.send(0.0)
    assert pacer.limit == 4


def test_nothing_is_sent_before_the_server_said() -> None:
    pacer = Pacer(8)
    pacer.refused(pacer.send(10.0), 10.0, 5.0)
    pacer.refused(pacer.send(10.0), 10.0, 2.0)
    assert [pacer.opens_in(now) for now in (10.0, 14.0, 15.0, 16.0)] == [5.0, 1.0, 0.0, 0.0]


def test_a_server_that_says_to_wait_for_longer_than_a_client_would_holds_nothing_back() -> None:
    pacer = Pacer(8)
    pacer.refused(pacer.send(0.0), 0.0, LONGEST_HOLD + 1)
    assert pacer.opens_in(0.0) == 0


def test_a_server_that_only_refuses_holds_requests_back_three_times_and_then_gives_up_its_word() -> None:
    pacer, waits = Pacer(1), []
    for now in range(0, 100, 10):
        waits.append(pacer.opens_in(now))
        pacer.refused(pacer.send(now), now, 15.0)
    assert waits == [0.0, 5.0, 5.0, 5.0] + [0.0] * 6
    pacer.took(pacer.send(110.0), 110.0)
    pacer.refused(pacer.send(110.0), 110.0, 15.0)
    assert pacer.opens_in(110.0) == 20.0
    assert pacer.gap == 20.0  # counted from 105, when it said that it would take one


def test_a_trial_that_held_all_requests_back_is_followed_by_none_for_twenty_times_as_long() -> None:
    wire = settled(4)
    wire.taken_until_raised()
    wire.refuse_last(1, now=0.0, wait=1.0)
    wire.take(100, now=19.9)
    assert wire.pacer.limit == 4
    wire.take(1, now=20.0)
    assert wire.pacer.limit == 5


def test_requests_that_are_refused_even_alone_are_spaced_as_those_were_that_were_taken() -> None:
    pacer = Pacer(1)
    for now in (0.0, 1.0, 2.0):
        pacer.took(pacer.send(now), now + 0.5)
    pacer.refused(pacer.send(3.0), 3.0, 6.0)
    assert pacer.gap == 3.0  # three of them until 9.0, when the server takes the next
    pacer.took(pacer.send(9.0), 9.5)
    assert pacer.opens_in(9.5) == 2.5


def test_requests_that_are_refused_beside_others_are_not_spaced() -> None:
    pacer = Pacer(8)
    pacer.took(pacer.send(0.0), 0.0)
    first, _ = pacer.send(1.0), pacer.send(1.0)
    pacer.refused(first, 1.0, 1.0)
    assert pacer.gap == 0.0


def test_a_gap_that_is_longer_than_the_server_needs_is_narrowed_and_given_up() -> None:
    pacer = Pacer(1)
    pacer.took(pacer.send(0.0), 0.0)
    pacer.refused(pacer.send(0.0), 0.0, 1.0)
    now, gaps = 1.0, []
    while pacer.gap:
        now += pacer.opens_in(now) or 0.0
        pacer.took(pacer.send(now), now)
        gaps.append(pacer.gap)
    assert gaps[:20] == [1.0] * 19 + [0.8]  # no other is tried before twenty seconds have passed
    assert sorted(gaps, reverse=True) == gaps


@given(st.integers(1, 40), st.lists(st.tuples(st.sampled_from(["send", "took", "refused", "lost"]), st.floats(0, 200))))
def test_whatever_happens_there_are_no_more_requests_and_refusals_than_places(
    ceiling: int, happened: list[tuple[str, float]]
) -> None:
    pacer, wire, now = Pacer(ceiling), deque[Sent](), 0.0
    given_places, refused_at_one = ceiling, 0
    for what, value in happened:
        now += value / 100
        before = pacer.limit
        if what == "send" and pacer.opens_in(now) == 0:
            wire.append(pacer.send(now))
        elif what == "took" and wire:
            pacer.took(wire.popleft(), now)
        elif what == "refused" and wire:
            pacer.refused(wire.popleft(), now, value)
            refused_at_one += before == 1
        elif what == "lost" and wire:
            wire.popleft()
            pacer.lost()
        given_places += max(0, pacer.limit - before)
        assert 1 <= pacer.limit <= ceiling
        assert pacer.flying == len(wire) <= ceiling
        assert (pacer.opens_in(now) or 0.0) <= LONGEST_HOLD
    assert pacer.refusals <= given_places + refused_at_one
