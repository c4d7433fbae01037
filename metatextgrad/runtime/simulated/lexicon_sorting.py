"""The ways to go wrong on a Word Sorting question."""

from metatextgrad.runtime.simulated.concept import CHECK, FORMAT, Concept, words

SORTING = (
    Concept(
        name="letters",
        pattern=words(
            r"letter[- ]by[- ]letter",
            r"(?:second|third|next|later|following|further) letters?",
            r"prefix",
            r"same (?:first )?letters?",
            r"character by character",
            r"first (?:differing|different)",
            r"(?:begin|start) alike",
            r"lexicographic",
        ),
        faults=(
            "Words with the same first letter are in the wrong order; the second letter was not compared.",
            "The comparison stopped too soon; words must be compared letter by letter.",
        ),
        advice=(
            "Compare words letter by letter: where the first letters are equal, the second letter decides.",
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
        pattern=words(
            r"(?:use|keep|include|list) (?:every|each|all)(?: of)?(?: the)? words?",
            r"(?:every|each|all)\b[^.]*\bwords?\b[^.]*\b(?:used|kept|appear|occur|present)",
            r"count[^.]*\bwords?",
            r"number of words",
            r"(?:leave|left|leaving) (?:no|out)",
            r"(?:lose|losing|lack|omit)\b[^.]*\bwords?",
            r"words?\b[^.]*\b(?:lost|missing|left out|omitted)",
            r"as many words",
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
        pattern=words(
            r"twice",
            r"duplicat",
            r"repeat(?:s|ed|ing)? (?:a|any|no|words?)\b",
            r"(?:only|just|exactly) once",
            r"\badd (?:no|any) words?",
            r"(?:invent|alter|chang)\w*\b[^.]*\bwords?",
            r"words?\b[^.]*\bchanged",
            r"too many words",
            r"spelling",
        ),
        faults=(
            "A word stands twice in the answer.",
            "There are too many words: one was repeated.",
        ),
        advice=(
            "No word may stand twice, and add no words.",
            "Do not repeat a word, and keep its spelling.",
        ),
        aims=(
            "Guard against words that are written twice or changed.",
            "Demand that each word stands exactly once.",
        ),
    ),
    Concept(
        name="placing",
        pattern=words(
            r"\bgroup",
            r"\bbucket",
            r"one word at a time",
            r"word by word",
            r"insertion",
            r"\binsert",
            r"merge sort",
            r"smallest",
            r"pairwise",
            r"(?:in|into|to) (?:its|the wrong) place",
            r"systematic order",
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
        pattern=words(
            r"nothing else",
            r"only the (?:sorted |ordered )?(?:words|list)",
            r"no (?:other|further) (?:text|words|comment)",
            r"without (?:any )?(?:comment|remark|explanation)",
            r"(?:no|not) (?:a )?(?:comment|remark)s?",
            r"(?:not|n't) (?:comment|explain)",
            r"other text",
            r"\bremark",
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
