"""Every error the project raises on purpose.

Our exception hierarchy:

    MetaTextGradError
    ├── InputError          a name, file or setting is wrong; nothing was started
    ├── RunBusyError        another process holds the run
    ├── BudgetReachedError  a cap was reached; the run is kept and can go on
    ├── ProviderError       a model call finally failed; the run is kept and can go on
    ├── ApprovalNeededError a candidate waits for a person; the run is kept and goes on with the answer
    ├── StorageError        the workspace failed; what it holds is kept and the run can go on
    ├── InterruptError      someone asked the run to stop; it is kept and can go on
    ├── ReplyError          a model's reply is cut off, empty or not what was asked for
    └── AgentError          a wrapped agent failed on its own, as by a tool's bug; it scores 0
"""

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from metatextgrad.core.approval import Approval


class MetaTextGradError(Exception):
    """Base of all errors raised on purpose."""

    exit_code: ClassVar[int] = 1


class InputError(MetaTextGradError):
    """Say which input is wrong, what was expected, and the way out."""

    exit_code: ClassVar[int] = 2


class RunBusyError(InputError):
    """Refuse a second writer on one run."""


class BudgetReachedError(MetaTextGradError):
    """Stop because a cap was reached; what was paid for is in the store."""

    exit_code: ClassVar[int] = 3


class ProviderError(MetaTextGradError):
    """Report a model call that failed after the client's own retries."""

    exit_code: ClassVar[int] = 4


class ApprovalNeededError(MetaTextGradError):
    """Stop because candidates wait for a person; `resume` goes on with the answer to the first one."""

    exit_code: ClassVar[int] = 5

    def __init__(self, approvals: "tuple[Approval, ...]") -> None:
        first = approvals[0]
        others = f" {len(approvals) - 1} more wait behind it." if len(approvals) > 1 else ""
        super().__init__(
            f"A candidate of {first.path} step {first.step} waits for a person: "
            f"{first.stage} scored {first.score:.3f}, the incumbent {first.best:.3f}.{others}"
        )
        self.approvals: tuple[Approval, ...] = approvals
        """The first is what an answer is about."""


class StorageError(MetaTextGradError):
    """Report a workspace that failed: a full disk, a locked file, a database that went away."""

    exit_code: ClassVar[int] = 4


class InterruptError(MetaTextGradError):
    """Stop because someone asked; what was paid for is in the store."""

    exit_code: ClassVar[int] = 130


class ReplyError(MetaTextGradError):
    """Reject a reply that is cut off, empty, or not what was asked for."""


class AgentError(MetaTextGradError):
    """Report a wrapped runnable that failed on its own, as by a tool's bug: that is its result, and it scores 0."""

    def __init__(self, said: str, invocation: str = "") -> None:
        super().__init__(said)
        self.invocation = invocation
        """Which run of it, as traces name it."""


def unknown(kind: str, name: str, known: list[str]) -> InputError:
    """Return the error for a name that is not in a closed list."""
    return InputError(f"Unknown {kind} {name!r}. Available: {', '.join(sorted(known))}.")
