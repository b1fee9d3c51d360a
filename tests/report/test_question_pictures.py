"""A recipe's report says what was asked and what came out, with the picture of its question."""

import re
from pathlib import Path

import numpy as np
import pytest
from hand_made import make_epoch
from report_studies import SIMULATED_PROVENANCE

from fitscape.study import recipes
from fitscape.study.config import TrialConfig
from fitscape.study.findings import QUESTIONS
from fitscape.study.ledger import Ledger
from fitscape.study.opened import open_study
from fitscape.study.records import TrialState
from fitscape.study.report import build
from fitscape.study.report.figures.spread import summary
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
    named = re.compile(r"(9[05]) %(?= interval|\)|:)|[Ii]ntervals? (?:here )?are (?:of )?(9[05])")
    levels = {
        key: {one or other for one, other in named.findall(re.sub(r"elsewhere on this page[^.]*\.", "", part))}
        for key, part in re.findall(r'<section id="(\w+)"(.*?)</section>', page, re.DOTALL)
    }
    assert {key: found for key, found in levels.items() if "95" in found} == {"findings": {"95"}}
    assert levels["recommendation"] == levels["comparison"] == {"90"}
