"""The simulated program level is a fair game: it works on what it is shown, and what it is shown decides how well."""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import groupby

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from metatextgrad.core.task import Example, Metric
from metatextgrad.runtime.simulated import SimulatedModel, simulated_model
from metatextgrad.runtime.simulated.lexicon import CONCEPTS, GENERIC, PLATITUDES
from metatextgrad.runtime.simulated.questions import Kind
from metatextgrad.tasks import dyck, word_sorting
from metatextgrad.tasks.prompts import INSTRUCTIONS

KINDS: tuple[Kind, ...] = ("dyck", "sorting")
METRICS: dict[Kind, Metric] = {"dyck": dyck.dyck, "sorting": word_sorting.word_sorting}
MODEL: SimulatedModel = simulated_model("program")
ANSWER = "Answer the question, using the work below.\nEnd with one last line 'Answer: ...' that holds the answer."
TRACE = "Trace the sequence symbol by symbol and write the stack of open brackets after each one. Do not answer yet."
GROUP = "Group the words by their first letter, letter by letter within a group. Do not answer yet."
VAGUE = (
    "Consider the question from all sides. Do not answer yet.",
    "Describe what matters here. Do not answer yet.",
    "Note what could be of interest. Do not answer yet.",
    "Identify what the experts would say. Do not answer yet.",
    "Analyse what was said so far. Do not answer yet.",
    "Restate the main points. Do not answer yet.",
)


@cache
def questions(kind: Kind, count: int = 600) -> tuple[Example, ...]:
    return {"dyck": dyck.generate, "sorting": word_sorting.generate}[kind](17, count)


def ask(system: str, user: str, *, draw: str = "", temperature: float = 0.0) -> str:
    return MODEL.reply([SystemMessage(system), HumanMessage(user)], draw, temperature)


def rate(kind: Kind, answer: Callable[[str], str], count: int = 600) -> float:
    """Return the share of questions that a way of answering gets right."""
    examples = questions(kind)[:count]
    return sum(METRICS[kind](answer(example.input), example).value or 0.0 for example in examples) / len(examples)


def prompted(system: str) -> Callable[[str], str]:
    return lambda question: ask(system, question)


def after(work: Callable[[str], str], system: str = ANSWER) -> Callable[[str], str]:
    return lambda question: ask(system, f"{question}\n\nWork:\n{work(question)}")


@cache
def base(kind: Kind) -> float:
    return rate(kind, prompted(INSTRUCTIONS))


def lines(*more: str) -> str:
    return "\n".join((INSTRUCTIONS, *more))


def all_advice(kind: Kind) -> str:
    return lines(*(concept.advice[0] for concept in CONCEPTS[kind]))


def test_the_initial_prompt_does_about_as_well_as_a_small_model_does_in_the_paper() -> None:
    assert 0.05 <= base("dyck") <= 0.16
    assert 0.42 <= base("sorting") <= 0.55


@pytest.mark.parametrize("kind", KINDS)
def test_long_questions_are_harder_than_short_ones(kind: Kind) -> None:
    by_length = sorted(questions(kind), key=lambda example: len(example.input.split()))
    thirds = [by_length[:200], by_length[-200:]]
    short, long = (
        sum(METRICS[kind](ask(INSTRUCTIONS, example.input), example).value or 0.0 for example in third)
        for third in thirds
    )
    assert short > 1.5 * long


@pytest.mark.parametrize("kind", KINDS)
def test_no_prompt_makes_it_perfect(kind: Kind) -> None:
    everything = lines(*(sentence for concept in CONCEPTS[kind] for sentence in concept.advice))
    assert base(kind) + 0.1 < rate(kind, prompted(everything)) < 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_replies_are_the_same_for_the_same_messages(kind: Kind) -> None:
    again = simulated_model("program")
    for example in questions(kind)[:50]:
        messages = [SystemMessage(INSTRUCTIONS), HumanMessage(example.input)]
        assert MODEL.reply(messages, "a", 0.7) == again.reply(messages, "a", 0.7)


@pytest.mark.parametrize("kind", KINDS)
def test_samples_vary_above_temperature_zero_and_share_many_mistakes(kind: Kind) -> None:
    same = several = 0
    for example in questions(kind)[:200]:
        samples = [ask(INSTRUCTIONS, example.input, draw=str(draw), temperature=0.7) for draw in range(8)]
        same += samples[0] == samples[1]
        several += len(set(samples)) > 1
    assert several > 100
    assert same > 60


def test_at_temperature_zero_the_draw_has_no_effect() -> None:
    messages = [SystemMessage(INSTRUCTIONS), HumanMessage(questions("dyck")[0].input)]
    replies = {MODEL.invoke(messages, temperature=0.0, draw=str(draw)).text for draw in range(20)}
    assert len(replies) == 1
    assert len({MODEL.invoke(messages, temperature=1.0, draw=str(draw)).text for draw in range(20)}) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_labels_play_no_part_only_messages_do(kind: Kind) -> None:
    """A wrong label on an example changes the score alone; the model is a function of the messages."""
    example = questions(kind)[0]
    other = example.model_copy(update={"target": questions(kind)[1].target, "id": "another"})
    assert ask(INSTRUCTIONS, example.values()["question"]) == ask(INSTRUCTIONS, other.values()["question"])


def test_it_works_on_questions_that_no_task_holds() -> None:
    prompt = all_advice("dyck")
    replies = [ask(prompt, f"{dyck.PREFIX}{'( ' * depth}[ ]") for depth in range(1, 6)]
    assert any(reply.endswith(f"Answer: {' '.join(')' * depth)}") for depth, reply in enumerate(replies, 1))


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, concept.name) for kind in KINDS for concept in CONCEPTS[kind] if concept.name != "format"]
)
def test_advice_on_a_mistake_makes_it_rarer(kind: Kind, name: str) -> None:
    """The same advice in other orders is new chance, so that the effect stands out against it."""
    rest = [concept.advice[0] for concept in CONCEPTS[kind] if concept.name != name]
    own = next(concept.advice for concept in CONCEPTS[kind] if concept.name == name)
    turned = [[*rest[turn:], *rest[:turn]] for turn in range(3)]
    without = sum(rate(kind, prompted(lines(*order))) for order in turned)
    assert sum(rate(kind, prompted(lines(*own, *order))) for order in turned) > without


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_sentence_on_the_same_mistake_adds_less(kind: Kind) -> None:
    from metatextgrad.runtime.simulated.reading import read

    for concept in CONCEPTS[kind]:
        left = [read(kind, "\n".join(concept.advice[:count])).left[concept.name] for count in range(3)]
        if len(concept.advice) > 1:
            assert 1 - left[1] > left[1] - left[2] > 0


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_word_on_the_form_the_answer_often_lacks_it(kind: Kind) -> None:
    assert rate(kind, prompted("Work out the solution to the question.")) < 0.75 * base(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_advice_beside_the_point_makes_it_worse(kind: Kind) -> None:
    advice = all_advice(kind)
    scores = [rate(kind, prompted("\n".join((advice, *GENERIC[:count])))) for count in (0, 3, 8)]
    assert scores[0] > scores[1] > scores[2]
    assert rate(kind, prompted(lines(*GENERIC[:6]))) < base(kind)


def test_advice_for_the_other_task_does_not_help() -> None:
    assert rate("dyck", prompted(all_advice("sorting"))) <= base("dyck") + 0.03
    assert rate("sorting", prompted(all_advice("dyck"))) <= base("sorting") + 0.03


@pytest.mark.parametrize("kind", KINDS)
def test_platitudes_change_little(kind: Kind) -> None:
    assert abs(rate(kind, prompted(lines(*PLATITUDES))) - base(kind)) < 0.04


@pytest.mark.parametrize("kind", KINDS)
def test_worked_demonstrations_help_somewhat(kind: Kind) -> None:
    shown: list[BaseMessage] = []
    for example in questions(kind)[-3:]:
        shown += [HumanMessage(example.input), AIMessage(f"Answer: {example.target}")]

    def answer(question: str) -> str:
        return MODEL.reply([SystemMessage(INSTRUCTIONS), *shown, HumanMessage(question)], "", 0.0)

    assert base(kind) < rate(kind, answer, 500) < base(kind) + 0.25


def right_stack(question: str) -> str:
    return f"Stack after the last symbol: {' '.join(_open(question)) or 'empty'}"


def wrong_stack(question: str) -> str:
    *outer, innermost = _open(question)
    return f"Stack after the last symbol: {' '.join([*outer, '(' if innermost != '(' else '['])}"


def _open(question: str) -> list[str]:
    opener = {closer: opener for opener, closer in dyck.CLOSER.items()}
    return [opener[closer] for closer in reversed(dyck.solve(question).split())]


def right_groups(question: str) -> str:
    return _grouped(word_sorting.solve(question).split())


def wrong_groups(question: str) -> str:
    return _grouped(word_sorting.solve(question).split()[1:])


def _grouped(words: list[str]) -> str:
    return "\n".join(f"Group {letter}: {' '.join(group)}" for letter, group in groupby(words, key=lambda word: word[0]))


@pytest.mark.parametrize(
    ("kind", "right", "wrong"), [("dyck", right_stack, wrong_stack), ("sorting", right_groups, wrong_groups)]
)
def test_right_work_in_the_input_helps_and_wrong_work_hurts(
    kind: Kind, right: Callable[[str], str], wrong: Callable[[str], str]
) -> None:
    alone = rate(kind, prompted(ANSWER))
    assert rate(kind, after(right)) > alone + 0.03
    assert rate(kind, after(wrong)) < alone - 0.04


@pytest.mark.parametrize(("kind", "duty"), [("dyck", TRACE), ("sorting", GROUP)])
def test_a_call_that_writes_work_down_helps_the_call_that_answers(kind: Kind, duty: str) -> None:
    advice = f"{ANSWER}\n{all_advice(kind)}"
    assert rate(kind, after(prompted(duty), advice)) > rate(kind, prompted(advice)) + 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_work_can_be_wrong(kind: Kind) -> None:
    duty, states = (TRACE, right_stack) if kind == "dyck" else (GROUP, right_groups)
    craft_lines = [(ask(duty, example.input), states(example.input)) for example in questions(kind)[:200]]
    right = sum(work.rpartition(": ")[2] == true.rpartition(": ")[2] for work, true in craft_lines)
    assert 100 < right < 200


@pytest.mark.parametrize("kind", KINDS)
def test_seven_vague_stages_are_no_better_than_one_well_instructed_call(kind: Kind) -> None:
    def pipeline(question: str) -> str:
        found = ""
        for instructions in VAGUE:
            found = ask(instructions, f"{question}\n\nFindings so far:\n{found}")
        return ask(ANSWER, f"{question}\n\nFindings so far:\n{found}")

    staged = rate(kind, pipeline)
    assert staged <= rate(kind, prompted(ANSWER)) + 0.01
    assert staged < rate(kind, prompted(all_advice(kind))) - 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_checking_a_draft_mends_some_mistakes(kind: Kind) -> None:
    check = "Check the draft answer and correct it. The last line is 'Answer: ...'."
    drafted = after(prompted(INSTRUCTIONS), check)
    assert base(kind) < rate(kind, drafted) < base(kind) + 0.2


def test_a_call_that_does_not_see_the_question_can_only_use_what_it_sees() -> None:
    assert "does not hold the question" in ask(ANSWER, "Plan:\nKeep a stack of the open brackets.")

    def blind(question: str) -> str:
        return ask(ANSWER, f"Work:\n{right_stack(question)}")

    assert 0 < rate("dyck", blind) < rate("dyck", after(right_stack))


@pytest.mark.parametrize("kind", KINDS)
def test_plans_name_the_steps_that_the_instructions_speak_of(kind: Kind) -> None:
    concept = CONCEPTS[kind][0]
    bare, told = "Make a plan. Do not answer yet.", f"Make a plan. Do not answer yet. {concept.advice[1]}"
    named = [
        sum(concept.advice[0] in ask(system, example.input) for example in questions(kind)[:100])
        for system in (bare, told)
    ]
    assert named[0] < 50 < named[1]


@pytest.mark.parametrize("kind", KINDS)
def test_choosing_among_candidates_beats_taking_the_first(kind: Kind) -> None:
    first = chosen = 0.0
    for example in questions(kind)[:300]:
        candidates = [ask(INSTRUCTIONS, example.input, draw=str(draw), temperature=1.0) for draw in range(4)]
        listed = "\n\n".join(f"[{number}]\n{text}" for number, text in enumerate(candidates, 1))
        asked = f"{example.input}\n\nCandidates:\n\n{listed}\n\nEnd with one line: Best: N, where N is a number."
        best = int(ask("Choose the best candidate.", asked).rpartition("Best: ")[2])
        first += METRICS[kind](candidates[0], example).value or 0.0
        chosen += METRICS[kind](candidates[best - 1], example).value or 0.0
    assert first < chosen < first + 75


@pytest.mark.parametrize(
    "messages",
    [
        [SystemMessage(INSTRUCTIONS), HumanMessage("Find the degree of Q(sqrt 2) over Q.")],
        [HumanMessage("Who was Ada Lovelace?")],
        [SystemMessage("You are helpful.")],
        [],
    ],
)
def test_anything_else_is_said_to_be_not_covered(messages: Sequence[BaseMessage]) -> None:
    assert "covers only Dyck Languages and Word Sorting" in MODEL.reply(messages, "", 0.0)
