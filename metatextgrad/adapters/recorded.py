"""Runs on record, in the forms in which people have them: messages with a comment, or runs that LangSmith exported."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, convert_to_messages

from metatextgrad.core.errors import InputError
from metatextgrad.runtime.chat import plain
from metatextgrad.runtime.prompts import section
from metatextgrad.runtime.trace import spoken


@dataclass(frozen=True)
class Recorded:
    """One run, and what was said about it."""

    input: str
    output: str
    trace: str
    score: float | None = None
    comment: str = ""

    @property
    def criticism(self) -> str:
        """Return what a gradient starts from; nothing for a run that nobody criticised."""
        wrong = self.score is not None and self.score < 1
        return self.comment or (f"The score is {self.score:g}, where 1 is right." if wrong else "")


def recorded(given: object) -> Recorded:
    """Read one run.

    It is a pair of messages and feedback, as langmem takes it; a dictionary with `messages` and `score`, `comment` or
    `feedback`; a run as LangSmith exports it, with `inputs`, `outputs`, `child_runs` and `feedback`; or bare messages.

    Raises:
        InputError: it is none of these.
    """
    if hasattr(given, "inputs") and hasattr(given, "outputs"):
        given = {name: _field(given, name) for name in _RUN}
    try:
        if isinstance(given, Mapping) and "inputs" in given:
            return _of_run(given)
        if isinstance(given, Mapping) and "messages" in given:
            return _of_messages(given["messages"], given.get("feedback", given))
        if isinstance(given, Sequence) and len(given) == 2 and _is_feedback(given[1]):
            return _of_messages(given[0], given[1])
        if isinstance(given, Sequence) and not isinstance(given, str):
            return _of_messages(given, None)
    except (ValueError, NotImplementedError, TypeError) as error:
        raise InputError(f"A trajectory cannot be read: {error}") from error
    raise InputError(
        f"A trajectory is a {type(given).__name__}; expected messages, (messages, feedback), a dictionary with "
        "'messages', or a run of LangSmith with 'inputs' and 'outputs'."
    )


_RUN = ("inputs", "outputs", "error", "feedback", "feedback_stats", "child_runs", "name", "run_type")


def nested(given: Sequence[object]) -> list[object]:
    """Put the runs of a flat export, as LangSmith lists them, under those that made them; oldest first in each.

    A run that somebody commented on stands for itself as well.
    """
    known = {str(_field(run, "id")) for run in given if _field(run, "id")}
    made: dict[str, list[object]] = {}
    for run in given:
        made.setdefault(str(_field(run, "parent_run_id")), []).append(run)

    def grown(run: object) -> object:
        below = sorted(made.get(str(_field(run, "id") or "none"), ()), key=_begun)
        if not below:
            return run
        fields = {name: _field(run, name) for name in _RUN}
        return {**fields, "child_runs": [*(fields["child_runs"] or ()), *map(grown, below)]}

    def stands_for_itself(run: object) -> bool:
        commented = _field(run, "feedback") or _field(run, "feedback_stats")
        return bool(commented) or str(_field(run, "parent_run_id")) not in known

    return [grown(run) for run in given if stands_for_itself(run)]


def _field(run: object, name: str) -> Any:
    return run.get(name) if isinstance(run, Mapping) else getattr(run, name, None)


def _begun(run: object) -> str:
    return str(_field(run, "dotted_order") or _field(run, "start_time") or "")


def _is_feedback(value: object) -> bool:
    """Tell feedback, one piece or several, from a second message: that has content, or a role."""
    match value:
        case None | str() | float() | int():
            return True
        case Mapping():
            return not {"content", "role", "type"} & set(value)
        case [Mapping(), *_]:
            return all(isinstance(item, Mapping) and _is_feedback(item) for item in value)
        case _:
            return False


def _of_messages(given: Any, feedback: object) -> Recorded:
    messages = convert_to_messages(given)
    score, comment = _said(feedback)
    return Recorded(
        input=next((message.text for message in messages if isinstance(message, HumanMessage)), ""),
        output=next((message.text for message in reversed(messages) if isinstance(message, AIMessage)), ""),
        trace="\n".join(spoken(message) for message in messages),
        score=score,
        comment=comment,
    )


def _of_run(run: Mapping[str, Any]) -> Recorded:
    feedback = run.get("feedback") or run.get("feedback_stats")
    score, comment = _said(feedback)
    failed = f"It failed: {run['error']}" if run.get("error") else ""
    return Recorded(
        input=_shown(run["inputs"]),
        output=failed or _shown(run.get("outputs")),
        trace="\n".join(_steps(run.get("child_runs") or ())),
        score=0.0 if failed and score is None else score,
        comment=comment or failed,
    )


def _steps(runs: Iterable[Any]) -> Iterable[str]:
    """Write down the calls inside a run; runs that only hold others are left out."""
    for child in runs:
        run = child if isinstance(child, Mapping) else {name: _field(child, name) for name in _RUN}
        if run.get("run_type") in ("llm", "tool", "retriever"):
            ended = run.get("error") or _shown(run.get("outputs"))
            yield section(
                str(run["run_type"]).upper(), f"{_shown(run.get('inputs'))}\n-> {ended}", name=str(run.get("name"))
            )
        yield from _steps(run.get("child_runs") or ())


def _shown(value: Any) -> str:
    """Write what a run was given or gave: its messages, its only value, or JSON."""
    if isinstance(value, Mapping) and isinstance(value.get("messages"), list):
        found = value["messages"]
        nested = found[0] if found and isinstance(found[0], list) else found
        return "\n".join(spoken(message) for message in convert_to_messages([_bare(item) for item in nested]))
    if isinstance(value, Mapping) and len(value) == 1:
        return _shown(next(iter(value.values())))
    if isinstance(value, BaseMessage):
        return value.text
    return value if isinstance(value, str) else "" if value is None else json.dumps(plain(value), ensure_ascii=False)


def _bare(message: Any) -> Any:
    """Return a message as `convert_to_messages` takes it, out of the form in which LangChain serializes it."""
    if not isinstance(message, Mapping):
        return message
    fields = message.get("kwargs") or message.get("data")
    if not isinstance(fields, Mapping):
        return message
    kind = fields.get("type") or message.get("type")
    return {**{key: item for key, item in fields.items() if key in _FIELDS}, "role": kind}


_FIELDS = ("content", "tool_calls", "tool_call_id", "name")


def _said(feedback: object) -> tuple[float | None, str]:
    """Return score and comment; of several pieces of feedback the mean score and all comments."""
    match feedback:
        case None:
            return None, ""
        case str():
            return None, feedback
        case bool() | int() | float():
            return float(feedback), ""
        case Mapping() if {"score", "comment", "value", "avg"} & set(feedback):
            score = feedback.get("score", feedback.get("avg"))
            return (None if score is None else float(score)), str(
                feedback.get("comment") or feedback.get("value") or ""
            )
        case Mapping():
            return _mean([(str(key), _said(item)) for key, item in feedback.items() if key != "messages"])
        case Sequence():
            return _mean([(str(_key(item)), _said(item)) for item in feedback])
        case _:
            return _said({"score": getattr(feedback, "score", None), "comment": getattr(feedback, "comment", None)})


def _key(feedback: Any) -> Any:
    return feedback.get("key", "") if isinstance(feedback, Mapping) else getattr(feedback, "key", "")


def _mean(pieces: Sequence[tuple[str, tuple[float | None, str]]]) -> tuple[float | None, str]:
    scores = [score for _, (score, _) in pieces if score is not None]
    comments = [f"{key}: {comment}" if key else comment for key, (_, comment) in pieces if comment]
    return (sum(scores) / len(scores) if scores else None), " ".join(comments)
