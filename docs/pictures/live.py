"""Take the picture of a real run that the front page shows: the live display while it merges, then the result.

    python docs/pictures/live.py

writes live.svg beside this file. The models are simulated, and the picture says so.
"""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

import metatextgrad as mtg
from metatextgrad.cli.result import mark, score_table
from metatextgrad.display import Heading, Screen
from metatextgrad.execution import Stop
from metatextgrad.runtime.events import Event

TASK = "bbh/word_sorting"
WIDTH, HEIGHT = 96, 30


def main() -> None:
    """Carry out the run and write its picture."""
    console = Console(record=True, width=WIDTH, height=HEIGHT, force_terminal=True, color_system="truecolor")
    stop = Stop()
    screen = Screen(console, Heading("metaTextGrad  bbh/word_sorting", stop))
    console.print("[green]$[/] metatextgrad run bbh/word_sorting")
    taken = False

    def watch(event: Event) -> None:
        nonlocal taken
        screen.see(event)
        if not taken and (event.path, event.step, event.done) == ("merge/2", 4, 60):
            taken = True
            console.print(screen)

    with TemporaryDirectory() as workspace:
        result = mtg.meta_optimize(TASK, workspace=workspace, run="words", on_event=watch, stop=stop)
    mark(console, result.simulated)
    console.print(score_table([result.findings]))
    target = Path(__file__).with_name("live.svg")
    drawn = console.export_svg(title="metaTextGrad on simulated models")
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)  # fonts that it would fetch
    target.write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
