"""A recipe's report says what was asked and what came out, with the picture of its question."""

import math
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hand_made import make_epoch
from report_studies import SIMULATED_PROVENANCE

from benchmarks.statistics.planted import families
from benchmarks.statistics.planted.study import CONTEXT
from fitscape.study import recipes
from fitscape.study.config import TrialConfig
from fitscape.study.findings import QUESTIONS, Finding, Verdict, all_findings
from fitscape.study.ledger import Ledger
from fitscape.study.opened import open_study
from fitscape.study.records import TrialState
from fitscape.study.report import build, language
from fitscape.study.report.figures.spread import summary
from fitscape.study.report.page import environment
from fitscape.study.report.sections.findings import built
from fitscape.study.report.sections.questions import questions
from fitscape.study.report.subject import Subject
from fitscape.study.search import Asker


def errors(config: TrialConfig, rng: np.random.Generator) -> tuple[float, float]:
    """(Training, validation) error: random labels are learned by heart, and the middle widths are the worst."""
    bump = 0.2 * config.data.label_noise * (config.model.width == 0.125)
    return rng.uniform(0, 0.01), min(1.0, 0.05 + 0.85 * config.data.label_noise + bump + rng.uniform(0, 0.01))


@pytest.fixture(scope="module", params=["memorization", "double_descent", "finetune"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe's whole design with made-up results."""
    folder = tmp_path_factory.mktemp("runs") / request.param
    folder.mkdir()
    config, rng = recipes.get(request.param), np.random.default_rng(0)
    asker = Asker(config, chance_error=0.9)
    with Ledger.create(folder / "ledger.db", config, SIMULATED_PROVENANCE) as ledger:
        while (asked := asker.ask()) is not None:
            trial = ledger.add_trial(asked.config, asked.hyperparameters, asked.origin)
            ledger.start_attempt(trial.trial_id, "here", "cpu")
            ledger.record_epoch(trial.trial_id, make_epoch(*errors(asked.config, rng), epoch=1))
            ledger.end_trial(trial.trial_id, TrialState.FINISHED)
    build(folder)
    return folder


def test_the_report_holds_the_question_and_its_picture(folder: Path) -> None:
    page = (folder / "report" / "index.html").read_text(encoding="utf-8")
    assert (folder / "report" / "figures" / f"{folder.name}.png").stat().st_size < 200_000
    assert QUESTIONS[folder.name].title in page
    assert 'src="data:image/png;base64,' in page


def test_a_recipes_study_is_asked_its_own_question_only(folder: Path) -> None:
    subject = Subject(open_study(folder))
    assert {f.question for f in subject.findings} == {folder.name}
    (told,) = questions(subject)
    assert told["outcome"].startswith(f"{len(subject.findings)} claims: ")


def test_intervals_need_two_seeds_and_hold_the_mean() -> None:
    mean, low, high = summary([[0.1, 0.3], [0.2]])
    assert mean == pytest.approx([0.2, 0.2])
    assert low[0] < 0.1 < 0.3 < high[0]
    assert (low[1], high[1]) == (0.2, 0.2)


def test_what_is_a_claim_is_called_one_wherever_it_stands(folder: Path) -> None:
    page = (folder / "report" / "index.html").read_text(encoding="utf-8")
    findings = page[page.index('<section id="findings"') : page.index('<section id="trials"')]
    claims = len(Subject(open_study(folder)).findings)
    assert findings.count('<h3><span class="soft">Claim:</span>') == claims
    answers = findings[findings.index('<ul class="answers">') : findings.index("</ul>")]
    assert answers.count("<li>") == answers.count('<span class="soft">Claim:</span>') > 0


def test_a_section_has_one_level_of_intervals_and_says_which(folder: Path) -> None:
    page = (folder / "report" / "index.html").read_text(encoding="utf-8")
    named = re.compile(r"(9[05])\xa0%(?= interval|\)|:)|[Ii]ntervals? (?:here )?are (?:of )?(9[05])")
    levels = {
        key: {one or other for one, other in named.findall(re.sub(r"elsewhere on this page[^.]*\.", "", part))}
        for key, part in re.findall(r'<section id="(\w+)"(.*?)</section>', page, re.DOTALL)
    }
    assert {key: found for key, found in levels.items() if "95" in found} == {"findings": {"95"}}
    assert levels["recommendation"] == levels["comparison"] == {"90"}


@pytest.fixture(scope="module")
def found() -> list[Finding]:
    """Of gradients and of depths with one learning rate; one verdict of a claim that is not asked first is made up."""
    planted = families()["gradients"]["nothing, 2 seeds, half stall"](np.random.default_rng(0))
    measured = all_findings(planted.trials, planted.labels.values(), CONTEXT, questions=["degradation", "gradients"])
    made_up = {"Gradients: batch normalization in plain nets keeps": Verdict.CONTRADICTED, "with": Verdict.SUPPORTED}
    return [
        replace(f, verdict=next((v for begin, v in made_up.items() if f.claim.startswith(begin)), f.verdict))
        for f in measured
    ]


def shown(found: list[Finding], folder: Path) -> dict[str, Any]:
    study = SimpleNamespace(folder=folder, left_out={})
    held = {"context": SimpleNamespace(correction="holm"), "config": SimpleNamespace(recipe=None), "no_labels": ""}
    return built(SimpleNamespace(findings=found, study=study, **held))  # type: ignore[arg-type]


def test_a_question_lists_every_claim_with_a_verdict_and_says_that_it_lists_a_selection(
    found: list[Finding], tmp_path: Path
) -> None:
    of = {name: [f for f in found if f.question == name] for name in ("degradation", "gradients")}
    for told, name in zip(shown(found, tmp_path)["questions"], of, strict=True):
        listed = Counter(line["verdict"] for line in told["answers"] + told["beside"])
        for decided in (Verdict.SUPPORTED, Verdict.CONTRADICTED):
            assert listed[decided.value] == sum(f.verdict is decided for f in of[name]), name
        if len(of[name]) == listed.total():
            assert not told["listed"]
        else:
            assert told["listed"].startswith(f"Listed: the main {len(told['answers'])} of {len(of[name])} claims")
    assert ", and 2 more with a verdict. All follow below." in told["listed"]
    every = [replace(f, verdict=Verdict.SUPPORTED) for f in of["gradients"]]
    (told,) = shown(every, tmp_path)["questions"]
    assert len(told["answers"] + told["beside"]) == len(every), "more than are named of undecided ones"


def test_a_corrected_p_names_the_claims_that_it_was_corrected_for(found: list[Finding], tmp_path: Path) -> None:
    section = shown(found, tmp_path)
    others = [f for f in found if f.question != "degradation" and not math.isnan(f.p)]
    assert {f.claims for f in others} == {len(others)}
    assert f"for the {len(others)} other claims tested (Holm's" in section["corrected"]
    assert "Claims about depth are corrected among themselves" in section["corrected"]
    families = {row["question"]: row["corrected"].partition(" (")[2] for row in section["claims"]}
    assert families == {
        QUESTIONS["degradation"].title: "claims about depth)",
        QUESTIONS["gradients"].title: f"{len(others)} claims)",
    }
    depths, gradients = ([f for f in found if (f.question == "degradation") is depth] for depth in (True, False))
    assert "the number of claims about depth (Holm's)" in shown(depths, tmp_path)["corrected"]
    assert "among themselves" not in shown(gradients, tmp_path)["corrected"]


def test_what_had_too_few_runs_has_no_p_and_no_test(found: list[Finding], tmp_path: Path) -> None:
    html = environment().get_template("findings.html.j2").render(findings=shown(found, tmp_path))
    claims = html.split('<article class="finding">')[1:]
    few = ["too few runs" in claim.split("</span>")[1] for claim in claims]
    assert sum(few) == sum(bool(f.lacks) for f in found) > 0
    assert ["<dt>p, alone and corrected</dt>" not in claim for claim in claims] == few
    assert ["<dt>Test</dt>" not in claim for claim in claims] == few


def test_a_selection_and_its_correction_are_korean_too(found: list[Finding], tmp_path: Path) -> None:
    korean = language.catalogue("ko")
    section = shown(found, tmp_path)
    parts = [told["listed"] for told in section["questions"]] + [section["corrected"]]
    figures = [f"{row['p']}, {row['corrected']}" for row in section["claims"]]
    alone = [shown(found[:1], tmp_path)["corrected"], shown(found[-1:], tmp_path)["corrected"], "Decided as well:"]
    for text in filter(None, parts + figures + alone):
        assert not re.findall(r"[A-Za-z]{2,}", re.sub("Holm", "", korean(text))), korean(text)
