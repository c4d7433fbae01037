"""The paper's generalization bound for a learned optimizer, and the one that holds for several candidates (paper 3).

The loss is 1 - score. With probability 1 - delta the loss of the chosen optimizer on the test set is at most that of
the best one plus a slack. At usual sizes the slack is large: it plans how many examples to take, and certifies nothing.
"""

from math import log, sqrt

from metatextgrad.core.errors import InputError
from metatextgrad.core.identity import Value


class Bound(Value):
    """The slack of the bound, in parts."""

    n: int
    """Examples that choose the optimizer: in the algorithms, the validation set."""
    m: int
    """Test examples."""
    delta: float
    candidates: int
    paper_selection: float
    """The paper's first root: how wrong the choice can be, as if the chosen one had been fixed in advance."""
    selection: float
    """The same for the best of the candidates that were compared, which holds for each of them at once."""
    testing: float
    """The chance error of the test set; the same in both."""

    @property
    def paper(self) -> float:
        """The slack of Theorem 1."""
        return self.paper_selection + self.testing

    @property
    def corrected(self) -> float:
        """The slack against the best of the candidates compared."""
        return self.selection + self.testing

    @property
    def vacuous(self) -> bool:
        """Whether the corrected bound says nothing, as a loss is at most 1 anyway."""
        return self.corrected >= 1


def bound(n: int, m: int, *, delta: float = 0.05, candidates: int = 1) -> Bound:
    r"""Return the paper's slack and the corrected one (paper 3.1, Theorem 1, appendix B).

    The paper's is \sqrt{2 log(6/delta)/n} + \sqrt{log(6/delta)/(2m)}. Its proof uses Hoeffding's inequality for a fixed
    optimizer, but the one it is used for was chosen on those n examples. For K candidates, \sqrt{log(6K/delta)/(2n)} +
    \sqrt{log(6/delta)/(2n)} + \sqrt{log(6/delta)/(2m)} holds against the best of the K; the two agree at K = 1.

    Args:
        n: examples that the optimizer was chosen on.
        m: test examples.
        delta: the probability with which the bound may fail.
        candidates: K, every candidate that was scored on the n examples, those of inner loops included.

    Raises:
        InputError: a number is out of its range.
    """
    for name, value in (("n", n), ("m", m), ("candidates", candidates)):
        if value < 1:
            raise InputError(f"{name} must be at least 1, not {value!r}.")
    if not 0 < delta < 1:
        raise InputError(f"delta must be between 0 and 1, not {delta!r}; 0.05 is usual.")
    fixed = sqrt(log(6 / delta) / (2 * n))
    return Bound(
        n=n,
        m=m,
        delta=delta,
        candidates=candidates,
        paper_selection=2 * fixed,
        selection=sqrt((log(6 / delta) + log(candidates)) / (2 * n)) + fixed,
        testing=sqrt(log(6 / delta) / (2 * m)),
    )
