"""The report's files, whatever a study holds."""

import json
import re
from pathlib import Path

import pytest
from hand_made import make_epoch
from report_pages import data_of
from small_study import PROVENANCE, small_study

from fitscape.study.cli.summary import lines, summarize
from fitscape.study.config import Choices, Range, StudyConfig, TrialConfig
from fitscape.study.errors import UserError
from fitscape.study.findings import Verdict
from fitscape.study.ledger import TEST_ERRORS, TEST_OPENED, Ledger
from fitscape.study.opened import open_study
from fitscape.study.records import TrialState
from fitscape.study.report import build
from fitscape.study.report.page import environment
from fitscape.study.report.sections.degradation import degradation
from fitscape.study.report.sections.recommendation import recommendation
from fitscape.study.report.subject import Subject

WIDTH = {"width": Range(low=0.125, high=1, log=True)}


def by_hand(root: Path, config: StudyConfig, *ends: tuple[dict, TrialState, float], provenance=PROVENANCE) -> Path:
    """A study of trials (hyperparameters, state, validation error), one epoch each; a failed one has none."""
    folder = root / config.name
    folder.mkdir()
    with Ledger.create(folder / "ledger.db", config, provenance) as ledger:
        for hyperparameters, state, error in ends:
            trial_id = ledger.add_trial(
                config.base.with_hyperparameters(hyperparameters), hyperparameters, "sobol"
            ).trial_id
            ledger.start_attempt(trial_id, "here", "cpu")
            if state is not TrialState.FAILED:
                ledger.record_epoch(trial_id, make_epoch(error, error, epoch=1))
            ledger.end_trial(trial_id, state, "oom: no memory left" if state is TrialState.FAILED else "")
    return folder


def test_page_findings_and_pictures_lie_in_the_folder(folder: Path, page_file: Path) -> None:
    assert page_file == folder / "report" / "index.html"
    findings = json.loads((folder / "report" / "findings.json").read_text())
    assert {"claim", "family", "estimate", "low", "high", "test", "p", "n", "verdict"} <= findings[0].keys()
    pictures = {p.name for p in (folder / "report" / "figures").iterdir()}
    assert pictures == {
        "regime_map.png", "regime_map_small.png", "learning_curves.png", "degradation.png", "architectures.png",
    }  # fmt: skip
    assert all(p.read_bytes().startswith(b"\x89PNG") for p in (folder / "report" / "figures").iterdir())


def test_one_process_can_draw_one_report_after_the_other(page_file: Path) -> None:
    import fitscape.study.report

    assert callable(fitscape.study.report.build), "a module of the same name has taken its place"


def test_the_same_ledger_gives_the_same_page(folder: Path, page_file: Path) -> None:
    before = page_file.read_bytes()
    assert build(folder, study=open_study(folder)).read_bytes() == before


def test_nothing_in_the_page_comes_from_elsewhere(page_file: Path) -> None:
    text = page_file.read_text()
    assert not re.search(r"""(src|href|srcset)=["']?(https?:)?//""", text)
    assert "@import" not in text
    assert "default-src 'none'" in text


def test_a_study_of_every_state_is_reported(tmp_path: Path) -> None:
    data = data_of(build(small_study(tmp_path)))
    assert len(data["trials"]["number"]) == 18
    assert set(data["trials"]["state"]) == {state.value for state in TrialState}


def test_only_failed_trials_say_why_there_is_no_recommendation(tmp_path: Path) -> None:
    config = StudyConfig(name="failed", space=WIDTH)
    text = build(by_hand(tmp_path, config, ({"width": 0.5}, TrialState.FAILED, 0))).read_text()
    assert "There is no recommendation yet" in text
    assert "no trial has ended with finite numbers" in text
    assert "oom: no memory left" in text


def test_only_diverged_trials_have_an_outcome_and_no_error(tmp_path: Path) -> None:
    config = StudyConfig(name="diverged", space=WIDTH)
    ends = [({"width": w}, TrialState.DIVERGED, float("nan")) for w in (0.25, 0.5)]
    data = data_of(build(by_hand(tmp_path, config, *ends)))
    assert data["trials"]["val_error"] == [None, None]
    assert data["trials"]["state"] == ["diverged", "diverged"]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_study_of_few_trials_is_reported(tmp_path: Path, count: int) -> None:
    config = StudyConfig(name="few", space=WIDTH)
    ends = [({"width": w}, TrialState.FINISHED, 0.1) for w in (0.25, 0.5)[:count]]
    text = build(by_hand(tmp_path, config, *ends)).read_text()
    assert ("The best trial that was run:" in text) == (count > 0)


def test_a_study_without_a_space_has_no_map_but_its_trials(tmp_path: Path) -> None:
    config = StudyConfig(name="spaceless")
    page = build(by_hand(tmp_path, config, ({}, TrialState.FINISHED, 0.1), ({"seed": 1}, TrialState.FINISHED, 0.2)))
    assert "searches no hyperparameter" in page.read_text()
    assert len(data_of(page)["trials"]["number"]) == 2


def test_one_numeric_hyperparameter_is_drawn_as_a_line(tmp_path: Path) -> None:
    config = StudyConfig(name="line", space=WIDTH)
    ends = [({"width": w}, TrialState.FINISHED, 0.3 - 0.25 * w) for w in (0.125, 0.25, 0.5, 1)]
    planes = data_of(build(by_hand(tmp_path, config, *ends)))["map"]["planes"]
    assert [p["y"] for p in planes] == [None, None]  # at the best point, and at the middle


def test_only_unordered_hyperparameters_are_compared_without_a_plane(tmp_path: Path) -> None:
    config = StudyConfig(name="words", space={"norm": Choices(choices=("batch", "group"))})
    ends = [({"norm": norm}, TrialState.FINISHED, 0.1) for norm in ("batch", "group")]
    assert "no numeric hyperparameter is searched" in build(by_hand(tmp_path, config, *ends)).read_text()


def test_earlier_epochs_have_maps_only_where_the_learning_rate_was_constant(tmp_path: Path) -> None:
    for schedule, expected in (("constant", 4), ("one_cycle", 1)):
        base = TrialConfig().with_hyperparameters({"schedule": schedule})
        folder = by_hand(tmp_path, StudyConfig(name=schedule, space=WIDTH, base=base))
        with Ledger.open(folder / "ledger.db") as ledger:
            for width in (0.125, 0.25, 0.5, 1.0):
                trial_id = ledger.add_trial(
                    base.with_hyperparameters({"width": width}), {"width": width}, "sobol"
                ).trial_id
                ledger.start_attempt(trial_id, "here", "cpu")
                for epoch in range(1, 17):
                    error = 0.5 / epoch / width**0.2
                    ledger.record_epoch(trial_id, make_epoch(error, error, epoch=epoch))
                ledger.end_trial(trial_id, TrialState.FINISHED)
        data = data_of(build(folder))
        assert len(data["map"]["stages"]) == len(data["trials"]["regimes"]) == expected
        assert data["map"]["stages"][-1] == "end"


def test_a_ledger_without_facts_of_the_data_still_lists_its_trials(tmp_path: Path) -> None:
    folder = by_hand(tmp_path, StudyConfig(name="bare"), ({}, TrialState.FINISHED, 0.1), provenance={})
    page = build(folder)
    assert len(data_of(page)["trials"]["number"]) == 1
    assert "not measured" in page.read_text()


@pytest.mark.parametrize(
    ("share", "low", "high", "text"),
    [(0.0, 0.0, 0.0, ""), (0.0004, 0.0, 0.0, ""), (0.001, 0.0, 0.0, "0 % to 0.1 %"), (0.3, 0.2, 0.4, "20 % to 40 %")],
)
def test_a_mean_share_lies_in_its_interval_and_is_not_said_twice(
    share: float, low: float, high: float, text: str
) -> None:
    span = environment().filters["span"]
    assert span({"share": share, "low": low, "high": high}) == text.replace(" %", "\u00a0%")


def test_names_of_the_user_are_text_and_never_markup(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    provenance = {**PROVENANCE, "data": {"classes": [evil, "b", "</script>"], "notes": [f"{evil} & more"]}}
    config = StudyConfig(name="evil", description=f"{evil} '\"&", space=WIDTH, base=TrialConfig())
    folder = by_hand(tmp_path, config, ({"width": 0.5}, TrialState.FINISHED, 0.1), provenance=provenance)
    with Ledger.open(folder / "ledger.db") as ledger:
        failed = ledger.add_trial(config.base.with_hyperparameters({"seed": 7}), {"seed": 7}, evil).trial_id
        ledger.start_attempt(failed, evil, evil)
        ledger.end_trial(failed, TrialState.FAILED, f"{evil}<!--\u2028")
    page = build(folder)
    text = page.read_text()
    assert evil not in text
    assert "<!--" not in text
    assert data_of(page)["trials"]["message"]["1"].startswith(evil)  # and yet kept as it is


def test_files_that_cannot_be_read_are_counted_and_the_first_named(tmp_path: Path) -> None:
    broken = [f"cat/{i:02}.png: <truncated>" for i in range(25)]
    provenance = {**PROVENANCE, "data": {"classes": ["a", "b"], "read": 975, "unreadable": broken}}
    text = build(by_hand(tmp_path, StudyConfig(name="gaps"), provenance=provenance)).read_text()
    assert "25 of 1000; all of them: fitscape status gaps --json" in text
    assert "cat/19.png: &lt;truncated&gt;" in text
    assert "cat/20.png" not in text


def test_an_opening_that_came_to_no_number_is_told_beside_one_that_did(tmp_path: Path) -> None:
    folder = by_hand(tmp_path, StudyConfig(name="opened"), ({}, TrialState.FINISHED, 0.1))
    assert "nothing in this report has seen the test images" in build(folder).read_text()
    measured = {"trial_id": "abc", "architecture": "resnet18", "seed": 0, "images": 50, "reproduced": True}
    measured |= {"val_error": 0.1, "test_error": 0.12, "low": 0.05, "high": 0.24}
    with Ledger.open(folder / "ledger.db") as ledger:
        ledger.add_note(TEST_OPENED, {"reason": "first try", "by": "someone@here"})
        ledger.add_note(TEST_OPENED, {"reason": "second try", "by": "someone@here"})
        ledger.add_note(TEST_ERRORS, {"finalists": [measured]})
    text = build(folder).read_text()
    assert text.index("first try") < text.index("did not come to its end") < text.index("second try (by someone@here)")
    assert text.count("did not come to its end") == 1
    assert "on 50 images" in text


def test_a_folder_without_a_study_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a study"):
        build(tmp_path)


@pytest.mark.parametrize(
    ("worse", "rates", "said"),
    [
        (1 / 2000, 3, "no"),
        (0.008, 3, "no"),
        (0.03, 3, "yes"),
        (0.03, 1, "too few runs: it takes 2 more learning rates"),
    ],
)
def test_table_finding_and_flag_of_degradation_follow_one_rule(
    tmp_path: Path, worse: float, rates: int, said: str
) -> None:
    """Every seed one image worse is surely above 0, and far too small to be called degradation."""
    config = StudyConfig(name="depths", base=TrialConfig().with_hyperparameters({"family": "plain", "depth": 20}))
    ends = [
        (
            {"depth": depth, "seed": seed, "lr": lr},
            TrialState.FINISHED,
            0.1 + seed / 2000 + (worse if depth == 32 else 0) + (0.1 if lr != 0.1 else 0),
        )
        for depth in (20, 32)
        for seed in range(5)
        for lr in (0.1, 0.03, 0.3)[:rates]
    ]
    study = open_study(by_hand(tmp_path, config, *ends))
    (pair,) = degradation(Subject(study))["pairs"]
    assert pair["degraded"] == said
    degraded = said == "yes"
    (rise,) = [f for f in study.findings if f.claim == "Degradation: plain32 trains to a higher error than plain20"]
    assert (rise.verdict is Verdict.SUPPORTED) is degraded
    assert ("A verdict takes 2 more learning rates," in rise.sentence) is (rates == 1)
    deep = {t.trial_id for t in study.trials if t.config.model.depth == 32 and t.config.optimization.lr == 0.1}
    assert {i for i, label in study.labels.items() if "degraded" in label.flags} == (deep if degraded else set())


def test_nothing_is_called_diverged_where_nothing_diverged_and_guessing_is_called_guessing(tmp_path: Path) -> None:
    config = StudyConfig(name="stuck", space=WIDTH)
    ends = [({"width": w}, TrialState.FINISHED, 0.89 + 0.002 * k) for k, w in enumerate((0.125, 0.25, 0.5, 0.75, 1))]
    study = open_study(by_hand(tmp_path, config, *ends))
    subject = Subject(study)
    said = recommendation(subject)
    (verdict,) = [line for line in lines(summarize(study)) if line.startswith("verdict")]
    assert verdict.startswith("verdict  no better than guessing: no configuration is surely below chance; the best has")
    assert "guessing 66." in verdict
    assert said["guessing"]["chance"].startswith("66")
    assert said["advice"]["regime"] != "diverged"
    assert set(study.map.told) == {"untrained", "good", "overfit", "underfit"}
    assert set(study.map.predict(study.map_table())["regime"]) == {"untrained"}
    text = build(study.folder).read_text()
    assert "No better than guessing: no configuration of this study is surely below chance." in text
    words = text[text.index('id="recommendation"') : text.index('id="words"')]
    assert "diverge" not in re.sub(r"<script.*?</script>", "", words, flags=re.DOTALL)
    assert data_of(build(study.folder))["map"]["regimes"] == ["untrained", "good", "overfit", "underfit"]


def test_what_is_best_is_best_of_this_study_and_the_best_trial_speaks_of_its_own_net(tmp_path: Path) -> None:
    config = StudyConfig(name="line", space=WIDTH)
    ends = [({"width": w}, TrialState.FINISHED, 0.3 - 0.25 * w) for w in (0.125, 0.2, 0.3, 0.5, 0.7, 1)]
    text = build(by_hand(tmp_path, config, *ends)).read_text()
    assert "reachable" not in text
    assert "from the best configuration that was run (" in text
    assert re.search(r"probability that its error is at most [\d.]+\xa0%", text)
    assert "That the net above is better than all others is not said." in text
    assert "This trained net, on other images: " in text
    assert re.search(r"Other seeds of its configuration are expected at [^<]*% \(90\xa0%\)", text)
    thresholds = config.regimes.model_copy(update={"reference_error": 0.02})
    given = config.model_copy(update={"name": "given", "regimes": thresholds})
    assert "of the way from the reference error given (2.0" in build(by_hand(tmp_path, given, *ends)).read_text()


def test_the_page_says_how_many_steps_a_trial_took(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    ended = ({"width": 0.5}, TrialState.FINISHED, 0.1)
    text = build(by_hand(tmp_path / "a", StudyConfig(name="one"), ended)).read_text()
    assert re.search(r"optimizer steps per trial</dt>\s*<dd>1000<", text)
    text = build(by_hand(tmp_path, StudyConfig(name="none"))).read_text()
    assert re.search(r"optimizer steps per trial</dt>\s*<dd>not measured<", text)
