"""Lesson 12: a classifier with a metric of your own: mistakes do not all cost the same, and feedback says why."""

from typing import Any

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

import metatextgrad as mtg
from metatextgrad.runtime.simulated.lessons import lesson_models

WORDS = {"fire": "urgent", "smoke": "urgent", "leak": "urgent", "price": "sales", "offer": "sales", "noise": "repair"}
MAILS = ["There is smoke", "A better offer", "A leak in the hall", "What price", "Noise at night", "Fire in the bin"]
MAILS += ["Send an offer", "Smoke again", "Price of two", "The leak", "A strange noise", "It is on fire"]


def build(texts: dict[str, str], model: Any) -> Any:
    prompt = ChatPromptTemplate.from_messages([("system", "{rules}\n{shots}"), ("human", "{question}")])
    return prompt.partial(rules=texts["rules"], shots=texts["shots"]) | model | StrOutputParser()


def think(messages: Any, tools: Any) -> str:
    """Stand in for a model that knows a queue when its prompt ties the word to it. SIMULATED."""
    told, asked = messages[0].text.lower(), messages[1].text.lower()
    known = [queue for word, queue in WORDS.items() if word in asked and f"{word} is {queue}" in told]
    return known[0] if known else "repair"


def metric(prediction: str, example: mtg.Example) -> mtg.Score:
    """Score 1 for the right queue, 0 for an urgent mail that would wait, and half for the rest."""
    if prediction == example.target:
        return mtg.Score(value=1.0)
    word = next(word for word in WORDS if word in example.input.lower())
    worst = example.target == "urgent"
    return mtg.Score(value=0.0 if worst else 0.5, feedback=f"The rules must say that {word} is {example.target}.")


mails = tuple(
    mtg.Example(id=mail, input=mail, target=next(queue for word, queue in WORDS.items() if word in mail.lower()))
    for mail in MAILS
)
classifier = mtg.Program.from_runnable(
    build,
    {
        "rules": mtg.Variable(text="Name the queue: urgent, sales or repair.", role="the rules of the queues"),
        "shots": mtg.Variable(text="Mail: Noise next door. Queue: repair", role="worked examples", trainable=False),
    },
    calls=1,
)
task = mtg.Task("mails", "mails to queues", classifier, mails[:5], mails[5:9], mails[9:], metric, "cost-of-waiting")

result = mtg.optimize(task, models=lesson_models(think), settings=mtg.Context(steps=4, batch_size=4))
for row in result.findings.rows:
    print(f"{row.name:10} validation {row.val.score:.2f}  (SIMULATED)")
print(mtg.texts_of(result.program)["agent.rules"])
