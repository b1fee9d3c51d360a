from fitscape.study.tracking.progress import SyncProgress


def test_a_sync_says_how_far_it_is_how_fast_and_how_long_it_takes() -> None:
    now, said = [0.0], []
    progress = SyncProgress(300, said.append, clock=lambda: now[0])
    for second, sent in ((1, 4), (10, 40), (12, 50), (20, 50), (30, 120), (60, 300)):
        now[0] = float(second)
        assert not progress.enough(sent)
    assert said == [
        "40 of 300 trials sent, 4.0 per second, 65 s left",
        "50 of 300 trials sent, 2.5 per second, 100 s left",
        "120 of 300 trials sent, 4.0 per second, 45 s left",
        "300 of 300 trials sent, 5.0 per second, 0 s left",
    ]
