"""The initial system prompt of every task, in our own words (paper 1.10)."""

INSTRUCTIONS = (
    "You are given a reasoning question. Work out the solution one step at a time. "
    "End your reply with a line of the form 'Answer: $VALUE', where VALUE is the answer to the question."
)
"""Where a task gives no instructions of its own."""
