"""What the page's scripts compute, function by function."""

import base64
import gzip
import re
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser

from fitscape.study.report import wording
from fitscape.study.report.pack import Pack


def source(file: str, *names: str) -> str:
    """The text of functions of one script."""
    text = files("fitscape.study.report").joinpath("static", file).read_text(encoding="utf-8")
    found = [re.search(rf"^function {name}\(.*?^}}$", text, re.DOTALL | re.MULTILINE) for name in names]
    return "\n".join(match[0] for match in found if match)


@pytest.fixture
def run(browser: Browser) -> Any:
    page = browser.new_context().new_page()
    yield page.evaluate
    page.context.close()


def test_shares_are_worded_as_in_the_rest_of_the_page(run: Any) -> None:
    shares = [k / 2000 for k in range(2001)] + [0.125, 0.135, 0.0625, 0.9951, 0.9996, 0.0004, 1e-6]
    told = run(f"(shares) => {{ {source('data.js', 'percent')} return shares.map(percent); }}", shares)
    assert told == [wording.percent(share) for share in shares]


def test_numbers_of_hyperparameters_are_worded_as_in_the_rest_of_the_page(run: Any) -> None:
    values = [160, 1600, 0.05, 0.123456, 1e-5, 12.34, 163.4, 1234.5, 0]
    code = f"(values) => {{ {source('data.js', 'percent', 'shown')} return values.map((v) => shown('lr', v)); }}"
    assert run(code, values) == [wording.value("lr", value) for value in values]


def test_probabilities_are_worded_as_in_the_rest_of_the_page(run: Any) -> None:
    chances = [0, 1e-4, 0.0099, 0.01, 0.1, 0.5, 0.904, 0.99, 0.9901, 0.999, 1]
    told = run(f"(chances) => {{ {source('data.js', 'chance')} return chances.map(chance); }}", chances)
    assert told == [wording.probability(p) for p in chances]


def medians(run: Any, *curves: dict[str, list[Any]]) -> dict[str, list[float]]:
    code = source("curves.js", "standing", "median", "medians")
    members = list(range(len(curves)))
    call = "const curveOf = (i) => curves[i]; return medians(members, 'val');"
    return dict(run(f"({{ curves, members }}) => {{ {code} {call} }}", {"curves": curves, "members": members}))


def test_the_median_of_an_even_number_is_the_mean_of_the_middle_two(run: Any) -> None:
    curves = [{"epoch": [1], "val": [v]} for v in (0.1, 0.2, 0.4, 0.9)]
    assert medians(run, *curves) == {"epochs": [1], "values": [pytest.approx(0.3)]}
    assert medians(run, *curves[:3]) == {"epochs": [1], "values": [0.2]}


def test_the_median_is_of_all_trials_at_every_epoch_whatever_their_lengths(run: Any) -> None:
    """A short trial that ended low and long ones that are high: no jump where the short one ends."""
    short = {"epoch": [1, 2], "val": [0.2, 0.1]}
    long = {"epoch": [1, 3, 5], "val": [0.9, 0.7, 0.5]}
    found = medians(run, short, long)
    assert found["epochs"] == [1, 2, 3, 5]
    assert found["values"] == pytest.approx([(0.2 + 0.9) / 2, (0.1 + 0.8) / 2, (0.1 + 0.7) / 2, (0.1 + 0.5) / 2])


def test_what_was_not_measured_is_in_no_median(run: Any) -> None:
    broken = {"epoch": [1, 2], "val": [0.4, None]}
    whole = {"epoch": [1, 2], "val": [0.2, 0.1]}
    assert medians(run, broken, whole) == {"epochs": [1, 2], "values": [pytest.approx(0.3), pytest.approx(0.1)]}


PLANE = {
    "map": {
        "confidence": 0.95, "stages": ["end"], "axes": {"lr": {"low": 0.01, "high": 1, "log": True}},
    },
    "looks": [{"name": "good", "symbol": "circle", "colour": "#000000", "dash": "solid"}],
}  # fmt: skip


def test_trials_of_another_unordered_choice_are_faint(run: Any) -> None:
    """Four trials on the plane's own slice at its own learning rate; two have another norm, one lies far off."""
    code = f"""({{ data, trials }}) => {{
      const NEAR = 0.25, view = {{ stage: 0, tau: 0, slice: "resnet", x: "width", y: null }};
      const cut = (r) => r, rates = (r) => r, summary = () => "", colour = () => "";
      const valueOf = (n, i) => trials.at[n][i];
      {source("map.js", "markers", "placeOf")}
      const plane = {{ point: {{ width: 0.5, lr: 0.1 }}, choices: {{ norm: "batch" }} }};
      const [group] = markers(plane, [0, 0.2, 0.4, 0.6, 0.8], [0, 0, 0, 0, 0]);
      return [group.customdata, group.marker.opacity];
    }}"""
    trials = {
        "number": [0, 1, 2, 3, 4],
        "slice": ["resnet", "resnet", "resnet", "resnet", None],
        "regimes": [[[0, 0, 0, 0, 0]]],
        "place": {"lr": [0.5, 0.5, 0.5, 0.9, 0.5]},
        "at": {"norm": ["batch", "group", "none", "batch", "batch"]},
    }
    assert run(code, {"data": PLANE, "trials": trials}) == [[0, 1, 2, 3], [1, 0.35, 0.35, 0.35]]


def test_the_band_of_a_regime_is_where_the_study_is_sure(run: Any) -> None:
    code = f"""({{ data }}) => {{
      const REGIMES = ["good"], colour = () => "", linspace = (n) => [...Array(n).keys()];
      const lookOf = () => data.looks[0];
      {source("plane.js", "boundaries")}
      return boundaries([[[0, 1], [0, 1]]]).map((line) => line.contours.start);
    }}"""
    assert run(code, {"data": PLANE}) == [0.5, 0.95]


def test_a_loss_axis_is_logarithmic_and_ends_at_what_is_no_outlier(run: Any) -> None:
    constants = "const LEAVES = 10, VANISHES = 1e-4;"
    code = f"(values) => {{ {constants} {source('curves.js', 'lossRange')} return lossRange(values, Math.log(10)); }}"
    assert run(code, [0.2, 0, 2.3, None, 1e11, 1e-7]) == pytest.approx([0.2 / 1.15, 2.3 * 1.15])
    assert run(code, [1e11, 1e12]) == pytest.approx([1e11 / 1.15, 1.15e11])  # all broke down: drawn all the same
    assert run(code, [None]) == [0.1, 1]


def test_the_front_holds_what_nothing_beats_in_error_and_cost(run: Any) -> None:
    code = f"([costs, errors]) => {{ {source('cost.js', 'front')} return front(costs, errors); }}"
    assert run(code, [[3, 1, 2, 2, None, 5], [0.1, 0.4, 0.4, 0.2, 0.0, None]]) == [1, 3, 0]


def test_a_configuration_is_on_the_front_with_the_mean_of_its_seeds_and_no_lucky_one(run: Any) -> None:
    """Seed 1 of configuration 7 is cheap and lucky; its seeds together are beaten by configuration 8."""
    mean = "const mean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;"
    code = f"([c, e, g]) => {{ {mean} {source('cost.js', 'configurations')} return configurations(c, e, g); }}"
    found = run(code, [[2, 1, 1.4, None, 5], [0.3, 0.02, 0.1, 0.1, None], [7, 7, 8, 8, 8]])
    assert found == [
        {"members": [0, 1], "cost": 1.5, "error": pytest.approx(0.16)},
        {"members": [2], "cost": 1.4, "error": pytest.approx(0.1)},
    ]


def test_of_a_hyperparameter_that_takes_a_few_values_nothing_is_drawn_between_them(run: Any) -> None:
    axes = {"freeze": {"choices": [0, 0.5, 1]}, "width": {"choices": None}}
    code = f"({{ data, grid }}) => {{ {source('plane.js', 'between', 'settled', 'inBands')} "
    code += "return inBands([grid], 'freeze', 'width')[0]; }"
    grid = [[k / 10 for k in range(11)], [1 + k / 10 for k in range(11)]]
    bands = [0, 0, 0, 0.5, 0.5, 0.5, 0.5, 0.5, 1, 1, 1]
    told = run(code, {"data": {"map": {"axes": axes}}, "grid": grid})
    assert told[0] == pytest.approx(bands)
    assert told[1] == pytest.approx([1 + v for v in bands])


def test_intervals_are_worded_as_in_the_rest_of_the_page(run: Any) -> None:
    ends = [
        (0, 0),
        (0, 0.0004),
        (0.2213, 0.2242),
        (0.2213, 0.2214),
        (0.05, 0.05),
        (0, 0.3),
        (0.2, 0.9999),
        (0.66, 0.67),
    ]
    code = f"(ends) => {{ {source('data.js', 'percent', 'interval')} return ends.map((pair) => interval(...pair)); }}"
    assert run(code, ends) == [wording.interval(*pair) for pair in ends]


def test_a_packed_loss_is_what_it_was(run: Any) -> None:
    given = [0.0123, 2.302, 4.5e10, float("nan"), float("inf")]
    pack = Pack()
    pack.losses(given)
    steps = np.frombuffer(gzip.decompress(base64.b64decode(pack.text())), dtype="<u2").tolist()
    code = "(steps) => { const MISSING = 65535, cut = (r) => r;" + source("data.js", "rates") + LOSSES
    told = run(f"{code} return losses(steps); }}", steps)
    assert told[:3] == pytest.approx(given[:3], rel=1e-3)
    assert told[3:] == [None, None]


LOSSES = next(
    line
    for line in files("fitscape.study.report").joinpath("static", "data.js").read_text(encoding="utf-8").splitlines()
    if line.startswith("const losses")
)


def test_points_of_a_few_values_are_counted_and_have_no_area(run: Any) -> None:
    grids = [[[0.95, 0.4]], [[0.05, 0.6]]]
    code = f"const REGIMES = ['good', 'overfit'], data = {{ map: {{ confidence: 0.9 }} }}; {source('map.js', 'counts')}"
    assert run(f"(grids) => {{ {code} return counts(grids); }}", grids) == {
        "n": 2,
        "unsure": 1,
        "of": [["good", 1], ["overfit", 1]],
    }


def test_a_log_axis_has_whole_decades_whatever_its_length(run: Any) -> None:
    code = f"(values) => {{ {source('draw.js', 'decades')} return decades(values, 5); }}"
    assert run(code, [1e-12, None, 0, 1]) == 3
    assert run(code, [0.2, 0.9]) == run(code, [None]) == 1


TICKS = source("draw.js", "decades", "powers", "powerTicks", "roundTicks") + source("data.js", "percent", "shown")


def test_ticks_of_powers_are_numbers_where_all_are_short_and_never_too_few(run: Any) -> None:
    code = f"(values) => {{ {TICKS} return powerTicks(values, 8).ticktext; }}"
    assert run(code, [0.004, None, 0, 700]) == ["0.01", "0.1", "1", "10", "100"]
    assert run(code, [2e-6, 30]) == [
        *(f"10<sup>\N{MINUS SIGN}{k}</sup>" for k in (5, 4, 3, 2, 1)),
        "1",
        "10<sup>1</sup>",
    ]
    assert run(code, [0.21, 0.9]) == ["0.2", "0.3", "0.5", "0.7", "1"]
    assert run(f"(values) => {{ {TICKS} return powerTicks(values, 8); }}", [0, None]) == {}


@pytest.mark.parametrize(
    ("low", "high", "most", "ticks"),
    [
        (1.45, 2.6, 8, ["1.2", "1.4", "1.6", "1.8", "2", "2.5", "3"]),
        (67e3, 264e3, 8, ["70000", "100000", "150000", "200000", "300000"]),
        (68e3, 2.5e6, 8, ["100000", "200000", "500000", "1000000", "2000000"]),
        (68e3, 2.5e6, 4, ["100000", "300000", "1000000", "3000000"]),
    ],
)
def test_round_ticks_are_the_finest_of_which_there_are_not_too_many(
    run: Any, low: float, high: float, most: int, ticks: list[str]
) -> None:
    told = run(f"(a) => {{ {TICKS} return roundTicks(...a, String, {most}).ticktext; }}", [low, high])
    assert told == ticks


def test_ticks_of_times_are_round_times(run: Any) -> None:
    text = files("fitscape.study.report").joinpath("static", "cost.js").read_text(encoding="utf-8")
    constants = "\n".join(line for line in text.splitlines() if line.startswith(("const SPANS", "const roundTime")))
    code = f"(name, a) => {{ const costly = {{ name }}; {constants} {TICKS} {source('cost.js', 'costTicks')}"
    told = run(f"(a) => ({code} return costTicks(...a, String, 8).ticktext; }})('seconds', a)", [7, 2400])
    assert told == [
        f"{n}\u00a0{unit}" for n, unit in ((10, "s"), (30, "s"), (1, "min"), (5, "min"), (10, "min"), (30, "min"))
    ]


def test_an_axis_of_errors_is_logarithmic_where_they_differ_tenfold_and_no_error_is_half_an_image(run: Any) -> None:
    code = (
        "(errors) => { const trials = { val_n: [200, null, 250] }, axis = (title, more) => more; "
        f"{TICKS} {source('cost.js', 'errorAxis', 'drawable')} "
        "const drawn = drawable(errors); return [drawn, errorAxis(drawn)]; }"
    )
    drawn, axis = run(code, [0, 0.01, None, 0.4])
    assert drawn == [0.002, 0.01, None, 0.4]
    assert axis["type"] == "log"
    assert axis["ticktext"] == ["0.3%", "1%", "3%", "10%", "30%"]
    assert 10 ** axis["range"][0] < 0.002 < 0.4 < 10 ** axis["range"][1]
    assert "type" not in run(code, [0.1, 0.4])[1]
