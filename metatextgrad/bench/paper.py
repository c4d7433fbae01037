"""The paper's own figures (arXiv 2505.18524, Tables 1 to 7), validation and test in per cent, to set ours beside."""

from collections.abc import Mapping
from types import MappingProxyType

from metatextgrad.bench.cells import METHODS

SORTING, DYCK, GPQA, ALGEBRA = "bbh/word_sorting", "bbh/dyck_languages", "gpqa/diamond", "mmlu/abstract_algebra"
ARC = "arc/small"
Pair = tuple[float, float]


def _columns(*columns: tuple[str, str]) -> dict[tuple[str, str], Pair]:
    """Read columns of pairs, a row a method."""
    found: dict[tuple[str, str], Pair] = {}
    for column, written in columns:
        for method, pair in zip(METHODS, written.split(), strict=True):
            val, test = pair.split("/")
            found[method, column] = float(val), float(test)
    return found


MAIN = _columns(
    (SORTING, "46/55 50/52 47/52 48/52 54/55 58/58 57/55 52/57 60/65"),
    (DYCK, "6/5 14/19 10/12 14/17 10/10 21/16 19/16 33/26 42/37"),
    (GPQA, "32/34 32/35 40/42 37/40 34/35 36/37 43/38 37/34 45/40"),
    (ALGEBRA, "74/70 65/71 76/70 77/74 76/71 75/70 76/77 74/65 78/71"),
    ("average", "40/41 40/44 43/44 44/46 44/43 48/45 49/47 49/46 56/53"),
)
MODELS: dict[tuple[str, str], Pair] = {
    ("Zero-shot CoT", DYCK): (7, 10),
    ("TGD", DYCK): (10, 4),
    ("ADAS-TG", DYCK): (35, 34),
    ("metaTextGrad", DYCK): (32, 35),
}
TASKS: dict[tuple[str, str], Pair] = {
    ("Zero-shot CoT", ALGEBRA): (74, 70),
    ("TGD", ALGEBRA): (76, 71),
    ("ADAS-TG", ALGEBRA): (75, 70),
    ("metaTextGrad", ALGEBRA): (78, 77),
}
ABLATION: dict[tuple[str, str], Pair] = {
    ("Zero-shot CoT", DYCK): (6, 5),
    ("TGD", DYCK): (10, 10),
    ("ADAS-TG", DYCK): (21, 16),
    ("TGD (O)", DYCK): (21, 24),
    ("ADAS-TG (O)", DYCK): (42, 37),
    ("Struct (O)", DYCK): (24, 16),
    ("metaTextGrad", DYCK): (42, 37),
}
OPEN = _columns(
    (DYCK, "27/27 37/40 31/32 39/41 69/68 32/34 59/50 57/51 82/77"),
    (ARC, "27/23 3/0 30/23 27/20 33/33 28/26 30/23 33/3 37/40"),
)
FIGURES: Mapping[int, Mapping[tuple[str, str], Pair]] = MappingProxyType(
    {1: MAIN, 4: MODELS, 5: TASKS, 6: ABLATION, 7: OPEN}
)
"""By table: (row, column) -> validation and test."""
TOKENS = MappingProxyType(
    {"program": 400_000, "optimizer": 100_000, "meta": 2_500, "one round of zero-shot CoT": 140_000}
)
"""Table 2."""
COSTS = MappingProxyType({"zero-shot": (5, 0.14), "metaTextGrad": (37, 0.44), "zero-shot, stronger model": (18, 0.52)})
"""Table 3: test score in per cent, US dollars."""
