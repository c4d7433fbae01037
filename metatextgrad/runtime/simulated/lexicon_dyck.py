"""The ways to go wrong on a Dyck question."""

from metatextgrad.runtime.simulated.concept import CHECK, FORMAT, Concept, words

DYCK = (
    Concept(
        name="order",
        pattern=words(
            r"last[- ]in",
            r"first[- ]out",
            r"\blifo\b",
            r"revers",
            r"innermost",
            r"most recent",
            r"opened last",
            r"last opened",
            r"inside out",
            r"backwards",
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
        pattern=words(
            r"\bstack\b",
            r"\bpush",
            r"\bpop\b",
            r"keep(?:s|ing)? track",
            r"\btrack",
            r"\btrac(?:e|ed|ing)\b",
            r"(?:symbol by symbol|bracket by bracket)",
            r"(?:symbols?|brackets?) one (?:at a time|by one)",
            r"one (?:symbol|bracket) at a time",
            r"from left to right",
            r"\bscan",
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
        pattern=words(
            r"(?:every|each|all)\b[^.]*\b(?:open\b|unclosed|unmatched|remain)",
            r"\bunclosed",
            r"\bunmatched",
            r"still open",
            r"remains? open",
            r"until the stack",
            r"stop(?:s|ped)? early",
            r"how many[^.]* open\b",
            r"count[^.]*\bopen\b",
            r"full closure",
            r"leave none",
            r"closers? (?:is|are) missing",
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
        pattern=words(
            r"already (?:been )?(?:closed|matched)",
            r"too (?:many|long)",
            r"\bextra\b",
            r"more closers",
            r"superfluous",
            r"(?:no|never|not)\b[^.]*\b(?:more than|additional)",
            r"closes? nothing",
            r"stop (?:when|once|as soon)",
            r"closed twice",
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
        pattern=words(
            r"\b(?:types?|kinds?) of (?:\w+ )?(?:bracket|opener|parenthes)",
            r"\b(?:bracket|parenthes[ie]s) (?:types?|kinds?)\b",
            r"(?:same|its|right|wrong) (?:kind|type)",
            r"correspond",
            r"matching pair",
            r"belongs to each",
            r"\( with \)",
            r"pair(?:s|ed)? (?:each|every|the) opener",
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
        pattern=words(
            r"(?:not|never|without|n't)\b[^.]*\b(?:repeat|restat|rewrit|whole|entire|original)",
            r"only the (?:\w+ )?(?:missing|closing|closers|remaining)",
            r"nothing but the (?:\w+ )?(?:missing|closing|closers)",
            r"opening brackets (?:do not )?belong",
            r"repeats the (?:sequence|input)",
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
