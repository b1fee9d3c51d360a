"""Curves whose training error was measured while the net trained."""

from hand_made import make_epoch, make_trial

from fitscape.study.importing.train_mode import doubts, looks_logged_in_train_mode


def curve(*errors: tuple[float, float]):
    return tuple(make_epoch(train, val, epoch=i) for i, (train, val) in enumerate(errors, start=1))


DROPOUT = curve((0.6, 0.4), (0.5, 0.35), (0.4, 0.3), (0.3, 0.28), (0.25, 0.28), (0.2, 0.28))
CLEAN = curve((0.5, 0.52), (0.4, 0.43), (0.3, 0.34), (0.2, 0.3), (0.1, 0.28), (0.05, 0.28))
NOISE = curve((0.5, 0.495), (0.4, 0.41), (0.3, 0.34), (0.2, 0.3), (0.1, 0.28), (0.05, 0.28))


def test_validation_that_is_better_early_on_gives_it_away() -> None:
    assert looks_logged_in_train_mode(DROPOUT)
    assert not looks_logged_in_train_mode(CLEAN)
    assert not looks_logged_in_train_mode(NOISE)


def test_final_values_alone_show_nothing() -> None:
    assert not looks_logged_in_train_mode(DROPOUT[:1])
    assert doubts([make_trial({"seed": 1}, DROPOUT[0])]) == []


def test_the_doubt_counts_the_runs_that_raise_it() -> None:
    told = doubts([make_trial({"seed": i}, *(DROPOUT if i else CLEAN)) for i in range(3)])
    assert len(told) == 1
    assert told[0].startswith("in 2 of 3 runs with curves validation is better than training early on")
