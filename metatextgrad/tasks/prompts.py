"""The prompts that tasks start from, in our own words (paper 1.10)."""

INSTRUCTIONS = (
    "You are given a reasoning question. Work out the solution one step at a time. "
    "End your reply with a line of the form 'Answer: $VALUE', where VALUE is the answer to the question."
)
"""Where a task gives no instructions of its own."""

CHOICE_INSTRUCTIONS = (
    "You are given a question with four options, one of which is right. Work out the solution one step at a time. "
    "End your reply with a line of the form 'Answer: $VALUE', where VALUE is one of the letters A, B, C and D."
)
CHOICE = """{question}

A) {option_a}
B) {option_b}
C) {option_c}
D) {option_d}

Choose the right option. The last line of the reply must be 'Answer: $LETTER', where LETTER is A, B, C or D."""
"""A question with options. It asks for the form of the answer itself, as a rewritten program may no longer do."""

GRID_INSTRUCTIONS = (
    "You are given pairs of grids that follow one rule, and a further grid. Find the rule one step at a time, and "
    "apply it to the further grid. End your reply with a line of the form 'Answer: $VALUE', where VALUE is the "
    "resulting grid as a list of rows."
)
GRID = (
    "A grid is a list of rows; each cell is a number from 0 to 9 and stands for a colour. One and the same rule turns "
    "the input of each example into its output.\n\n{pairs}\n\nTest\nInput: {test}\n\n"
    "What is the output of the test? The last line of the reply must be 'Answer: $GRID', where GRID is a list of rows "
    "such as [[0, 1], [2, 3]]."
)
GRID_PAIR = """Example {number}
Input: {input}
Output: {output}"""
