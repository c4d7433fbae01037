"""Prices of calls, from the maintained package genai-prices."""

SIMULATED = "simulated"


def price(name: str, input_tokens: int, output_tokens: int) -> float | None:
    """Return the price of a call in US dollars; None when it is not known, which is not zero. Simulated calls are free."""
    if name.startswith(SIMULATED):
        return 0.0
    from genai_prices import Usage, calc_price

    provider, _, model = name.rpartition(":")
    try:
        found = calc_price(
            Usage(input_tokens=input_tokens, output_tokens=output_tokens), model_ref=model, provider_id=provider or None
        )
    except LookupError:
        return None
    return float(found.total_price)
