"""Prices of calls, from the maintained package genai-prices."""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from metatextgrad.core.errors import InputError
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.reply import Reply

SIMULATED = "simulated"


def price(name: str, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> float | None:
    """Return the price of a call in US dollars; None when it is not known, which is not zero. Simulated calls are free.

    `cached_tokens` are those of the input that the provider had in its cache.
    """
    if name.startswith(SIMULATED):
        return 0.0
    from genai_prices import Usage, calc_price

    provider, model = _parts(name)
    if not _has_a_price(provider, model, _table()):
        return None
    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens, cache_read_tokens=cached_tokens or None)
    try:
        found = calc_price(usage, model_ref=model, provider_id=provider)
    except (LookupError, ValueError):  # ValueError: the table and the provider disagree on what the tokens are
        return None
    return float(found.total_price)


def _parts(name: str) -> tuple[str | None, str]:
    provider, colon, model = name.partition(":")
    return (provider, model) if colon else (None, name)


def _table() -> tuple[int, datetime]:
    """Tell one table of prices from another: a program may fetch a newer one."""
    from genai_prices.data_snapshot import get_snapshot

    table = get_snapshot()
    return id(table), table.timestamp


@lru_cache(maxsize=256)
def _has_a_price(provider: str | None, model: str, table: tuple[int, datetime]) -> bool:
    """Tell whether the table has a model. It remembers those that it has; for others it is searched to its end."""
    from genai_prices.data_snapshot import get_snapshot

    try:
        get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return False
    return True


def price_of(reply: Reply, name: str) -> float | None:
    """Return the price of a reply of this model; None also where the provider did not tell the tokens."""
    if not reply.counted and not name.startswith(SIMULATED):
        return None
    return price(name, reply.input_tokens, reply.output_tokens, reply.cached_tokens)


def refuse_unpriced(names: Iterable[str], context: Context) -> None:
    """Refuse a cap on money that could not be held.

    Raises:
        InputError: `max_usd` is set and the price of a model is not known; names the model and the way out.
    """
    if context.max_usd is None:
        return
    for name in sorted(set(names)):
        if price(name, 1, 1) is None:
            msg = (
                f"The price of model {name!r} is not known, so a cap of {context.max_usd:g} US dollars (--max-usd) "
                "cannot be held. Cap the calls (--max-calls) or the tokens (--max-tokens-total) instead."
            )
            raise InputError(msg)
