"""The pace against simulated servers: what they allow is found and kept to, with few refusals."""

from hypothesis import given
from hypothesis import strategies as st

from tests.simulated_pace import Bucket, Simulated


@given(st.integers(1, 30), st.sampled_from([0.05, 0.5, 4.0]), st.integers(0, 5))
def test_a_hidden_number_of_requests_at_once_is_found_and_kept_to(limit: int, latency: float, seed: int) -> None:
    server = Simulated(lambda _, opened: 0.0 if opened >= limit else None, latency, seed).run(60 * latency + 30)
    seconds = 30 * latency + 15
    taken, refused = server.since(seconds)
    assert taken >= 0.9 * limit / latency * seconds
    assert refused <= 0.05 * taken
    assert server.worst <= 6  # one more, and the call would have failed


TELLING = [(rate, True) for rate in (0.2, 0.5, 0.7, 1.0, 1.5, 2.5, 8.0)]
SILENT = [(rate, False) for rate in (0.5, 0.7, 1.0, 1.5, 2.5, 8.0)]


@given(st.sampled_from(TELLING + SILENT), st.sampled_from([30.0, 60.0]), st.integers(0, 5))
def test_a_hidden_rate_is_found_and_kept_to(server_s: tuple[float, bool], store: float, seed: int) -> None:
    rate, tells = server_s
    server = Simulated(Bucket(rate, store, tells), 1.0, seed).run(1500)
    taken, refused = server.since(500)
    assert taken >= 0.9 * rate * 1000
    assert refused <= 0.1 * taken
    assert server.worst <= 6


def test_a_limit_that_rises_and_falls_is_followed() -> None:
    found = {}

    def admits(now: float, opened: int) -> float | None:
        limit = 8 if now < 20 else 24 if now < 40 else 5
        found[limit] = server.pacer.limit
        return 0.0 if opened >= limit else None

    server = Simulated(admits, 0.1)
    server.run(60)
    assert all(abs(limit - places) <= 1 for limit, places in found.items())


def test_a_server_that_refused_everything_for_a_while_is_soon_sent_as_much_as_before() -> None:
    server = Simulated(lambda now, _: 0.0 if 10 <= now < 15 else None, 0.1).run(30)
    assert server.pacer.limit == 32
    assert server.since(20)[0] >= 0.9 * 32 / 0.1 * 10
