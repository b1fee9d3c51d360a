"""A study as it lies in its folder: config, trials, labels and map, read from the ledger alone.

``fitscape.open_study("fitscape-runs/quickstart")`` needs neither Ray nor MLflow nor a GPU, and reads beside a
driver that runs.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import pandas as pd

from fitscape.study.config import RegimeThresholds, StudyConfig, TrialConfig
from fitscape.study.errors import UserError
from fitscape.study.files import LEDGER
from fitscape.study.findings import QUESTIONS, Context, Finding, all_findings, questions_of
from fitscape.study.ledger import Ledger
from fitscape.study.maps import RegimeMap
from fitscape.study.maps.kept import Kept
from fitscape.study.maps.trial_beliefs import TrialBeliefs
from fitscape.study.measures import Suspect, confusion, suspects_in_folds
from fitscape.study.measures.metric import judged
from fitscape.study.records import ImageSet, Label, Predictions, Regime, TrialRecord, TrialState
from fitscape.study.regimes import Reference, estimate_reference, final_record, label_all, regimes_at
from fitscape.study.regimes.reference import Guessing, guessing
from fitscape.study.releases import chance_as_stored
from fitscape.study.search.optuna_study import outcomes
from fitscape.study.search.space import Point, Space, point_of, resolve
from fitscape.study.table import curves, predictions, table


def open_study(folder: str | Path) -> "OpenStudy":
    """The study in a folder.

    Raises:
        UserError: no study there, or its ledger is damaged.
    """
    path = Path(folder) / LEDGER
    if not path.is_file():
        raise UserError("is not a study", where=str(folder), fix=f"a study's folder holds {LEDGER}")
    ledger = Ledger.open(path, read_only=True)
    return OpenStudy(Path(folder), ledger, kept=Kept.of(Path(folder), ledger))


class OpenStudy:
    """One reading of a study: trials are read once, when first asked for; ``reread`` takes a later one."""

    def __init__(self, folder: Path, ledger: Ledger, *, kept: Kept | None = None) -> None:
        self.folder, self.ledger, self._store = folder, ledger, kept
        self.config: StudyConfig = ledger.config
        self.provenance: Mapping[str, Any] = ledger.provenance

    def __enter__(self) -> "OpenStudy":
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the ledger; the driver that closes it last leaves one file (`study.ledger.database`)."""
        self.ledger.close()

    def reread(self) -> Self:
        """The study as it is by now."""
        return type(self)(self.folder, self.ledger, kept=Kept.of(self.folder, self.ledger))

    @cached_property
    def recorded(self) -> list[TrialRecord]:
        """Every trial as the ledger holds it."""
        return self.ledger.trials(details=False)

    @cached_property
    def trials(self) -> list[TrialRecord]:
        """Every trial as the study's metric reads it (``study.measures.metric``).

        Where that is the balanced error, their errors are balanced; where the images have groups, their numbers of
        images are those of independent ones.
        """
        return [judged(trial, self.config.data.metric) for trial in self.recorded]

    @cached_property
    def ends(self) -> list[TrialRecord]:
        """``trials``; where nobody has read them yet, with their last epochs alone: no map looks at another."""
        if "recorded" in vars(self) or "trials" in vars(self):
            return self.trials
        return [judged(t, self.config.data.metric) for t in self.ledger.trials(epochs="last", details=False)]

    def trial(self, trial_id: str) -> TrialRecord:
        """One of ``trials``, read alone. Raises KeyError: no trial has this id."""
        return judged(self.ledger.trial(trial_id, details=False), self.config.data.metric)

    @cached_property
    def space(self) -> Space:
        return resolve(self.config)

    @property
    def classes(self) -> int:
        return len(self.provenance["data"]["classes"])

    @property
    def chance_error(self) -> float:
        """Validation error of always answering the most frequent class."""
        return chance_as_stored(self.provenance)

    @cached_property
    def labels(self) -> dict[str, Label]:
        """The label of each trial that has one, under the study's thresholds, by trial id.

        Computed from the records and the map. A trial that 0.1.0 stopped early keeps the label it got then: its last
        record does not show how it would have ended.
        """
        if self.labels_at_hand is not None:
            return self.labels_at_hand
        beliefs = self.beliefs if self.trials else None  # whole trials first, so that their ends are not read apart
        found = self._labels(self.config.regimes, beliefs)
        if self._store is not None:
            self._store.keep_labels(found.values())
        return found

    @cached_property
    def labels_at_hand(self) -> dict[str, Label] | None:
        """The same where somebody has computed them already; None where they have to be."""
        return None if self._store is None else self._store.labels()

    @cached_property
    def labels_without_map(self) -> dict[str, Label]:
        """The same from each configuration's own runs alone, for a study that runs: no map has to be fitted."""
        return self._labels(self.config.regimes, None)

    def regimes_at(self, taus: Sequence[float]) -> dict[str, Sequence[Regime | None]]:
        """By trial id, the regime that ``labels`` would give under each of these taus."""
        found = regimes_at(self.trials, self.config.regimes, taus, **self.case(self.beliefs))
        kept = [self._kept(self.config.regimes.model_copy(update={"tau": tau})) for tau in taus]
        stopped = {i: [row[i].regime if i in row else None for row in kept] for i in set[str]().union(*kept)}
        return {**found, **stopped}

    def _labels(self, thresholds: RegimeThresholds, beliefs: TrialBeliefs | None) -> dict[str, Label]:
        computed = label_all(self.trials, thresholds, **self.case(beliefs))
        return {label.trial_id: label for label in computed} | self._kept(thresholds)

    def case(self, beliefs: TrialBeliefs | None) -> dict[str, Any]:
        """What ``regimes.label_all`` has to know of the study."""
        reference = None if beliefs is None else self.reference_outside
        case = {"classes": self.classes, "chance_error": self.chance_error, "overlap": self.config.data.overlap}
        return {**case, "reference": reference, "beliefs": beliefs}

    def _kept(self, thresholds: RegimeThresholds) -> dict[str, Label]:
        """Labels of trials that 0.1.0 stopped."""
        stopped = {t.trial_id for t in self.ends if t.state is TrialState.STOPPED}
        kept = self.ledger.latest_labels(thresholds.version, thresholds.tau) if stopped else {}
        return {trial_id: label for trial_id, label in kept.items() if trial_id in stopped}

    @cached_property
    def beliefs(self) -> TrialBeliefs | None:
        """What the map says of its trials; None where there is no map."""
        if not self.space or not any(final_record(t) and point_of(t.config, self.space) for t in self.ends):
            return None
        return TrialBeliefs(self.map, self.config.data.overlap)

    @cached_property
    def reference_outside(self) -> Reference | None:
        """The reference where the best configuration lies outside the space, so that the map has none for it."""
        if self.config.regimes.reference_error is not None:
            return None
        if {t.trial_id for t in self.ends if final_record(t)} <= set(self.map.evidence):
            return None
        found = estimate_reference(self.ends, overlap=self.config.data.overlap)
        best = next(t for t in self.ends if t.config.group_id == found.group_id)
        return found if point_of(best.config, self.space) is None else None

    @cached_property
    def map(self) -> RegimeMap:
        """The regime map over the study's space.

        Raises:
            UserError: nothing is searched, or no trial inside the space has ended with finite numbers.
        """
        if not self.space:
            raise UserError("searches no hyperparameter, so it has no map", where=str(self.folder))
        law, chance, classes = self.config.regimes, self.chance_error, self.classes
        empty = RegimeMap(self.space, law, chance_error=chance, reference_error=law.reference_error, classes=classes)
        kept = None if self._store is None else self._store.map(empty)
        return self._fitted(empty) if kept is None else kept

    def _fitted(self, empty: RegimeMap) -> RegimeMap:
        where = str(self.folder)
        if not any(final_record(trial) for trial in self.ends):
            raise UserError("has no map yet: no trial has ended with finite numbers", where=where)
        table = self.map_table()
        if not len(table):
            raise UserError("has no map: no finished trial lies inside its space", where=where)
        fitted = empty.fit(table)
        if self._store is not None:
            self._store.keep_map(fitted)
        return fitted

    @cached_property
    def guessing(self) -> Guessing | None:
        """The verdict that the study is no better than guessing, where it is."""
        return guessing(self.trials, self.chance_error, self.config.regimes.confidence, self.config.data.overlap)

    @property
    def context(self) -> Context:
        """The data set's facts that findings are asked with."""
        train, overlap = self.provenance.get("data", {}).get("images", {}).get("train", 0), self.config.data.overlap
        return Context(classes=self.classes, chance_error=self.chance_error, train_images=train, overlap=overlap)

    @cached_property
    def findings(self) -> list[Finding]:
        """Claims of the field with this study's verdict on each, p values adjusted over all of them.

        Of a recipe that asks one question, the claims of that question: a correction for claims that nobody asked
        about would cost it its power. Of any other study, every claim that its trials can answer.
        """
        return all_findings(self.trials, self.labels.values(), self.context, questions=questions_of(self.config.recipe))

    @cached_property
    def left_out(self) -> dict[str, str]:
        """Of a study that was read, the questions that its runs cannot answer: title -> what they lack."""
        if self.ledger.read_from is None:
            return {}
        asked = {finding.question for finding in self.findings}
        return {question.title: question.needs for name, question in QUESTIONS.items() if name not in asked}

    def table(self) -> pd.DataFrame:
        """A row per trial: state, regime, hyperparameters, size, and its last errors (``study.table.table``)."""
        return table(self.recorded, self.labels, self.space)

    def curves(self) -> pd.DataFrame:
        """A row per epoch of every trial, with its trial id (``study.table.curves``)."""
        return curves(self.recorded)

    def telling(self, count: int = 5) -> list[Point]:
        """The points of the space whose runs would decide most (``study.search.telling``).

        Raises:
            UserError: nothing is searched.
        """
        from fitscape.study.search.telling import most_telling

        if not self.space:
            raise UserError("searches no hyperparameter, so no run would decide more", where=str(self.folder))
        facts = {"chance_error": self.chance_error, "classes": self.classes}
        return most_telling(self.trials, self.config, self.space, count=count, **facts)  # type: ignore[arg-type]

    @cached_property
    def validation(self) -> ImageSet | None:
        """The images that trials validate on; None where none were kept. With folds all of them, fold after fold."""
        return self.ledger.images("validation")

    def rows_of(self, config: TrialConfig) -> slice:
        """Where in ``validation`` the images lie that a trial validates on, in the order of its predictions."""
        if self.config.data.folds is None:
            return slice(0, 0 if self.validation is None else len(self.validation.labels))
        folds, fold = list(map(sum, self.provenance["data"]["folds"])), self.config.data.fold_of(config.seed)
        return slice(sum(folds[:fold]), sum(folds[: fold + 1]))

    def validation_of(self, config: TrialConfig) -> ImageSet | None:
        """The images that a trial validates on."""
        return None if self.validation is None else self.validation.part(self.rows_of(config))

    def predictions(self, trial_id: str) -> pd.DataFrame:
        """A row per image that the trial validates on: what its net said of it when the trial ended.

        Columns ``image`` (its file, or its position), ``hash`` (16 hexadecimal digits of its prepared pixels),
        ``label``, ``predicted`` (a class's name; missing where the loss was not finite) and ``probability`` (of the
        predicted class, to 1/255).

        Raises:
            KeyError: no trial has this id.
            UserError: the study did not keep this trial's predictions.
        """
        return predictions(*self._said(trial_id), self.provenance["data"]["classes"])

    def confusion(self, trial_id: str) -> pd.DataFrame:
        """Validation images by label (rows) and predicted class (columns) when the trial ended; as `predictions`."""
        images, said = self._said(trial_id)
        names = list(map(str, self.provenance["data"]["classes"]))
        counts = confusion(images.labels, said.classes, self.classes)
        return pd.DataFrame(counts[:, : self.classes], index=names, columns=names)

    @cached_property
    def suspects(self) -> list[Suspect]:
        """Validation images that every good net calls by one and the same other class, the surest first."""
        good = [trial for trial in self.trials if self._is_good(trial.trial_id)]
        said = [(self.rows_of(t.config), one) for t in good if (one := self.ledger.predictions(t.trial_id)) is not None]
        return [] if self.validation is None else suspects_in_folds(self.validation, said)

    def _is_good(self, trial_id: str) -> bool:
        """More likely than anything else: a small validation set makes no net good with confidence."""
        return (label := self.labels.get(trial_id)) is not None and label.regime_set[0] is Regime.GOOD

    def _said(self, trial_id: str) -> tuple[ImageSet, Predictions]:
        config = self.ledger.trial(trial_id, epochs=()).config
        said, images = self.ledger.predictions(trial_id), self.validation_of(config)
        if said is None or images is None:
            raise UserError("has no predictions: not ended, or an earlier release ran it", where=f"trial {trial_id}")
        return images, said

    def map_table(self) -> pd.DataFrame:
        """What the map is fitted on: a row for each trial inside the space that finished or diverged."""
        return pd.DataFrame(outcomes(self.ends, self.space, self.classes))
