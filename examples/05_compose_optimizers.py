"""Lesson 5: build an optimizer from parts, in the manner of optax.

Structure comes first: a new structure discards the prompts that were tuned for the old one.
"""

import metatextgrad as mtg

structure = mtg.stage("structure", instructions="Write a better program. Check the draft answer in a call of its own.")
prompts = mtg.stage("textual_gradient", history=2)

mine = mtg.Optimizer(
    name="structure-then-prompts",
    purpose="Finds a structure in two steps, then tunes its prompts until two steps bring nothing.",
    schedule=mtg.chain(mtg.repeat(structure, 2), mtg.on_plateau(prompts, structure, patience=2)),
)
result = mtg.optimize("bbh/word_sorting", optimizer=mine, settings=mtg.Context(steps=4))
for row in result.findings.rows:
    print(f"{row.name:25} validation {row.val.score:.2f}")
print("components:", ", ".join(part.name for part in result.program.components))
