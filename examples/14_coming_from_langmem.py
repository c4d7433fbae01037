"""Lesson 14: coming from langmem. The same trajectories, the same prompt; then the part that langmem leaves out.

There:  optimizer = create_prompt_optimizer("anthropic:...", kind="gradient")
        new = await optimizer.ainvoke({"trajectories": [(messages, feedback)], "prompt": prompt})
"""

from typing import Any

import metatextgrad as mtg
from metatextgrad.runtime.simulated.lessons import lesson_models

PROMPT = "You are a helpful assistant for {product}."


def think(messages: Any, tools: Any) -> str:
    """Stand in for the assistant: it greets, and keeps to one sentence when told to. SIMULATED."""
    said = "Press the red button."
    return said if "one sentence" in messages[0].text else f"Hello! Great question. {said} Anything else?"


models = lesson_models(think)  # with real models: settings=mtg.Context(optimizer_model="anthropic:...")
trajectories = [
    (
        [("human", "How do I turn it off?"), ("ai", "Hello! Great question. Press the red button. Anything else?")],
        {"score": 0.2, "comment": "Reply in one sentence, without a greeting."},
    ),
    ([("human", "Thanks"), ("ai", "You are welcome.")], {"score": 1.0}),
]
rewrite = mtg.optimize_prompt(PROMPT, trajectories, models=models)
print(rewrite.prompt)
print("validated:", rewrite.validated)  # never: like langmem, this is one rewrite, and nobody knows yet if it is better


def metric(prediction: str, example: mtg.Example) -> tuple[float, str]:
    short = prediction.count(".") == 1 and "!" not in prediction
    return float(short and example.target in prediction), "" if short else "Reply in one sentence, without a greeting."


questions = ("How do I turn it off?", "It will not stop.", "Where is off?", "Off?", "Stop it.", "How to stop?")
examples = tuple(mtg.Example(id=str(n), input=asked, target="red button") for n, asked in enumerate(questions))
start = mtg.Program.from_runnable(
    lambda texts, model: (lambda question: [("system", texts["prompt"]), ("human", question)]) | model,
    {"prompt": PROMPT},
    takes="text",
)
task = mtg.Task("assistant", "questions on a device", start, examples[:2], examples[2:4], examples[4:], metric)
result = mtg.optimize(task, models=models, settings=mtg.Context(steps=2))
for row in result.findings.rows:
    print(f"{row.name:10} validation {row.val.score:.2f}, test {row.test.score if row.test else 0:.2f}  (SIMULATED)")
