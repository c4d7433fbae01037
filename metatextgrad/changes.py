"""What a learned optimizer says that no given one said."""

from collections.abc import Sequence

from metatextgrad.core.optimizer import Optimizer, Stage


def changes(optimizer: Optimizer, inputs: Sequence[Optimizer]) -> list[tuple[str, str, str]]:
    """Return label, instructions before and after of each stage whose instructions no given optimizer has."""
    known = [stage for given in inputs for stage in given.stages()]
    texts = {(stage.kind, stage.instructions) for stage in known}
    changed = {
        (stage.label, _before(stage, known), stage.instructions)
        for stage in optimizer.stages()
        if (stage.kind, stage.instructions) not in texts
    }
    return sorted(changed)


def _before(stage: Stage, known: Sequence[Stage]) -> str:
    """Return the given instructions of the same stage; of its kind where the names differ."""
    same = [one.instructions for one in known if one.label == stage.label and one.kind == stage.kind]
    kind = [one.instructions for one in known if one.kind == stage.kind]
    return (same + kind)[0] if same + kind else _default(stage)


def _default(stage: Stage) -> str:
    from metatextgrad.stages import KINDS  # here, as it takes long to load and is needed seldom

    return KINDS[stage.kind].instructions if stage.kind in KINDS else ""
