"""What a concept is: one way to go wrong, and the words by which texts speak of it."""

import re
from typing import NamedTuple


class Concept(NamedTuple):
    """One way to go wrong, and how texts speak of it."""

    name: str
    pattern: re.Pattern[str]
    faults: tuple[str, ...]
    """What criticism says when it happens."""
    advice: tuple[str, ...]
    """What a program's prompt can say against it."""
    aims: tuple[str, ...]
    """What an optimizer's instructions can say to make it write such advice."""
    stage: str = ""
    """The name of a program component that works on it; empty where only the answer itself can."""
    duty: str = ""
    """What such a component is told."""


def words(*alternatives: str) -> re.Pattern[str]:
    """Return the pattern that finds any of these, in either case."""
    return re.compile("|".join(alternatives), re.IGNORECASE)


FORMAT = Concept(
    name="format",
    pattern=words(
        r"answer:",
        r"separated by (?:single |a )?spaces?",
        r"(?:last|final) line",
        r"in th(?:is|e) (?:exact )?form\b",
    ),
    faults=("The reply does not end with a line that holds the answer in the form 'Answer: ...'.",),
    advice=("End with one last line 'Answer: ...' that holds the answer, its parts separated by spaces.",),
    aims=("Keep the demand for a last line 'Answer: ...' in the prompts.",),
)
CHECK = Concept(
    name="check",
    pattern=words(
        r"\b(?:re-?|double-)?check",
        r"verif",
        r"validat",
        r"compare (?:it |the \w+ )?again",
        r"go over .* again",
        r"confirm",
    ),
    faults=("The output was not checked against the input before it was given.",),
    advice=(
        "Before you answer, verify the result against the input and mend what is wrong.",
        "Check your answer once more from the start.",
    ),
    aims=(
        "Ask for a verification of the result against the input before it is given.",
        "See to it that the program checks its own result.",
    ),
    stage="verify",
    duty="Verify the draft answer against the question and correct it.",
)
