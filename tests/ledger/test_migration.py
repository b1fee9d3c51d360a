"""A ledger of 0.1.0: read as it is, brought to this release by the first writable open, and kept beside it."""

import json
import math
import shutil
import sqlite3
from contextlib import closing
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest
from release_0_1_0 import unpack

from fitscape.study import releases
from fitscape.study.config import StudyConfig, TrialConfig
from fitscape.study.errors import UserError
from fitscape.study.ledger import Ledger, codec, migration
from fitscape.study.opened import open_study
from fitscape.study.reading import load_config
from fitscape.study.records import EpochRecord, Regime
from fitscape.study.search.asker import Asker


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The folder of a quickstart that 0.1.0 ran: 36 trials."""
    return unpack(tmp_path)


def sql(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def version(path: Path) -> int:
    return int(sql(path, "PRAGMA user_version")[0][0])


def everything(ledger: Ledger) -> tuple[Any, ...]:
    return ledger.uid, ledger.config, ledger.provenance, ledger.trials(), ledger.labels(), ledger.notes()


def test_a_reader_changes_nothing(old: Path) -> None:
    before = (old / "ledger.db").read_bytes()
    with Ledger.open(old / "ledger.db", read_only=True) as ledger:
        assert len(ledger.trials()) == 36
        assert ledger.kept is None
    assert (old / "ledger.db").read_bytes() == before
    assert {file.name for file in old.iterdir()} == {"ledger.db", "study.yaml"}


def test_the_first_writable_open_keeps_a_copy_and_loses_nothing(old: Path) -> None:
    with Ledger.open(old / "ledger.db", read_only=True) as ledger:
        before = everything(ledger)
    with Ledger.open(old / "ledger.db") as ledger:
        assert ledger.kept == old / "ledger.v1.db"
        assert everything(ledger) == before
    assert (version(old / "ledger.db"), version(old / "ledger.v1.db")) == (migration.SCHEMA_VERSION, 1)
    with Ledger.open(old / "ledger.v1.db", read_only=True) as kept:
        assert everything(kept) == before
    with Ledger.open(old / "ledger.db") as ledger:
        assert ledger.kept is None
    assert sorted(f.name for f in old.iterdir()) == ["ledger.db", "ledger.v1.db", "study.yaml"]


def test_a_ledger_of_the_versions_between_loses_nothing_either(old: Path) -> None:
    """Version 2 had later columns and tables, and the details of trials in their rows as JSON, as 0.1.0 had."""
    with Ledger.open(old / "ledger.db", read_only=True) as ledger:
        before = everything(ledger)
        assert any(epoch.gradients for trial in ledger.trials() for epoch in trial.epochs)
        assert ledger.trials(details=False) == ledger.trials(), "read as it is"
        assert [t.epochs for t in ledger.trials(epochs="last")] == [t.epochs[-1:] for t in ledger.trials()]
        assert ledger.seconds() == pytest.approx(sum(trial.seconds for trial in ledger.trials()))
    with closing(sqlite3.connect(old / "ledger.db")) as connection:
        connection.execute("ALTER TABLE epochs ADD COLUMN val_n_a INTEGER NOT NULL DEFAULT 0")
        connection.execute("PRAGMA user_version = 2")
        connection.commit()
    with Ledger.open(old / "ledger.db") as ledger:
        assert ledger.kept == old / "ledger.v2.db"
        assert everything(ledger) == before
        assert sum(trial.late is not None for trial in ledger.trials()) > 10
    assert "gradients" not in {name for _, name, *_ in sql(old / "ledger.db", "PRAGMA table_info(epochs)")}


def test_stored_configs_name_the_later_fields_after_it(old: Path) -> None:
    Ledger.open(old / "ledger.db").close()
    stored = [json.loads(text) for (text,) in sql(old / "ledger.db", "SELECT config FROM trials")]
    assert all(config["evaluation"] == releases.FROZEN["evaluation"] for config in stored)


def test_a_second_migration_does_not_replace_the_first_copy(old: Path) -> None:
    Ledger.open(old / "ledger.db").close()
    shutil.copyfile(old / "ledger.v1.db", old / "ledger.db")  # the way back
    first = (old / "ledger.v1.db").read_bytes()
    with Ledger.open(old / "ledger.db") as ledger:
        assert ledger.kept == old / "ledger.v1.2.db"
    assert (old / "ledger.v1.db").read_bytes() == first


def test_a_migration_that_fails_changes_nothing(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sql(old / "ledger.db", "SELECT * FROM trials")

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(migration, "trial_as_stored", fail)
        with pytest.raises(KeyboardInterrupt):
            Ledger.open(old / "ledger.db")
    assert version(old / "ledger.db") == 1
    assert sql(old / "ledger.db", "SELECT * FROM trials") == before
    Ledger.open(old / "ledger.db").close()
    assert version(old / "ledger.db") == migration.SCHEMA_VERSION


def test_a_ledger_is_not_touched_where_no_copy_can_be_kept(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fitscape.study.ledger.database.Database.backup", full)
    with pytest.raises(UserError, match=r"no copy of it can be kept: No space left on device"):
        Ledger.open(old / "ledger.db")
    assert version(old / "ledger.db") == 1


def test_a_ledger_of_a_later_release_is_refused(old: Path) -> None:
    with closing(sqlite3.connect(old / "ledger.db")) as connection:
        connection.execute(f"PRAGMA user_version = {migration.SCHEMA_VERSION + 1}")
    with pytest.raises(UserError, match="install a newer fitscape"):
        Ledger.open(old / "ledger.db", read_only=True)


def test_the_ids_of_its_36_trials_stay(old: Path) -> None:
    study = open_study(old)
    assert [t.config.trial_id for t in study.trials] == [t.trial_id for t in study.trials]
    assert len(study.trials) == 36


def test_the_labels_of_its_36_trials_stay_as_they_were_given(old: Path) -> None:
    """What this release reads from the same records: more seeds and neighbours decide more, and nothing otherwise."""
    study = open_study(old)
    given = {label.trial_id: label.regime for label in study.ledger.labels()}
    assert len(given) == len(study.labels) == 36
    assert all(given[i] in label.regime_set for i, label in study.labels.items() if given[i] is not Regime.UNDECIDED)
    assert sum(label.regime is Regime.UNDECIDED for label in study.labels.values()) < list(given.values()).count(
        Regime.UNDECIDED
    )


def test_a_raised_target_adds_four_points_of_the_design_and_repeats_none(old: Path) -> None:
    with Ledger.open(old / "ledger.db") as ledger:
        config, known = ledger.config, ledger.trials()
    more = config.model_copy(update={"search": config.search.model_copy(update={"trials": 40})})
    asker = Asker(more, known, chance_error=0.9)
    suggestions = list(iter(asker.ask, None))
    assert [s.origin for s in suggestions] == ["sobol"] * 4
    assert {s.config.trial_id for s in suggestions} & {t.trial_id for t in known} == set()
    assert {s.config.evaluation.batch_norm for s in suggestions} == {"running"}
    # Point for point what 0.1.0 would have gone on with: the design's next indices, over no enqueued one.
    whole = Asker(more, (), chance_error=0.9)
    assert [s.config for s in suggestions] == [s.config for s in iter(whole.ask, None)][36:]


def test_the_folder_s_config_is_the_ledger_s(old: Path) -> None:
    with Ledger.open(old / "ledger.db") as ledger:
        assert load_config(old / "study.yaml", frozen=True) == ledger.config


def test_a_section_that_a_later_release_dropped_is_left_out(old: Path) -> None:
    def stored(file: str) -> dict[str, Any]:
        config: dict[str, Any] = json.loads(sql(old / file, "SELECT config FROM study")[0][0])
        return config

    Ledger.open(old / "ledger.db").close()
    assert "stopping" in stored("ledger.v1.db")
    assert not releases.RETIRED & stored("ledger.db").keys()


@dataclass(frozen=True, kw_only=True)
class LaterRecord(EpochRecord):
    """As if a later release measured two things more."""

    sharpness: float | None = None
    counted: int = 0


def test_a_metric_that_a_release_adds_is_one_field(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The column follows from the record; rows of earlier releases have the field's default."""
    monkeypatch.setattr(codec, "EpochRecord", LaterRecord)
    later = {f.name: f for f in fields(LaterRecord) if f.name != "gradients"}
    monkeypatch.setattr(codec, "EPOCH_FIELDS", later)
    monkeypatch.setattr(codec, "EPOCH_SCALARS", tuple(later))
    with Ledger.open(old / "ledger.db", read_only=True) as ledger:
        (first, *_) = ledger.trials()
    assert isinstance(first.last, LaterRecord)
    assert (first.last.sharpness, first.last.counted) == (None, 0)
    with Ledger.open(old / "ledger.db") as ledger:
        assert ledger.trials()[0] == first
        trial = ledger.add_trial(TrialConfig(seed=99), {}, "sobol")
        assert ledger.record_epoch(trial.trial_id, replace(first.last, epoch=1, sharpness=math.nan, counted=3))
        (record,) = ledger.trial(trial.trial_id).epochs
    assert isinstance(record, LaterRecord)
    assert math.isnan(record.sharpness or 0.0)
    assert record.counted == 3


def test_what_came_after_0_1_0_has_a_default(old: Path) -> None:
    """So that a record of 0.1.0 can be read."""
    columns = {name for _, name, *_ in sql(old / "ledger.db", "PRAGMA table_info(epochs)")}
    assert [f.name for f in fields(EpochRecord) if f.name not in columns and f.default is MISSING] == []


def test_every_column_of_a_new_ledger_is_a_field(old: Path, tmp_path: Path) -> None:
    Ledger.create(tmp_path / "ledger.db", StudyConfig(name="new"), {}).close()
    columns = {name for _, name, *_ in sql(tmp_path / "ledger.db", "PRAGMA table_info(epochs)")}
    assert columns == {f.name for f in fields(EpochRecord)} - {"gradients"} | {"trial_id", "nans"}
    assert {name for _, name, *_ in sql(old / "ledger.db", "PRAGMA table_info(epochs)")} - columns == {"gradients"}
