"""Lesson 3: a learned optimizer is a file. Apply it to another task, or to another model, by naming the file."""

import metatextgrad as mtg

few = mtg.Context(steps=2, meta_prompt_steps=1, meta_structure_steps=0)
learned = mtg.meta_optimize("bbh/dyck_languages", optimizers=["tgd"], settings=few)
mtg.write_json(learned.optimizer, "learned.json")

there = mtg.optimize("bbh/word_sorting", optimizer="learned.json", settings=mtg.Context(steps=2))
plain = mtg.optimize("bbh/word_sorting", optimizer="tgd", settings=mtg.Context(steps=2))
print(f"word sorting with the optimizer learned on Dyck: {there.score:.2f}; with plain TGD: {plain.score:.2f}")
