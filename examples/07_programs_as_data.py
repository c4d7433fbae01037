"""Lesson 7: programs are data. Score the two programs of the shapes that the paper found, and draw one."""

from pathlib import Path

import metatextgrad as mtg
from metatextgrad.graphs.program import build_program

here = Path(__file__).parent / "programs"
for task, file in {"bbh/dyck_languages": "dyck_pipeline", "bbh/word_sorting": "word_sorting_planner"}.items():
    before = mtg.evaluate(task, split="val")
    after = mtg.evaluate(task, split="val", program=here / f"{file}.json")
    print(f"{task}: chain of thought {before.score:.2f}, {file} {after.score:.2f}")

program = mtg.read_program(here / "word_sorting_planner.json")
print(build_program(program).compile().get_graph(xray=True).draw_mermaid())
