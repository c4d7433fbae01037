"""The simulated optimizer and meta levels: what they write is of the form asked for, noisy, and better in focus."""

from collections.abc import Mapping

import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from metatextgrad.core.errors import InputError, ReplyError
from metatextgrad.core.program import Llm, Program, chain_of_thought
from metatextgrad.core.template import slots
from metatextgrad.nodes.meta_prompt_rewrite import Improved
from metatextgrad.nodes.structure_merge import Merged, optimizer_from
from metatextgrad.runtime.backward import Blame
from metatextgrad.runtime.ledger import Message
from metatextgrad.runtime.prompts import BACKWARD, MERGE, META_PROMPT, REWRITE, STRUCTURE, Prompt, section
from metatextgrad.runtime.simulated import simulated_model
from metatextgrad.runtime.simulated.diagnosis import faults_in
from metatextgrad.runtime.simulated.focus import COMMON
from metatextgrad.runtime.simulated.lexicon import CONCEPTS, GENERIC, PLATITUDES
from metatextgrad.runtime.simulated.questions import Kind
from metatextgrad.runtime.simulated.reading import concepts_of, is_stray, read, sentences
from metatextgrad.runtime.structured import parsed
from metatextgrad.stages import adas_tg, tgd
from metatextgrad.stages.limits import checked_program
from metatextgrad.stages.structure import INSTRUCTIONS as STRUCTURE_INSTRUCTIONS
from metatextgrad.stages.structure import Redesigned, written
from metatextgrad.stages.textual_gradient import INSTRUCTIONS as REWRITE_INSTRUCTIONS
from metatextgrad.stages.textual_gradient import Rewritten
from metatextgrad.tasks import dyck, word_sorting
from metatextgrad.tasks.prompts import INSTRUCTIONS

KINDS: tuple[Kind, ...] = ("dyck", "sorting")
DRAWS = range(60)
OPTIMIZER = simulated_model("optimizer")
META = simulated_model("meta")
QUESTION: Mapping[Kind, str] = {
    "dyck": dyck.generate(3, 40)[7].input,
    "sorting": word_sorting.generate(3, 40)[7].input,
}
TYPE: Mapping[Kind, str] = {"dyck": "completing a bracket sequence", "sorting": "sorting a list of words"}
CRITICISM: Mapping[Kind, str] = {
    "dyck": "The closers come in the wrong order: what was opened last must be closed first.",
    "sorting": "Words with the same first letter are in the wrong order; the second letter was not compared.",
}
ASPECT: Mapping[Kind, str] = {"dyck": "order", "sorting": "letters"}


def focused(kind: Kind) -> str:
    return "Improve the text.\n" + "\n".join(concept.aims[0] for concept in CONCEPTS[kind])


def answer(messages: tuple[Message, ...], draw: int, *, level: str = "optimizer") -> str:
    model = META if level == "meta" else OPTIMIZER
    kinds = {"system": SystemMessage, "human": HumanMessage}
    return model.invoke([kinds[role](text) for role, text in messages], temperature=1.0, draw=str(draw)).text


def feedback(kind: Kind, criticism: str) -> str:
    parts = [section("INPUT", QUESTION[kind]), section("OUTPUT", "Answer: ] )"), section("CRITICISM", criticism)]
    return section("FEEDBACK", "\n".join(parts), number="1")


def rewriting(kind: Kind, instructions: str, text: str = INSTRUCTIONS) -> tuple[Message, ...]:
    return REWRITE.messages(
        instructions=instructions,
        role="answers the question",
        text=text,
        feedback=feedback(kind, CRITICISM[kind]),
        past="",
    )


def redesigning(kind: Kind, instructions: str, program: Program) -> tuple[Message, ...]:
    return STRUCTURE.messages(
        instructions=instructions,
        question_type=TYPE[kind],
        program=written(program),
        feedback=feedback(kind, CRITICISM[kind]),
        past="",
        limits="Use at most 16 components.",
    )


def guiding(kind: Kind, instructions: str, improves: str, question: str = "") -> tuple[Message, ...]:
    asked = question or QUESTION[kind]
    solved = (dyck.solve if kind == "dyck" else word_sorting.solve)(asked)
    example = section("EXAMPLE", f"{section('QUESTION', asked)}\n{section('ANSWER', solved)}")
    return META_PROMPT.messages(
        optimizer="{}", question_type=TYPE[kind], examples=example, instructions=instructions, improves=improves
    )


def merging() -> tuple[Message, ...]:
    given = [
        section("OPTIMIZER", optimizer.model_dump_json(indent=1), name=optimizer.name, purpose=optimizer.purpose)
        for optimizer in (tgd(), adas_tg())
    ]
    return MERGE.messages(
        references="\n".join(given), incumbent="", steps="6", limits="", kinds="textual_gradient; structure"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_sentence_of_the_lexicon_is_read_as_what_it_is_about(kind: Kind) -> None:
    for concept in CONCEPTS[kind]:
        for sentence in (*concept.faults, *concept.advice, *concept.aims, *filter(None, [concept.duty])):
            assert concept.name in concepts_of(kind, sentence), sentence
    assert all(is_stray(kind, sentence) for sentence in GENERIC)
    assert not any(is_stray(kind, sentence) for sentence in PLATITUDES)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prompt", [BACKWARD, REWRITE, STRUCTURE, META_PROMPT, MERGE])
def test_the_fixed_protocol_speaks_of_no_concept_so_only_the_instructions_can_give_focus(
    prompt: Prompt, kind: Kind
) -> None:
    found = {name for sentence in sentences(prompt.system) for name in concepts_of(kind, sentence)}
    assert found <= COMMON


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("instructions", [REWRITE_INSTRUCTIONS, STRUCTURE_INSTRUCTIONS])
def test_the_default_instructions_give_no_focus(instructions: str, kind: Kind) -> None:
    assert not set(read(kind, instructions).concepts) - COMMON


@pytest.mark.parametrize(
    ("kind", "output", "criticism", "expected"),
    [
        ("dyck", "Answer: ) ]", "The missing closers are '] )'.", "order"),
        ("dyck", "Answer: ]", "The missing closers are '] )'.", "missing"),
        ("dyck", "Answer: ] ) }", "[1] The missing closers are '] )'.", "extra"),
        ("dyck", "Answer: ] }", "The missing closers are '] )'.", "types"),
        ("dyck", "Answer: ( [ ] )", "The missing closers are '] )'.", "echo"),
        ("dyck", "Open at the end: [\nAnswer: ]", "The missing closers are '] )'.", "tracking"),
        ("dyck", "It is ] ).", "The missing closers are '] )'.", "format"),
        ("sorting", "Answer: bat bar cow", "The sorted list is 'bar bat cow'.", "letters"),
        ("sorting", "Answer: cow bar bat", "The sorted list is 'bar bat cow'.", "placing"),
        ("sorting", "Answer: bar cow", "The sorted list is 'bar bat cow'.", "lost"),
        ("sorting", "Answer: bar bat bat cow", "The sorted list is 'bar bat cow'.", "repeated"),
        ("sorting", "Answer: bar can't cow (in order)", "The sorted list is 'bar can't cow'.", "chatter"),
        ("dyck", "Stack: [", CRITICISM["dyck"], "order"),
    ],
)
def test_the_diagnosis_comes_from_the_texts(kind: Kind, output: str, criticism: str, expected: str) -> None:
    assert faults_in(kind, output, criticism)[0] == expected


@pytest.mark.parametrize("kind", KINDS)
def test_criticism_is_valid_names_the_mistake_often_and_is_noisy(kind: Kind) -> None:
    messages = BACKWARD.messages(
        role="answers",
        instructions=INSTRUCTIONS,
        input=QUESTION[kind],
        output="Answer: ] )",
        feedback=CRITICISM[kind],
        reads=section("READ", "Some notes.", name="plan.0"),
    )
    blames = [parsed(Blame, answer(messages, draw)) for draw in DRAWS]
    named = sum(ASPECT[kind] in read(kind, blame.instructions).concepts for blame in blames)
    chatty = sum(any(sentence in blame.instructions for sentence in GENERIC) for blame in blames)
    assert len(DRAWS) / 2 < named < len(DRAWS)
    assert 0 < chatty < len(DRAWS) / 2
    assert {name for blame in blames for name in blame.reads} == {"plan.0"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_rewrite_is_valid_differs_by_draw_and_keeps_placeholders(kind: Kind) -> None:
    text = f"{INSTRUCTIONS}\nBe more engaging with {{audience}}.\nUse a friendly tone."
    replies = [parsed(Rewritten, answer(rewriting(kind, focused(kind), text), draw)) for draw in DRAWS]
    assert all("audience" in slots(reply.improved_text) for reply in replies)
    assert all("Answer: $VALUE" in reply.improved_text for reply in replies)
    assert len({reply.improved_text for reply in replies}) > len(DRAWS) / 2


@pytest.mark.parametrize("kind", KINDS)
def test_focused_instructions_make_rewrites_that_say_more_and_stray_less(kind: Kind) -> None:
    def quality(instructions: str) -> tuple[float, float]:
        texts = [parsed(Rewritten, answer(rewriting(kind, instructions), draw)).improved_text for draw in DRAWS]
        readings = [read(kind, text) for text in texts]
        return sum(len(reading.concepts) for reading in readings), sum(reading.stray for reading in readings)

    (plain_concepts, plain_stray), (concepts, stray) = quality(REWRITE_INSTRUCTIONS), quality(focused(kind))
    assert concepts > 1.3 * plain_concepts
    assert stray < 0.5 * plain_stray


def programs(kind: Kind) -> list[Program]:
    """Return the initial program and one that a redesign made of it."""
    first = chain_of_thought("p", INSTRUCTIONS)
    grown = parsed(Redesigned, answer(redesigning(kind, focused(kind), first), 1))
    return [first, checked_program(first, grown.components)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("instructions", ["plain", "focused"])
def test_a_redesign_is_a_valid_program_within_the_limits(kind: Kind, instructions: str) -> None:
    told = STRUCTURE_INSTRUCTIONS if instructions == "plain" else focused(kind)
    made: set[str] = set()
    for program in programs(kind):
        for draw in DRAWS:
            reply = parsed(Redesigned, answer(redesigning(kind, told, program), draw))
            made.add(checked_program(program, reply.components).id)
    assert len(made) > len(DRAWS) / 2


@pytest.mark.parametrize("kind", KINDS)
def test_focused_instructions_make_components_for_the_task_that_see_the_question(kind: Kind) -> None:
    duties = [concept.duty for concept in CONCEPTS[kind] if concept.duty and concept.name not in COMMON]
    first = chain_of_thought("p", INSTRUCTIONS)

    def shares(instructions: str) -> tuple[int, float]:
        """Return how many programs have a component for the task, and the share of calls that miss the question."""
        made = [answer(redesigning(kind, instructions, first), draw) for draw in DRAWS]
        designs = [checked_program(first, parsed(Redesigned, text).components) for text in made]
        callers = [[part for part in design.callers() if isinstance(part, Llm)] for design in designs]
        staged = [any(duty in part.instructions for part in parts for duty in duties) for parts in callers]
        blind = ["question" not in slots(part.template) for parts in callers for part in parts]
        return sum(staged), sum(blind) / len(blind)

    plain, focus = shares(STRUCTURE_INSTRUCTIONS), shares(focused(kind))
    assert focus[0] > 0.8 * len(DRAWS) > 2 * plain[0]
    assert focus[1] < plain[1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("improves", ["prompts", "structure"])
def test_guidance_is_valid_differs_and_some_of_it_misses_the_point(kind: Kind, improves: str) -> None:
    texts = [
        parsed(
            Improved, answer(guiding(kind, REWRITE_INSTRUCTIONS, improves), draw, level="meta")
        ).improved_instructions
        for draw in DRAWS
    ]
    found = [len(set(read(kind, text).concepts) - COMMON) for text in texts]
    assert len(set(texts)) > len(DRAWS) / 2
    assert min(found) == 0
    assert max(found) >= 3
    assert ("component" in " ".join(texts)) == (improves == "structure" or "component" in REWRITE_INSTRUCTIONS)


def test_guidance_follows_the_example() -> None:
    def named(question: str, concept: str) -> int:
        messages = guiding("dyck", REWRITE_INSTRUCTIONS, "prompts", question)
        texts = (parsed(Improved, answer(messages, draw, level="meta")).improved_instructions for draw in DRAWS)
        return sum(concept in read("dyck", text).concepts for text in texts)

    deep, flat = f"{dyck.PREFIX}( [ {{ < ( ) [ ] > }}", f"{dyck.PREFIX}("
    assert named(deep, "order") > named(flat, "order")


def test_guidance_does_not_copy_the_answer() -> None:
    messages = guiding("sorting", REWRITE_INSTRUCTIONS, "prompts")
    solved = word_sorting.solve(QUESTION["sorting"])
    assert not any(solved in answer(messages, draw, level="meta") for draw in DRAWS)


def test_merges_are_valid_but_for_a_few_and_mostly_put_structure_first() -> None:
    references = {optimizer.name: optimizer for optimizer in (tgd(), adas_tg())}
    shapes: set[str] = set()
    invalid = structure_first = chains = 0
    for draw in range(300):
        reply = parsed(Merged, answer(merging(), draw, level="meta"))
        try:
            merged = optimizer_from(reply, references)
        except (ReplyError, InputError):
            invalid += 1
            continue
        shapes.add(merged.schedule.op)
        if merged.schedule.op == "chain":
            chains += 1
            structure_first += merged.stages()[0].kind == "structure"
    assert shapes == {"stage", "chain", "alternate", "on_plateau", "best_of"}
    assert 0 < invalid < 25
    assert 0.6 * chains < structure_first < chains


@pytest.mark.parametrize("level", ["optimizer", "meta"])
def test_requests_that_are_not_covered_are_answered_in_plain_words(level: str) -> None:
    asked = [
        (("system", "You are helpful."), ("human", "Write a poem.")),
        REWRITE.messages(instructions="", role="", text="Solve it.", feedback="It is 42.", past=""),
    ]
    for messages in asked:
        assert "covers only Dyck Languages and Word Sorting" in answer(messages, 0, level=level)


@pytest.mark.parametrize(
    "messages",
    [
        rewriting("dyck", REWRITE_INSTRUCTIONS),
        redesigning("sorting", STRUCTURE_INSTRUCTIONS, chain_of_thought("p", INSTRUCTIONS)),
        guiding("dyck", REWRITE_INSTRUCTIONS, "prompts"),
        merging(),
    ],
)
def test_replies_follow_from_messages_and_draw_alone(messages: tuple[Message, ...]) -> None:
    assert [answer(messages, draw) for draw in range(10)] == [answer(messages, draw) for draw in range(10)]


def test_a_second_try_after_an_error_is_a_new_draw_of_the_same_request() -> None:
    first = rewriting("dyck", "Improve it.")
    again = (*first, ("human", "Your reply could not be used: it was cut off."))
    replies = [parsed(Rewritten, answer(messages, 0)).improved_text for messages in (first, again)]
    assert replies[0] != replies[1]


def test_the_judge_says_what_it_needs() -> None:
    asked = section("PREDICTION", "Answer: ) ]")
    assert "no <TARGET>" in simulated_model("judge").invoke([HumanMessage(asked)]).text
