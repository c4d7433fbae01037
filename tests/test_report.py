"""The report: what it says, and that the same run always says the same."""

import asyncio
import importlib.util
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import metatextgrad as mtg
from metatextgrad.cli import main
from metatextgrad.core.components import Llm, Map, Vote
from metatextgrad.core.errors import BudgetReachedError
from metatextgrad.core.estimate import Range
from metatextgrad.core.program import Program
from metatextgrad.core.report import Tally
from metatextgrad.core.trial import Evaluation, ExampleResult
from metatextgrad.report.comparing import set_side_by_side
from metatextgrad.report.differences import differences, marked, program_changes
from metatextgrad.report.drawing import draw_program, names_in
from metatextgrad.report.examples import Room, example_data, in_script
from metatextgrad.report.material import Material, gather
from metatextgrad.report.page import run_page
from metatextgrad.report.payback import payback
from metatextgrad.report.spending import rough
from metatextgrad.report.story import tell
from metatextgrad.report.verdicts import side_by_side, steadiness
from metatextgrad.runtime.meter import Usage
from metatextgrad.runtime.record import Record
from metatextgrad.wording import NOTICE
from tests.command_line import described, printed, settle

SETTINGS = mtg.Context(steps=2, meta_prompt_steps=1, meta_structure_steps=1)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Hold a learned optimizer, two optimized programs on two tasks, and a run that a cap has stopped."""
    place = str(tmp_path_factory.mktemp("reports") / "workspace")
    mtg.meta_optimize("bbh/dyck_languages", settings=SETTINGS, workspace=place, run="learned")
    mtg.optimize("bbh/dyck_languages", settings=SETTINGS, workspace=place, run="plain")
    mtg.optimize("bbh/word_sorting", settings=SETTINGS, workspace=place, run="other-data")
    capped = SETTINGS.model_copy(update={"max_calls": 700, "seed": 5})
    with pytest.raises(BudgetReachedError):
        mtg.meta_optimize("bbh/dyck_languages", settings=capped, workspace=place, run="stopped")
    return place


def _material(workspace: str, run: str) -> Material:
    return asyncio.run(gather(workspace, run))


def _page(workspace: str, run: str) -> str:
    material = _material(workspace, run)
    return run_page(tell(material), material)


@given(st.text("ab \n.", max_size=30), st.text("ab \n.", max_size=30))
def test_differences_hold_both_texts(before: str, after: str) -> None:
    spans = differences(before, after)
    assert "".join(text for kind, text in spans if kind != "added") == before
    assert "".join(text for kind, text in spans if kind != "removed") == after
    assert "".join(text for kind, text in marked(spans) if kind != "removed") == after


def test_differences_are_of_words_and_not_of_letters() -> None:
    assert differences("Sort the words.", "Sort the letters.") == (
        ("same", "Sort the "),
        ("removed", "words"),
        ("added", "letters"),
        ("same", "."),
    )


def test_a_long_text_is_compared_by_lines() -> None:
    before = "".join(f"word {number}\n" for number in range(3_000))
    assert [kind for kind, _ in differences(before, f"{before}one more\n")] == ["same", "added"]


def test_components_that_come_and_go_are_named() -> None:
    old, new = (Program(name="p", components=(Llm(name=name, instructions="Do it."),)) for name in ("first", "second"))
    assert [(change.label, change.what) for change in program_changes(old, new)] == [
        ("second", "new"),
        ("first", "removed"),
    ]


def test_drawing_has_every_component_and_marks_new_ones() -> None:
    old = Program(
        name="p", components=(Llm(name="draft", instructions="<b>", samples=3), Vote(name="pick", over="draft"))
    )
    body = (Llm(name="check", instructions="Check it.", template="{item}"),)
    new = old.model_copy(update={"components": (*old.components, Map(name="checks", over="draft", body=body))})
    drawn = draw_program(new, names_in(old))
    assert all(f">{name}</text>" in drawn for name in ("draft", "pick", "checks", "check"))
    assert drawn.count("fresh") == 2  # the map, and what is in it
    assert "&lt;b&gt;" in drawn and "<b>" not in drawn


def test_json_cannot_end_its_script_element() -> None:
    text = "</script><!--<script>&\u2028"
    written = in_script({"text": text})
    assert not set("<>&\u2028") & set(written)
    assert json.loads(written) == {"text": text}


def test_a_page_takes_examples_while_there_is_room() -> None:
    room, one, other = Room(110), _evaluation("a" * 60), _evaluation("b" * 60)
    assert [room.takes(one), room.takes(other), room.takes(one)] == [True, False, True]  # texts that are there are free
    assert example_data({"e": one}, {})["texts"] == ["a" * 60, "f"]


def _evaluation(prediction: str, scores: tuple[float | None, ...] = (1.0,)) -> Evaluation:
    results = tuple(
        ExampleResult(example=f"x{place}", prediction=prediction, score=score, feedback="f")
        for place, score in enumerate(scores)
    )
    return Evaluation(program="p", split="test", results=results)


def test_verdicts_say_what_chance_explains() -> None:
    wrong, right = _evaluation("", (0.0,) * 12), _evaluation("", (1.0,) * 12)
    half = _evaluation("", (1.0, 1.0, *(0.0,) * 10))
    assert side_by_side("old", wrong, "new", right).answer.startswith("Yes: 100.0 points higher")
    assert side_by_side("old", right, "new", wrong).answer.startswith("No, it is worse: 100.0 points lower")
    assert side_by_side("old", wrong, "new", half).answer.startswith("Not shown: it is 16.7 points higher")
    assert side_by_side("old", wrong, "new", wrong).answer == "They score the same."
    partial = side_by_side("old", wrong, "new", _evaluation("", (0.5,) * 12))
    assert "McNemar" not in "".join(partial.detail)


def test_the_same_run_gives_the_same_page(workspace: str) -> None:
    assert _page(workspace, "learned") == _page(workspace, "learned")


def test_page_is_small_and_names_nothing_outside(workspace: str) -> None:
    page = _page(workspace, "learned")
    assert len(page.encode()) < 2_000_000
    assert re.findall(r'(?:src|href)="(?!#|data:,)', page) == []
    assert "url(" not in page.replace("url(#arrow)", "")


def test_every_figure_of_a_simulated_run_is_marked(workspace: str) -> None:
    page = _page(workspace, "learned")
    assert page.count("<figure") == page.count('<span class="simulated">') > 5
    assert NOTICE in page
    real = _material(workspace, "learned")
    record = real.stored.record.model_copy(update={"simulated": False})
    real = replace(real, stored=replace(real.stored, record=record))
    assert "simulated models" not in run_page(tell(real), real)


def test_a_story_has_every_candidate_and_what_became_of_it(workspace: str) -> None:
    story = tell(_material(workspace, "learned"))
    assert [loop.title for loop in story.loops] == ["TGD", "ADAS-TG", "merge"]
    inner = [turn.inner for loop in story.loops for turn in loop.turns]
    assert all(loop and [turn.step for turn in loop.turns] == [0, 1, 2] for loop in inner)
    tries = [item for loop in inner if loop for turn in loop.turns for item in turn.tries]
    assert {item.status for item in tries} >= {"accepted", "rejected"}
    assert all(item.evaluation and item.tally for item in tries if item.status == "accepted")
    assert len({item.key for item in tries}) == len(tries)


def test_the_learned_program_is_tested_against_the_initial_one_and_the_best_given_optimizer(workspace: str) -> None:
    questions = [verdict.question for verdict in tell(_material(workspace, "learned")).verdicts]
    assert questions[0] == "Is metaTextGrad better than zero-shot on the test set?"
    assert re.fullmatch(r"Is metaTextGrad better than (TGD|ADAS-TG) on the test set\?", questions[1])
    assert "validation" in questions[2]


def test_a_run_that_has_not_ended_shows_what_there_is(workspace: str) -> None:
    material = _material(workspace, "stopped")
    story = tell(material)
    assert story.methods == story.verdicts == ()
    assert story.loops and story.result and sum(spent.used for spent in story.spent) == 700
    page = run_page(story, material)
    assert "The cap of 700 calls is reached" in page and "There is no table yet" in page
    assert "% on the validation set so far, from" in page
    assert "It goes on with: metatextgrad resume stopped" in page and "stopped at a cap" in page


def test_the_first_lines_say_what_the_gain_is_worth_and_what_it_took(workspace: str) -> None:
    score, interval, worth, took = tell(_material(workspace, "learned")).headline
    assert "on the test set" in score and "95 % intervals" in interval
    assert worth.startswith("Is metaTextGrad better than zero-shot on the test set? ")
    assert re.fullmatch(r"It took [\d,]+ model calls and [\d,]+ tokens, for 0\.00 USD\.", took)


def test_an_optimized_program_is_told_before_the_optimizer_that_found_it(workspace: str) -> None:
    page = _page(workspace, "plain")
    assert page.index("before: the program as it was given") < page.index("Found by")
    assert page.count("Prompt optimization: rewrites") == 1, "an optimizer that is as it was given is shown once"


def test_a_run_says_when_it_has_paid_for_itself(workspace: str) -> None:
    material = _material(workspace, "learned")
    (paid,) = (one for one in tell(material).verdicts if one.question == "When has the run paid for itself?")
    assert "Simulated calls cost nothing, so calls are counted" in paid.detail[1]
    stored = material.stored
    priced = {level: Usage(calls=100, usd=0.5) for level in stored.usage}
    cheap = replace(stored, usage=priced)
    assert cheap.found
    rows = list(cheap.found.findings.rows)
    rows[0] = rows[0].model_copy(update={"test": Tally(total=10, scored=100)})
    rows[-1] = rows[-1].model_copy(update={"test": Tally(total=90, scored=100)})
    findings = cheap.found.findings.model_copy(update={"rows": tuple(rows)})
    same_size = material.initial.model_copy(update={"purpose": "another of the same size"})
    found = payback(replace(cheap, found=replace(cheap.found, findings=findings, program=same_size)), material.initial)
    # Four levels cost 2 USD; an answer costs 0.005 either way, and nine times as many of them are right.
    assert found and found.answer == "After 50 answers."
    assert "a right answer costs 0.0056 USD instead of 0.05 USD" in found.detail[0]
    assert payback(replace(cheap, found=replace(cheap.found, program=material.initial)), material.initial) is None


def test_planned_numbers_are_no_more_exact_than_they_are_known() -> None:
    assert rough(Range(low=0, likely=1_532, high=10_713_885)) == "0 – 1,532 – 10.7\u202fM"
    assert rough(Range(low=0.25, likely=0.5, high=12_345), 2) == "0.25 – 0.50 – 12.3\u202fk"
    assert rough(None) == "unknown"


def test_a_candidate_without_a_score_says_why_before_it_is_opened(workspace: str) -> None:
    material = _material(workspace, "plain")
    branch = material.stored.branches[0]
    turn = branch.turns[-1]
    broken = turn.trial.candidates[0] | {"id": None, "status": "invalid", "reason": "the reply was cut off"}
    broken |= {"score": None, "evaluation": None}
    trial = turn.trial.model_copy(update={"candidates": (broken,), "outcome": "invalid"})
    turns = (*branch.turns[:-1], replace(turn, trial=trial))
    failed = replace(material, stored=replace(material.stored, branches=(replace(branch, turns=turns),)))
    page = run_page(tell(failed), failed)
    assert '<span class="why">the reply was cut off</span>' in page


def test_what_is_left_out_is_said(workspace: str) -> None:
    material = _material(workspace, "learned")
    bare = replace(material, shown={}, examples={}, missing="Questions are not shown: no such file.")
    page = run_page(tell(bare), bare)
    known = len(material.tallies)
    assert f"Left out: The examples of {known} of {known} evaluations" in page
    assert "Left out: Questions are not shown: no such file." in page


def test_runs_on_the_same_data_are_tested_and_others_are_not(workspace: str) -> None:
    learned, plain, other = (_material(workspace, run) for run in ("learned", "plain", "other-data"))
    together = set_side_by_side([learned, plain])
    assert [verdict.question for verdict in together.verdicts] == ["Is plain better than learned on the test set?"]
    assert together.apart == ()
    anew = replace(plain, stored=replace(plain.stored, record=_with_seed(plain, 1)))
    steady = set_side_by_side([learned, anew]).verdicts[-1]
    assert steady.question.startswith("Does the program that learned and plain started from score the same twice")
    assert steady.answer == "Yes, on all 100 test examples."
    apart = set_side_by_side([learned, other])
    assert apart.verdicts == () and "not all on the same data" in apart.apart[0]
    assert ("task", ("bbh/dyck_languages", "bbh/word_sorting")) in apart.settings


def _with_seed(material: Material, seed: int) -> Record:
    record = material.stored.record
    return record.model_copy(update={"settings": {**record.settings, "seed": seed}})


def test_a_program_that_wavers_is_told_with_how_much_is_noise() -> None:
    first, second = _evaluation("", (0.0, 1.0, 1.0)), _evaluation("", (1.0, 1.0, 1.0))
    said = steadiness("it", first, second)
    assert said.answer == "No: 1 of 3 test examples come out differently (66.7 % and 100.0 %)."


def test_several_tests_are_corrected_for_their_number(workspace: str) -> None:
    learned, plain = (_material(workspace, run) for run in ("learned", "plain"))
    several = set_side_by_side([learned, plain, replace(learned, table=plain.table | learned.table)])
    tests = [one for one in several.verdicts if one.question.startswith("Is ")]
    assert len(tests) == 3
    assert several.apart == ("These are 3 tests, so their p-values are corrected for that, after Holm.",)
    assert all("after Holm's correction" in one.answer or one.answer == "They score the same." for one in tests)


def test_command_writes_into_the_workspace_or_where_it_is_told(
    workspace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settle(tmp_path, monkeypatch)
    place = ("--workspace", workspace)
    assert printed(capsys, "report", "plain", *place) == f"{workspace}/reports/plain.html\n"
    page = Path(workspace, "reports", "plain.html").read_text(encoding="utf-8")
    assert page == _page(workspace, "plain")
    document = described(capsys, "report", "learned", "plain", "--output", "both.html", *place)
    assert document == {
        "runs": ["learned", "plain"],
        "simulated": True,
        "notice": NOTICE,
        "file": "both.html",
        "figures": [],
    }
    assert "Is plain better than learned" in (tmp_path / "both.html").read_text(encoding="utf-8")


def test_figures_are_png_and_svg_and_always_the_same(
    workspace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settle(tmp_path, monkeypatch)
    for folder in ("once", "again"):
        document = described(capsys, "report", "learned", "--figures", folder, "--workspace", workspace)
        assert len(document["figures"]) == 6
    together = described(capsys, "report", "learned", "plain", "--figures", "both", "--workspace", workspace)
    assert together["figures"][:2] == [f"both/learned-and-plain-scores.{kind}" for kind in ("png", "svg")]
    assert len(together["figures"]) == 2 + 2 * 6
    names = sorted(path.name for path in (tmp_path / "once").iterdir())
    assert names == [f"learned-{name}.{kind}" for name in ("cost", "scores", "steps") for kind in ("png", "svg")]
    for name in names:
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
        if name.endswith("svg"):
            assert NOTICE in (tmp_path / "once" / name).read_text(encoding="utf-8")


def test_bad_input_is_one_sentence(
    workspace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settle(tmp_path, monkeypatch)
    assert main(["report", "nowhere", "--workspace", workspace]) == 2
    assert "Unknown run 'nowhere'" in capsys.readouterr().err
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["report", "plain", "--output", "file/report.html", "--workspace", workspace]) == 2
    assert "Name another file with --output" in capsys.readouterr().err


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "jinja2" else found(name))
    assert main(["report", "any"]) == 2
    assert "pip install 'metatextgrad[report]'" in capsys.readouterr().err
