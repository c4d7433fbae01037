"""All that simulated models can say: the concepts of the covered tasks, and what says nothing about either.

The sentences are what the optimizer and meta levels write. They are read by the same patterns as a person's prompt is.
"""

from collections.abc import Mapping

from metatextgrad.runtime.simulated.concept import Concept
from metatextgrad.runtime.simulated.lexicon_dyck import DYCK
from metatextgrad.runtime.simulated.lexicon_sorting import SORTING
from metatextgrad.runtime.simulated.questions import Kind

CONCEPTS: Mapping[Kind, tuple[Concept, ...]] = {"dyck": DYCK, "sorting": SORTING}

PLATITUDES = (
    "Make sure that the result is right.",
    "Be careful, and pay attention to detail.",
    "Avoid mistakes such as these.",
    "Take care to follow the instructions.",
    "Pay close attention to what is wanted.",
)
"""Advice that is true and helps no one."""

GENERIC = (
    "Be more engaging, so that the reader enjoys the answer.",
    "Use a friendly and professional tone.",
    "Think about the needs of your audience.",
    "Give vivid background and some history of the subject.",
    "Show confidence and enthusiasm for the subject.",
    "Consider alternative viewpoints with empathy.",
    "Use correct grammar and elegant wording.",
    "Add a short summary of the main ideas.",
    "Be creative and explore imaginative approaches.",
    "Make the explanation accessible with a metaphor.",
)
"""Advice that sounds well and is beside the point of either task."""
