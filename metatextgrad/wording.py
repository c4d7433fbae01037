"""What things are called when people read them, in the terminal and on a page."""

from metatextgrad.runtime.meter import Usage

NOTICE = "SIMULATED MODELS - these scores say nothing about real models"
_TITLES = {"tgd": "TGD", "adas-tg": "ADAS-TG"}
"""What the paper calls them."""


_OBEYED = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)))
_KEPT = {ord("\n"): "\n", ord("\t"): "\t"}


def harmless(text: str) -> str:
    """Return a text without the characters that a terminal would obey: others may have written it."""
    return text.translate(_OBEYED | _KEPT)


def title(name: str) -> str:
    """Call an optimizer, or its improved form, what the paper calls it."""
    base, _, rest = name.partition(" ")
    return " ".join(filter(None, (_TITLES.get(base, base), rest)))


def spoken(name: str) -> str:
    """Call a row of results what a sentence calls it."""
    return f"the {name}" if name == "start program" else title(name)


def money(used: Usage) -> str:
    """Write what was paid; calls without a known price are never counted as free."""
    if not used.unpriced:
        return f"{used.usd:.2f}" if used.usd >= 0.01 or not used.usd else f"{used.usd:.4f}"
    return "unknown" if used.unpriced == used.calls else f"{used.usd:.2f} + unknown"
