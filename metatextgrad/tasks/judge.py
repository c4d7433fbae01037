"""The paper's scorer: a model that compares a reply with the reference answer (paper 4, appendix C)."""

from metatextgrad.core.task import Ask, Example, Score
from metatextgrad.tasks.scorers import exact


class Judge:
    """Scores 1 when the judge's model says that the reply agrees with the target, and 0 when not.

    It sees the target, so it can be lenient: the paper's own Dyck program answers Yes or No and is scored above 0
    (paper 6). Where an answer can be scored exactly, prefer that, and set the judge beside it.
    """

    async def judge(self, prediction: str, example: Example, ask: Ask) -> Score:
        """Ask the model, once for each reply; the feedback is left to be written from reply and target."""
        return Score(value=float(await ask(prediction, example)))

    def __call__(self, prediction: str, example: Example) -> Score:
        """Say what can be said without a model: that the target itself is right."""
        said = exact(prediction, example)
        return said if said.value == 1 else Score.unscored("only an evaluation can ask the judge")


judge = Judge()
