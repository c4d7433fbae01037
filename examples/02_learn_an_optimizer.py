"""Lesson 2: metaTextGrad. Learn the optimizer that fits a task from two general ones, and save it."""

import metatextgrad as mtg

result = mtg.meta_optimize(
    "bbh/dyck_languages",
    optimizers=["tgd", "adas-tg"],  # rewrites prompts; rewrites the structure of the program
    settings=mtg.Context(steps=2, meta_prompt_steps=1, meta_structure_steps=1),
)

for row in result.findings.rows:
    print(f"{row.name:20} validation {row.val.score:.2f}")
print(f"\nLearned: {result.optimizer.name}. {result.optimizer.purpose}")
for stage in result.optimizer.stages():
    print(f"\n[{stage.label}]\n{stage.instructions}")
mtg.write_json(result.optimizer, "learned.json")
