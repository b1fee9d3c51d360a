"""What the numbers rest on: thresholds, data, code, machine, openings of the test part."""

import math
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from fitscape.study.ledger import TEST_ERRORS, TEST_OPENED, Note
from fitscape.study.records import TrialState
from fitscape.study.report import wording
from fitscape.study.report.searched import searched
from fitscape.study.report.section import Section
from fitscape.study.report.subject import Subject

Rows = list[tuple[str, str]]
PARTS = ("train", "validation", "test")
NAMED = 20  # of the files that cannot be read


def provenance(subject: Subject) -> list[tuple[str, Rows]]:
    """Groups of (what, value)."""
    groups = [
        ("Thresholds", _thresholds(subject)),
        ("Data", _data(subject)),
        ("Search", _search(subject)),
        ("Code and machine", _code(subject)),
        ("Test part", _openings(subject)),
    ]
    return [(title, [(name, str(value) if value not in (None, "") else wording.NOT_MEASURED) for name, value in rows])
            for title, rows in groups]  # fmt: skip


def _thresholds(subject: Subject) -> list[tuple[str, Any]]:
    t = subject.config.regimes
    reference = next((label.reference_error for label in subject.labels.values()), None)
    given = t.reference_error is not None
    how = (
        "given by the user"
        if given
        else f"{wording.reference(given)}, by the model, as labels draw it"
        if subject.map is not None and subject.study.reference_outside is None
        else "the best configuration seen, chosen on one half of validation, judged on the other"
    )
    return [
        ("definition of regimes", f"version {t.version}"),
        ("tau (excess error that still counts as good)", f"{t.tau:g}"),
        ("untrained from", f"{t.untrained:g} of the way to chance"),
        ("confidence below which a label is undecided", wording.probability(t.confidence)),
        (
            "overfit or underfit, where not good",
            "overfit up to a training error whose excess over the reference is half of the validation error's, else "
            "underfit",
        ),
        ("reference error of single trials", f"{wording.percent(reference)}, {how}"),
        *(
            [
                (
                    "reference error of the recommendation and the map",
                    f"{wording.percent(fitted.cuts.reference)}, {wording.reference(given)}, by the model",
                )
            ]
            if (fitted := subject.map) is not None and not given
            else []
        ),
        ("error of chance", wording.percent(subject.provenance.get("chance_error"))),
    ]


def _data(subject: Subject) -> list[tuple[str, Any]]:
    data = subject.provenance.get("data", {})
    images = data.get("images", {})
    shape, read = data.get("input_shape"), subject.study.ledger.read_from is not None
    rows = [
        ("data set", subject.config.data.dataset),
        ("fingerprint", subject.provenance.get("data_fingerprint")),
        ("classes", f"{len(subject.classes)}: {', '.join(subject.classes[:20])}" if subject.classes else None),
        *([] if read else [("image", " x ".join(map(str, shape)) if shape else None)]),
        *([("sizes", data["sizes"])] if data.get("sizes") else []),
        *((f"{part} images", wording.number(images.get(part))) for part in (images if read else PARTS)),
    ]
    if not read:
        rows += [
            (
                "images of the training error",
                wording.number(min(subject.config.data.probe_size, images.get("train", math.inf))),
            ),
            ("seed of the split", subject.config.data.split_seed),
        ]
    if folds := subject.config.data.folds:
        rows.append(("folds", f"{folds}, that of a trial's seed is validation; numbers of images are those of seed 0"))
    rows += _weights(subject)
    rows += _left_out(subject.config.name, data.get("unreadable", []), data.get("read"))
    return rows + [("note", note) for note in data.get("notes", ())]


def _weights(subject: Subject) -> Rows:
    """What starting weights were trained on, as far as they say."""
    known = subject.provenance.get("weights", {})
    return [
        (
            f"weights {wording.value('weights', name)}",
            f"trained on {said['dataset']}; head {said['head']}",
        )
        for name, said in known.items()
        if said.get("dataset") and said.get("head")
    ]


def _left_out(study: str, files: list[str], read: int | None) -> list[tuple[str, Any]]:
    """The files that cannot be read: how many, and the first of them by name."""
    if not files:
        return []
    every = f"; all of them: fitscape status {study} --json" if files[NAMED:] else ""
    count = ("files left out, unreadable", f"{len(files)} of {(read or 0) + len(files)}{every}")
    return [count, *(("unreadable", file) for file in files[:NAMED])]


def _search(subject: Subject) -> list[tuple[str, Any]]:
    read = subject.study.ledger.read_from
    search = subject.config.search
    states = Counter(t.state.value for t in subject.trials)
    seeds = sorted({t.config.seed for t in subject.trials})
    trials = ("trials", ", ".join(f"{n} {state}" for state, n in states.items()) or "none")
    space = [(f"searched: {name}", values) for name, values in searched(subject)]
    if read is not None:
        read_from = ("read from", f"{read['kind']} {read['source']}")
        return [trials, read_from, ("how they were chosen", "not known"), *space]
    return [
        trials,
        *space,
        ("trials planned", wording.number(search.trials)),
        ("sampler", f"{search.sampler}, seed {search.seed}"),
        ("optimizer steps per trial", _steps(subject)),
        ("seeds of trials", ", ".join(map(str, seeds[:12])) + (" ..." if len(seeds) > 12 else "")),
        ("recipe", subject.config.recipe or "none"),
    ]


def _steps(subject: Subject) -> str | None:
    """Of trials that came to their end: after a few dozen steps a net shows how fast it learns and little else."""
    steps = sorted({t.last.step for t in subject.trials if t.state is TrialState.FINISHED and t.last is not None})
    if not steps:
        return None
    return str(steps[0]) if len(steps) == 1 else f"{steps[0]} to {steps[-1]}"


def _code(subject: Subject) -> list[tuple[str, Any]]:
    code, machine = subject.provenance.get("code", {}), subject.provenance.get("machine", {})
    if not isinstance(code, dict):
        code = {"commit": code}
    versions = subject.provenance.get("versions", {})
    devices = sorted({t.device for t in subject.trials if t.device})
    nodes = {t.node for t in subject.trials if t.node}
    return [
        ("Fitscape", code.get("fitscape")),
        ("commit", code.get("commit")),
        ("code of a trial", code.get("trial_code")),
        ("versions", ", ".join(f"{name} {version}" for name, version in versions.items() if version)),
        ("processor", f"{machine.get('processor', '')} ({machine.get('cpus', '?')} cores)" if machine else None),
        ("platform", machine.get("platform")),
        ("devices", ", ".join(devices)),
        ("Ray nodes, over all starts", len(nodes) or None),
    ]


def _openings(subject: Subject) -> list[tuple[str, Any]]:
    notes = [note for note in subject.study.ledger.notes() if note.kind in (TEST_OPENED, TEST_ERRORS)]
    if not notes:
        return [("opened", "never: nothing in this report has seen the test images")]
    rows: list[tuple[str, Any]] = []
    for note, following in zip(notes, [*notes[1:], None], strict=True):
        if note.kind == TEST_OPENED:
            rows.append(_opening(note))
            if not note.body.get("finalists") and (following is None or following.kind == TEST_OPENED):
                rows.append(("test errors", "none: the evaluation did not come to its end"))
        rows += [_test_error(finalist) for finalist in note.body.get("finalists", ())]
    return rows


def _opening(note: Note) -> tuple[str, str]:
    by = f" (by {note.body['by']})" if "by" in note.body else ""
    return f"opened {datetime.fromtimestamp(note.time, UTC):%Y-%m-%d %H:%M} UTC", f"{note.body.get('reason', '')}{by}"


def _test_error(finalist: dict[str, Any]) -> tuple[str, str]:
    low, high = wording.percent(finalist["low"]), wording.percent(finalist["high"])
    text = (
        f"test error {wording.percent(finalist['test_error'])} [{low}, {high}] on {finalist['images']} images; "
        f"validation {wording.percent(finalist['val_error'])}"
    )
    if not finalist["reproduced"]:
        text += "; trained again it gave another validation error (other device or versions)"
    return f"{finalist['architecture']} seed {finalist['seed']} ({finalist['trial_id']})", text


SECTION = Section("provenance", "What this rests on", "Basis", lambda m: provenance(m.subject))
