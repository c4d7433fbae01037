"""Lesson 15: coming from TextGrad. Variables, losses and steps become a program, a metric and an optimizer.

There:  prompt = tg.Variable("...", requires_grad=True, role_description="system prompt")
        model, optimizer = tg.BlackboxLLM(engine, prompt), tg.TGD(parameters=[prompt])
        for question, gold in train:          # the loop, validation and going back are yours to write
            optimizer.zero_grad(); loss = tg.TextLoss(...)(model(question)); loss.backward(); optimizer.step()
"""

import re
from typing import Any

import metatextgrad as mtg
from metatextgrad.core.program import Llm
from metatextgrad.runtime.simulated.lessons import lesson_models


def think(messages: Any, tools: Any) -> str:
    """Stand in for a model of two calls: one takes the numbers out, the other adds them. SIMULATED."""
    told, asked = messages[0].text, messages[1].text
    numbers = re.findall(r"\d+", asked)
    if told.startswith("List"):
        return " ".join(numbers if "every number" in told else numbers[:1])
    return f"Answer: {sum(map(int, numbers))}"


def loss(prediction: str, example: mtg.Example) -> tuple[float, str]:
    """Play the part of TextLoss: the score is what is kept, the words are what flows back."""
    right = prediction == f"Answer: {example.target}"
    return float(right), "" if right else "List every number, not just the first."


# A Variable with requires_grad is the instructions of a component; requires_grad=False is trainable=False.
program = mtg.Program(
    name="adder",
    components=(
        Llm(name="numbers", role="takes out the numbers", instructions="List numbers."),
        Llm(name="sum", role="adds", instructions="Add them.", template="{numbers}", trainable=False),
    ),
)
data = tuple(mtg.Example(id=str(n), input=f"{n} apples and {n + 3} pears", target=str(2 * n + 3)) for n in range(1, 10))
task = mtg.Task("adding", "sums in sentences", program, data[:3], data[3:6], data[6:], loss)

# backward() and step() are the optimizer's; validation, and going back to what was better, come with it.
tgd = mtg.Optimizer(
    name="tgd",
    purpose="Textual gradient descent with momentum.",
    schedule=mtg.stage("textual_gradient", history=2),  # tg.TextualGradientDescentwithMomentum
)
settings = mtg.Context(steps=3, batch_size=3)  # set_backward_engine("gpt-4o") is optimizer_model="openai:gpt-4o"
result = mtg.optimize(task, optimizer=tgd, models=lesson_models(think), settings=settings)
for row in result.findings.rows:
    print(f"{row.name:10} validation {row.val.score:.2f}  (SIMULATED)")
print(mtg.texts_of(result.program))
adder = mtg.as_runnable(result.program, lesson_models(think).chat["program"])
print(adder.invoke("8 apples and 11 pears"))
