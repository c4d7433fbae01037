"""The judge level: whether two answers agree."""

import re
from collections.abc import Sequence

from langchain_core.messages import BaseMessage

from metatextgrad.runtime.simulated.base import SimulatedModel
from metatextgrad.runtime.simulated.sections import section

_MARKER = re.compile(r"\banswer\W{0,3}:", re.IGNORECASE)


class SimulatedJudgeModel(SimulatedModel):
    """A judge that replies 1 when the text of <PREDICTION> ends in the answer of <TARGET>, and 0 when not."""

    def reply(self, messages: Sequence[BaseMessage], draw: str, temperature: float) -> str:
        """Compare the two answers; spacing, commas and case do not count."""
        del draw, temperature  # a comparison has no chance in it
        asked = "\n".join(message.text for message in messages if message.type != "system")
        target, prediction = section(asked, "TARGET"), section(asked, "PREDICTION")
        if not target:
            return "This simulated judge compares the sections <TARGET> and <PREDICTION>; there is no <TARGET>."
        return str(int(_normal(target) == _normal(prediction)))


def _normal(text: str) -> list[str]:
    return _MARKER.split(text)[-1].replace(",", " ").lower().split()
