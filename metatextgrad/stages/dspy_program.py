"""A program of ours as a DSPy module, so that DSPy's own optimizers can choose its instructions and demonstrations.

Every component whose instructions may change is a predictor. What runs is our program, through the run's ledger; DSPy
sees only the trace of it. The optimizer's model is asked through an adapter that writes DSPy's requests as this project
writes its own: the stage's instructions in front, tagged sections, and one JSON object as the reply.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from pydantic import BaseModel, create_model

from metatextgrad.core.errors import ReplyError
from metatextgrad.core.program import Demonstration, Llm, Program
from metatextgrad.core.task import Example
from metatextgrad.core.template import render
from metatextgrad.runtime.evaluation import Attempt
from metatextgrad.runtime.ledger import Message
from metatextgrad.runtime.prompts import section
from metatextgrad.runtime.structured import ask_for
from metatextgrad.stages.bridge import Bridge
from metatextgrad.stages.quiet import Undo, changed, muted, silent_optuna
from metatextgrad.stages.reflection import said_of
from metatextgrad.stages.structure import written
from metatextgrad.stages.textual_gradient import accepted_text

PRESENT, NEW = "basic_instruction", "proposed_instruction"
"""DSPy's names for the instructions that a proposal replaces, and for the proposal."""
_FIELDS = "Reply with one JSON object with the key{many} {keys}: text each."


@contextmanager
def dspy_ready(bridge: Bridge) -> Iterator[Any]:
    """Give DSPy with settings of this thread alone, silent, and put back what its optimizers change for everyone."""
    dspy: Any = import_module("dspy")
    # DSPy wants a model, which is never called: the adapter asks in its place.
    settings = {"lm": dspy.BaseLM(model="optimizer"), "adapter": _adapter(dspy, bridge)}
    with ExitStack() as held:
        held.enter_context(changed("DSPy's log", _silent_log))
        if find_spec("optuna"):
            held.enter_context(changed("optuna's log", silent_optuna(import_module("optuna"))))
        held.enter_context(muted())
        held.enter_context(dspy.context(**settings))
        yield dspy


def _silent_log() -> Undo:
    stream: Any = import_module("dspy.utils.logging_utils").DSPY_LOGGING_STREAM
    before, stream.enabled = stream.enabled, False

    def undo() -> None:
        stream.enabled = before

    return undo


def as_module(dspy: Any, bridge: Bridge) -> Any:
    """Return the current program as a module."""

    class OurProgram(dspy.Module):  # type: ignore[misc]  # DSPy has no types
        """Runs the program with the instructions and demonstrations that its predictors have."""

        def __init__(self, program: Program) -> None:
            super().__init__()
            self.bridge, self.program = bridge, program
            # A dictionary, because names of components can be those of DSPy's own attributes.
            self.calls = {
                name: _predictor(dspy, part.name, part.instructions) for name, part in program.trainable().items()
            }
            self.before = {name: call.signature.instructions for name, call in self.calls.items()}

        def forward(self, example: str) -> Any:
            """Run one example, named by its set and place."""
            attempt = self.bridge.attempts(self.chosen(), (_found(self.bridge, example),))[0]
            if dspy.settings.trace is not None:
                dspy.settings.trace.extend(_traced(dspy, attempt, self.calls))
            score = attempt.result.score or 0.0  # DSPy knows no answer without a score
            return dspy.Prediction(answer=attempt.result.prediction, score=score, feedback=said_of(attempt))

        def chosen(self) -> Program:
            """Return the program with what DSPy has put into the predictors."""
            texts = {
                name: call.signature.instructions
                for name, call in self.calls.items()
                if call.signature.instructions != self.before[name]
            }
            shown = {
                name: tuple(_demonstration(part, demo) for demo in self.calls[name].demos)
                for name, part in self.program.trainable().items()
                if isinstance(part, Llm)
            }
            return self.program.with_instructions(texts).with_demonstrations(shown)

    module = OurProgram(bridge.given.program)
    for name, part in bridge.given.program.trainable().items():
        if isinstance(part, Llm):
            shown = [_fields(name, demo.input, demo.output) for demo in part.demonstrations]
            module.calls[name].demos = [dspy.Example(augmented=True, **item) for item in shown]
    return module


def result_of(bridge: Bridge, module: Any) -> Program:
    """Return the program that an optimizer of DSPy has made.

    Raises:
        ReplyError: instructions are empty, too long, or have lost a placeholder.
    """
    chosen: Program = module.chosen()
    before = bridge.given.program.trainable()
    texts = {
        name: accepted_text(before[name].instructions, part.instructions)
        for name, part in chosen.trainable().items()
        if part.instructions != before[name].instructions
    }
    return chosen.with_instructions(texts)


def as_examples(
    dspy: Any, split: str, examples: Sequence[Example], whole: Sequence[Example], program: Program
) -> list[Any]:
    """Return examples for DSPy; those of a program's only call can be shown to it with their answers."""
    made = []
    for example in examples:
        fields = {name: example.values().get(name, "") for name in program.inputs}
        named = f"{split} {whole.index(example)}"
        made.append(dspy.Example(example=named, **fields, answer=example.target).with_inputs("example"))
    return made


def threads(bridge: Bridge) -> int:
    """Return how many threads DSPy may use; they only wait."""
    return min(16, bridge.given.resources.context.concurrency)


def _found(bridge: Bridge, name: str) -> Example:
    split, _, place = name.partition(" ")
    return bridge.given.resources.task.split("train" if split == "train" else "val")[int(place)]


def _traced(dspy: Any, attempt: Attempt, calls: Mapping[str, Any]) -> Iterator[tuple[Any, dict[str, str], Any]]:
    """Return what DSPy takes for the calls of a run: the predictor, what it read and what it wrote."""
    for call in attempt.execution.invocations if attempt.execution else ():
        for name in (text.name for text in call.texts if text.name in calls):
            read, wrote = _names(name)
            yield calls[name], {read: call.messages[-1][1]}, dspy.Prediction(**{wrote: call.output})


def _names(name: str) -> tuple[str, str]:
    """Return the fields of a predictor, no other's: DSPy tells predictors in a trace apart by their signatures."""
    plain = name.replace(".", "__")
    return f"{plain}_input", f"{plain}_output"


def _fields(name: str, read: str, wrote: str) -> dict[str, str]:
    return dict(zip(_names(name), (read, wrote), strict=True))


def _predictor(dspy: Any, name: str, instructions: str) -> Any:
    return dspy.Predict(dspy.Signature(" -> ".join(_names(name)), instructions))


def _demonstration(part: Llm, demo: Any) -> Demonstration:
    """Return what DSPy shows, from a run or from the training set."""
    read, wrote = _names(part.name)
    if wrote in demo:
        return Demonstration(input=demo[read], output=demo[wrote])
    values = {name: str(demo.get(name, "")) for name in part.reads()}
    return Demonstration(input=render(part.template, values), output=f"Answer: {demo['answer']}")


def _adapter(dspy: Any, bridge: Bridge) -> Any:
    class Sections(dspy.Adapter):  # type: ignore[misc]  # DSPy has no types
        """Asks the optimizer's model through the ledger."""

        def __call__(
            self, lm: Any, lm_kwargs: dict[str, Any], signature: Any, demos: list[Any], inputs: dict[str, Any]
        ) -> list[dict[str, str]]:
            """Return the values of the fields that DSPy wants."""
            options = {**lm.kwargs, **lm_kwargs}
            return [_asked(bridge, signature, inputs, options)]

    return Sections()


def _asked(bridge: Bridge, signature: Any, inputs: dict[str, Any], options: dict[str, Any]) -> dict[str, str]:
    given, wanted = bridge.given, list(signature.output_fields)
    fields: dict[str, Any] = dict.fromkeys(wanted, (str, ...))
    form: type[BaseModel] = create_model("Answered", **fields)
    present = str(inputs.get(PRESENT, ""))

    def used(reply: BaseModel) -> dict[str, str]:
        values: dict[str, str] = reply.model_dump()
        return values | ({NEW: accepted_text(present, values[NEW])} if NEW in values else {})

    messages = _messages(given.stage.instructions, signature, inputs, written(given.program))
    sample = options.get("rollout_id") or given.step
    temperature = options.get("temperature")
    ledger = given.resources.ledger
    try:
        return bridge.wait(lambda: ask_for(form, used, ledger, "optimizer", messages, temperature, sample))
    except ReplyError:
        # The search can do without: a proposal that cannot be used leaves the instructions as they are.
        return {name: present if name == NEW else "" for name in wanted}


def _messages(instructions: str, signature: Any, inputs: dict[str, Any], program: str) -> tuple[Message, ...]:
    fields = {**signature.input_fields, **signature.output_fields}
    meanings = "\n".join(f"{name}: {_meaning(field)}" for name, field in fields.items())
    keys = ", ".join(f'"{name}"' for name in signature.output_fields)
    asked = _FIELDS.format(many="s" if len(signature.output_fields) > 1 else "", keys=keys)
    shown = {name: value for name, value in inputs.items() if name in signature.input_fields}
    if "program_code" in shown:  # DSPy would show the source of `OurProgram`, which says nothing about the program
        shown["program_code"] = program
    system = f"{instructions}\n\n{signature.instructions}\n\n{meanings}\n\n{asked}"
    return ("system", system), ("human", "\n".join(section(name.upper(), str(value)) for name, value in shown.items()))


def _meaning(field: Any) -> str:
    return str((field.json_schema_extra or {}).get("desc", ""))
