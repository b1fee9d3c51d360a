"""Every number as a person reads it."""

import math

import pytest

from fitscape.study.report import wording
from fitscape.study.report.sections.questions import counted, in_short

SPACE = "\u00a0"


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (0.0005, "below 0.1 %"),
        (0.001, "0.1 %"),
        (0.042, "4.2 %"),
        (0.0625, "6.3 %"),  # a half goes up, as in the page's scripts
        (0.0994, "9.9 %"),
        (0.0996, "10 %"),
        (0.125, "13 %"),
        (0.135, "14 %"),
        (0.99, "99 %"),
        (0.9949, "99 %"),
        (0.9951, "99.5 %"),
        (0.9994, "99.9 %"),
        (0.9996, "above 99.9 %"),
        (1, "100 %"),
        (None, "not measured"),
        (math.nan, "not measured"),
    ],
)
def test_shares(share: float | None, text: str) -> None:
    assert wording.percent(share) == text.replace(" %", f"{SPACE}%")


@pytest.mark.parametrize(
    ("given", "digits", "text"),
    [
        (160, 2, "160"),
        (160.0, 2, "160"),  # a batch size, which the map has as a number
        (1600.0, 3, "1,600"),
        (1234.5, 3, "1,235"),
        (163.4, 2, "163"),
        (0.05, 3, "0.05"),
        (0.12345, 3, "0.123"),
        (12.34, 3, "12.3"),
        (1e-5, 3, "1e-5"),
        (0.00012, 2, "0.00012"),
        (0.0, 3, "0"),
        (-3.0, 3, "-3"),
        (999_999_999_999_999, 3, "999,999,999,999,999"),
        (1e15, 3, "1e+15"),
        (2e15, 3, "2e+15"),
        (None, 3, "not measured"),
        (math.inf, 3, "not measured"),
    ],
)
def test_numbers(given: float | None, digits: int, text: str) -> None:
    assert wording.number(given, digits) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [(0, "below 0.01"), (0.0099, "below 0.01"), (0.01, "0.01"), (0.5, "0.50"), (0.99, "0.99"), (0.9901, "above 0.99")],
)
def test_probabilities_are_never_falsely_certain(p: float, text: str) -> None:
    assert wording.probability(p) == text


@pytest.mark.parametrize(
    ("name", "given", "text"),
    [
        ("architecture", "resnet18", "ResNet18"),
        ("batch_size", 160.0, "160"),
        ("train_fraction", 0.5, f"50{SPACE}%"),
        ("label_noise", 0.0, f"0{SPACE}%"),
        ("norm", "batch", "batch"),
        ("lr", None, "not measured"),
        ("lr", True, "True"),
    ],
)
def test_values_of_hyperparameters(name: str, given: object, text: str) -> None:
    assert wording.value(name, given) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [("resnet18", "ResNet18"), ("plain20", "plain-20"), ("plain", "plain"), ("densenet", "DenseNet"), ("mine", "mine")],
)
def test_nets(name: str, text: str) -> None:
    assert wording.net(name) == text


def test_settings_leave_out_the_net_and_the_seed() -> None:
    point = {"architecture": "resnet18", "width": 0.5, "weight_decay": 1e-4, "seed": 3}
    assert wording.setting(point) == "width 0.5, weight decay 0.0001"
    assert wording.setting({"freeze": 0, "lr": 0.1}) == "frozen stages 0 (all are tuned), learning rate 0.1"
    assert wording.hyperparameter("batch_size") == "batch size"
    assert wording.hyperparameter("made_up") == "made up"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (999, "999"),
        (1000, "1 k"),
        (999_499, "999 k"),
        (999_500, "1 M"),
        (1e6, "1 M"),
        (11_173_962, "11.2 M"),
        (1e9, "1 G"),
        (2.5e9, "2.5 G"),
        (1e12, "1 T"),
        (3.14159e12, "3.14 T"),
    ],
)
def test_magnitudes(given: float, text: str) -> None:
    assert wording.magnitude(given) == text.replace(" ", SPACE)


@pytest.mark.parametrize("given", [None, math.nan, math.inf])
def test_a_magnitude_that_does_not_exist_is_not_measured(given: float | None) -> None:
    assert wording.magnitude(given) == "not measured"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1.234, "1.23 s"), (119.9, "120 s"), (120, "2.0 min"), (7199, "120.0 min"), (7200, "2.0 h"), (math.nan, "")],
)
def test_durations(seconds: float, text: str) -> None:
    assert wording.duration(seconds) == (text.replace(" ", SPACE) or "not measured")


def test_intervals() -> None:
    assert wording.interval(0.042, 0.125) == f"4.2{SPACE}% to 13{SPACE}%"
    assert wording.interval(math.nan, 0.1) == "not measured"
    assert wording.interval(0.0005, 0.03) == f"at most 3.0{SPACE}%"  # never "below 0.1 % to 3.0 %"
    assert wording.interval(0.9, 0.9999) == f"at least 90{SPACE}%"
    assert wording.interval(0.0002, 0.0005) == f"below 0.1{SPACE}%"
    assert wording.interval(0.2213, 0.2242) == f"22.1{SPACE}% to 22.4{SPACE}%"  # never "22 % to 22 %"
    assert wording.interval(0, 0) == f"0{SPACE}%"


def test_nets_are_named_in_sentences_as_papers_write_them() -> None:
    assert wording.nets("resnet56 is deeper than plain20") == "ResNet56 is deeper than plain-20"
    assert wording.nets("densenet nets do better than plain nets") == "DenseNet nets do better than plain nets"


def test_shares_in_a_sentence_have_the_digits_that_the_page_gives_them() -> None:
    said = "16.0 % is reached by 100.0 % of the runs, 99.7 % and 0.0 % and 10.2 points, 8.4 %, 95 % interval 46.5 %"
    assert wording.nets(said) == (
        "16 % is reached by 100 % of the runs, 99.7 % and 0 % and 10.2 points, 8.4 %, 95 % interval 47 %"
    )


@pytest.mark.parametrize(
    ("verdicts", "answer", "outcome"),
    [
        (["supported"], "the main claim is supported", "1 claim: 1 supported"),
        (["contradicted"] * 2, "the main claims are contradicted", "2 claims: 2 contradicted"),
        (["undecided"] * 2, "not decided", "2 claims: 2 undecided"),
        (["too few runs"], "seen, with too few runs for a verdict", "1 claim: 1 with too few runs"),
        (["undecided", "too few runs"], "not decided", "2 claims: 1 undecided, 1 with too few runs"),
        (["supported", "contradicted"], "decided in part", "2 claims: 1 supported, 1 contradicted"),
    ],
)
def test_a_question_has_an_answer_in_short(verdicts: list[str], answer: str, outcome: str) -> None:
    assert (in_short(verdicts), counted(verdicts)) == (answer, outcome)
