"""What a run found, and how one is carried out until there is something found."""

from dataclasses import dataclass

from metatextgrad.approving import Approver
from metatextgrad.core.optimizer import Optimizer
from metatextgrad.core.program import Program
from metatextgrad.core.report import Findings
from metatextgrad.execution import OnEvent, Stop, execute
from metatextgrad.runtime.artifacts import get
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.meter import Level, Usage
from metatextgrad.runtime.record import Record
from metatextgrad.runtime.workspace import Workspace


@dataclass(frozen=True, repr=False)
class Result:
    """What a run found."""

    run: str
    findings: Findings
    program: Program
    """The best program."""
    optimizer: Optimizer
    """The learned optimizer, or for `optimize` the one that was used."""
    usage: dict[Level, Usage]

    @property
    def simulated(self) -> bool:
        """Whether simulated models took part, so that the scores say nothing about real ones."""
        return self.findings.simulated

    def __repr__(self) -> str:
        """Say it in a line, as notebooks show it; all of it is pages."""
        calls = sum(used.calls for used in self.usage.values())
        said = ", simulated models: the score says nothing about real ones" if self.simulated else ""
        return f"Result(run={self.run!r}, score={self.score:.4g}, calls={calls}{said})"

    @property
    def score(self) -> float:
        """The best program's score on the validation set."""
        return self.findings.rows[-1].val.score


async def carried_out(
    opened: Workspace,
    record: Record,
    context: Context,
    on_event: OnEvent | None,
    stop: Stop | None,
    approver: Approver,
) -> Result:
    """Carry a run to its end and return what it found."""
    ended, resources = await execute(opened, record, context, on_event=on_event, stop=stop, approver=approver)
    findings = await get(opened.store, Findings, ended.findings)
    return Result(
        run=ended.run,
        findings=findings,
        program=(await get(opened.store, Program, findings.program)).knowing(context.builds),
        optimizer=await get(opened.store, Optimizer, findings.optimizer),
        usage=dict(resources.ledger.meter.levels),
    )
