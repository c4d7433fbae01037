"""The judge level: whether two answers agree."""

import json
import re
from collections.abc import Sequence

from langchain_core.messages import BaseMessage

from metatextgrad.runtime.simulated.base import SimulatedModel
from metatextgrad.runtime.simulated.sections import section

_MARKER = re.compile(r"\banswer\W{0,3}:", re.IGNORECASE)


class SimulatedJudgeModel(SimulatedModel):
    """A judge for whom a reply is correct when its last answer in <PREDICTION> is that of <TARGET>."""

    def reply(self, messages: Sequence[BaseMessage], draw: str, temperature: float) -> str:
        """Compare the two answers; spacing, commas and case do not count."""
        del draw, temperature  # a comparison has no chance in it
        asked = "\n".join(message.text for message in messages if message.type != "system")
        target, prediction = section(asked, "TARGET"), section(asked, "PREDICTION")
        if not target:
            return "This simulated judge compares the sections <TARGET> and <PREDICTION>; there is no <TARGET>."
        return json.dumps({"correct": _normal(target) == _normal(prediction)})


def _normal(text: str) -> list[str]:
    return _MARKER.split(text)[-1].replace(",", " ").lower().split()
