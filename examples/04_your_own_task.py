"""Lesson 4: a task of your own is a TOML file beside its data; here one is written first, then optimized.

The simulated models know two kinds of question, so this one asks for sorted words; a real model takes any.
"""

import json
from pathlib import Path

import metatextgrad as mtg
from metatextgrad.tasks.word_sorting import generate

folder = Path("my_task")
folder.mkdir(exist_ok=True)
rows = [{"question": example.input, "answer": example.target} for example in generate(7, 60)]
for name, part in {"train": rows[:20], "val": rows[20:40], "test": rows[40:]}.items():
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part), encoding="utf-8")

(folder / "my_metric.py").write_text(
    '''
def share_in_place(prediction, example):
    """Score the share of words that stand in their place, and say which one is the first that does not."""
    said = prediction.rpartition("Answer:")[2].split()
    right = example.target.split()
    wrong = [word for place, word in enumerate(right) if said[place : place + 1] != [word]]
    return 1 - len(wrong) / len(right), f"{wrong[0]!r} is not in its place." if wrong else ""
''',
    encoding="utf-8",
)
(folder / "task.toml").write_text(
    """
name = "my-words"
question_type = "sorting words alphabetically"
metric = "my_metric:share_in_place"
instructions = "Sort the words. End with a line 'Answer: ' and the words."

[data]
train = "train.jsonl"
val = "val.jsonl"
test = "test.jsonl"
""",
    encoding="utf-8",
)

result = mtg.optimize(str(folder / "task.toml"), optimizer="tgd", settings=mtg.Context(steps=3))
for row in result.findings.rows:
    print(f"{row.name:10} validation {row.val.score:.2f}")
