"""Lesson 1: improve a program with one optimizer, the inner loop alone.

Runs on simulated models, without a key. On real ones, give provider:model names to Context.
"""

import metatextgrad as mtg

result = mtg.optimize(
    "bbh/word_sorting",
    optimizer="tgd",  # textual gradient descent
    settings=mtg.Context(steps=2),
)

for row in result.findings.rows:
    low, high = row.val.interval
    print(f"{row.name:10} validation {row.val.score:.2f} [{low:.2f}, {high:.2f}]")
for name, component in result.program.trainable().items():
    print(f"\n{name}:\n{component.instructions}")
print("\nSIMULATED: these scores say nothing about real models." if result.simulated else "")
