"""The concepts of the covered tasks: one for each way to go wrong, with the words by which it is recognised.

The sentences are what the optimizer and meta levels write. They are read by the same patterns as a person's prompt is.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from metatextgrad.runtime.simulated.questions import Kind


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


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


FORMAT = Concept(
    name="format",
    pattern=_pattern(
        r"answer:|separated by (?:single )?(?:a )?spaces?|(?:last|final) line|in th(?:is|e) (?:exact )?form\b"
    ),
    faults=("The reply does not end with a line that holds the answer in the form 'Answer: ...'.",),
    advice=("End with one last line 'Answer: ...' that holds the answer, its parts separated by spaces.",),
    aims=("Keep the demand for a last line 'Answer: ...' in the prompts.",),
)
CHECK = Concept(
    name="check",
    pattern=_pattern(
        r"\b(?:re-?)?check|verif|double-check|validat|compare (?:it |the \w+ )?again|go over .* again|confirm"
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

DYCK = (
    Concept(
        name="order",
        pattern=_pattern(
            r"last[- ]in|first[- ]out|\blifo\b|revers|innermost|most recent|opened last|last opened|inside out|backwards"
        ),
        faults=(
            "The closers come in the wrong order: what was opened last must be closed first.",
            "The order of nesting is broken; a strategy is needed that closes the innermost bracket first.",
        ),
        advice=(
            "Close the brackets in last-in, first-out order: the one opened last is closed first.",
            "Write the closers in reverse order of their openers, the innermost first.",
            "The most recent opener that is not closed yet comes first among the closers.",
        ),
        aims=(
            "Insist on last-in, first-out order of the closers.",
            "Pay attention to nesting: the innermost bracket is closed first.",
        ),
        stage="complete",
        duty="Write the closers in reverse order of the brackets that are open, the innermost first.",
    ),
    Concept(
        name="tracking",
        pattern=_pattern(
            r"\bstack\b|\bpush|\bpop\b|keep(?:s|ing)? track|\btrack|\btrac(?:e|ing)\b|symbol by symbol|bracket by bracket|"
            r"one (?:symbol|bracket) at a time|from left to right|\bscan"
        ),
        faults=(
            "The brackets that are open were lost track of on the way; a stack would keep them.",
            "The sequence was not followed symbol by symbol, so the state at its end is wrong.",
        ),
        advice=(
            "Keep a stack: push each opener, and pop it when its closer comes.",
            "Go through the sequence symbol by symbol and keep track of what is open.",
            "Scan from left to right and update the list of open brackets at each step.",
        ),
        aims=(
            "Make the program keep a stack of the open brackets.",
            "See that the sequence is traced symbol by symbol.",
        ),
        stage="trace",
        duty="Trace the sequence symbol by symbol and write the stack of open brackets after each one.",
    ),
    Concept(
        name="missing",
        pattern=_pattern(
            r"(?:every|each|all)\b[^.]*\b(?:open|unclosed|unmatched|remain)|\bunclosed|\bunmatched|still open|until the stack|"
            r"stops? early|stopped early|how many[^.]* open|count[^.]*\bopen|full closure|leave none|closers? (?:is|are) missing"
        ),
        faults=(
            "The answer stops early; not every bracket that is still open gets its closer.",
            "Some unclosed brackets were forgotten at the end.",
        ),
        advice=(
            "Give a closer to every bracket that is still open, and leave none out.",
            "Count how many brackets are open at the end; the answer has just as many closers.",
            "Go on until the stack is empty, so that no unmatched opener remains.",
        ),
        aims=(
            "Demand full closure: no unclosed bracket may remain.",
            "Attend to the number of closers: one for every bracket still open.",
        ),
        stage="count",
        duty="Count how many brackets are still open at the end of the sequence, and list the unmatched ones.",
    ),
    Concept(
        name="extra",
        pattern=_pattern(
            r"already (?:been )?(?:closed|matched)|too (?:many|long)|\bextra\b|more closers|superfluous|"
            r"(?:no|never|not)\b[^.]*\b(?:more than|additional)|closes? nothing|stop (?:when|once|as soon)"
        ),
        faults=(
            "The answer goes on too long and closes brackets that were already closed.",
            "There are extra closers that close nothing.",
        ),
        advice=(
            "Do not close a bracket that has already been closed.",
            "Stop as soon as nothing is open: no extra closers.",
        ),
        aims=(
            "Guard against extra closers for brackets that are already matched.",
            "Warn of answers that are too long.",
        ),
        stage="match",
        duty="List which brackets of the sequence are already matched, so that none of them is closed twice.",
    ),
    Concept(
        name="types",
        pattern=_pattern(
            r"\b(?:bracket|parenthes[ie]s)\b[^.]*\b(?:types?|kinds?)\b|\b(?:types?|kinds?) of (?:\w+ )?(?:bracket|opener|parenthes)|"
            r"same (?:kind|type)|(?:kind|type)s? (?:of each|match)|correspond|matching pair|wrong (?:kind|type)|"
            r"pair(?:s|ed)? (?:each|every|the) opener|\( with \)"
        ),
        faults=(
            "A closer is of the wrong kind; each must be of the same kind as its opener.",
            "The types of brackets are mixed up.",
        ),
        advice=(
            "Each closer must be of the same kind as its opener: ( with ), [ with ], { with }, < with >.",
            "Mind the types of brackets; a closer corresponds to its own opener only.",
        ),
        aims=(
            "Handle all four kinds of brackets, and match each closer with its corresponding opener.",
            "Validate the types of brackets.",
        ),
        stage="pair",
        duty="List the types of brackets in the sequence, each opener with its corresponding closer.",
    ),
    Concept(
        name="echo",
        pattern=_pattern(
            r"(?:not|never|without|n't)\b[^.]*\b(?:repeat|restat|copy|rewrit|whole|entire|original)|"
            r"only the (?:\w+ )?(?:missing|closing|closers|remaining)|nothing but the (?:\w+ )?(?:missing|closing|closers)|"
            r"opening brackets (?:do not )?belong|repeats the (?:sequence|input)"
        ),
        faults=(
            "The answer repeats the sequence; only the missing closers belong in it.",
            "Instead of only the closing brackets, the whole sequence was written as the answer.",
        ),
        advice=(
            "Write only the missing closers, and do not repeat the sequence.",
            "The answer is only the closing part, never the whole sequence.",
        ),
        aims=(
            "Make clear that only the missing closers are wanted, without repeating the sequence.",
            "The prompts must say that the answer is only the closing part.",
        ),
    ),
    CHECK,
    FORMAT,
)

SORTING = (
    Concept(
        name="letters",
        pattern=_pattern(
            r"letter[- ]by[- ]letter|(?:second|third|next|later|following|further) letters?|prefix|same (?:first )?letters?|"
            r"character by character|first (?:differing|different)|begin alike|start alike|lexicographic|ties?\b"
        ),
        faults=(
            "Words with the same first letter are in the wrong order; the second letter was not compared.",
            "The comparison stopped too soon; words must be compared letter by letter.",
        ),
        advice=(
            "Compare words letter by letter: where the first letters are equal, the second letter decides, then the third.",
            "Where two words share a prefix, look at the first differing letter.",
            "Words that begin alike are ordered by their next letter.",
        ),
        aims=(
            "Make the program compare words letter by letter, past the first letter.",
            "Attend to words that share a prefix.",
        ),
        stage="compare",
        duty="Compare the words that share a prefix letter by letter, and write their order.",
    ),
    Concept(
        name="lost",
        pattern=_pattern(
            r"(?:every|each|all)\b[^.]*\bwords?\b[^.]*\b(?:once|kept|appear|occur|present|include|keep)|keep (?:every|each|all)|"
            r"count[^.]*\bwords?|number of words|(?:leave|left|leaving) (?:no|out)|(?:lose|lost|losing|lack|omit|missing)\b[^.]*\bwords?|"
            r"words?\b[^.]*\b(?:lost|missing|left out|omitted)|as many words"
        ),
        faults=(
            "A word of the list is missing from the answer.",
            "Words were lost on the way; the number of words should stay the same.",
        ),
        advice=(
            "Keep every word of the list: none may be left out.",
            "Count the words before and after; the numbers must be equal.",
            "All words of the list must appear in the answer.",
        ),
        aims=(
            "See that no word is lost: the number of words stays the same.",
            "Make the program count the words.",
        ),
        stage="number",
        duty="Number the words of the list, so that the number of words is known.",
    ),
    Concept(
        name="repeated",
        pattern=_pattern(
            r"twice|duplicat|repeat(?:s|ed|ing)? (?:a|any|no|words?)|(?:only|just|exactly) once|(?:add|invent|alter|chang)\w*\b[^.]*\bwords?|"
            r"too many|as (?:they are|it is) spelled|spelling"
        ),
        faults=(
            "A word stands twice in the answer.",
            "There are too many words: one was repeated.",
        ),
        advice=(
            "Write each word just once, and add no words.",
            "Do not repeat a word, and keep its spelling.",
        ),
        aims=(
            "Guard against words that are written twice or changed.",
            "Demand that each word stands exactly once.",
        ),
    ),
    Concept(
        name="placing",
        pattern=_pattern(
            r"\bgroup|\bbucket|one word at a time|word by word|insertion|\binsert|merg(?:e|ing)|smallest|pairwise|"
            r"first letters?\b[^.]*\b(?:first|together|group|sort|then)|each (?:word )?into its place|its (?:right )?place|systematic\w* order"
        ),
        faults=(
            "A word is not in its place; the words were ordered at a glance and not one word at a time.",
            "The list is long, and without groups by first letter a word went to the wrong place.",
        ),
        advice=(
            "Group the words by their first letter, then order each group.",
            "Insert one word at a time into its place in the ordered list.",
            "Take the smallest word that is left, again and again.",
        ),
        aims=(
            "Have the words grouped by their first letter before they are ordered.",
            "Make the program insert one word at a time.",
        ),
        stage="group",
        duty="Group the words by their first letter, and write the groups in alphabetical order.",
    ),
    Concept(
        name="chatter",
        pattern=_pattern(
            r"nothing (?:else|but)|only the (?:sorted |ordered )?(?:words|list)|no (?:other|further) (?:text|words|comment)|"
            r"without (?:any )?(?:comment|remark|explanation)|(?:no|not) (?:comment|remark)s?|(?:not|n't) (?:comment|explain)"
        ),
        faults=(
            "The answer line holds a remark besides the words; only the words belong there.",
            "After the list comes other text; nothing but the words belongs in the answer.",
        ),
        advice=(
            "The last line holds only the sorted words and nothing else.",
            "Add no comment to the answer line.",
        ),
        aims=(
            "Insist on an answer line with only the words and nothing else.",
            "Forbid remarks: no other text in the answer line.",
        ),
    ),
    CHECK,
    FORMAT,
)

CONCEPTS: Mapping[Kind, tuple[Concept, ...]] = {"dyck": DYCK, "sorting": SORTING}

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
