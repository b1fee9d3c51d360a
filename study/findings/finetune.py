"""Does a pretrained net pay, up to how many images, and which of its stages should be tuned?"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from fitscape.study.findings.context import Context, Labels, Question
from fitscape.study.findings.evidence import mean_evidence
from fitscape.study.findings.finding import Evidence, Finding, is_above, judge
from fitscape.study.findings.twins import Errors, Twins, crossing, learning_stages, scratch_twins
from fitscape.study.measures.wording import percent
from fitscape.study.records import TrialRecord
from fitscape.study.regimes.rule import Array

MARGIN: Final = 0.01  # one point of error is the smallest difference worth the name
SOURCE: Final = "He, Girshick and Dollar 2019, section 5"
SOURCE_OF_STAGES: Final = "Yosinski et al. 2014, section 1 and figure 2"


def finetune(trials: Sequence[TrialRecord], labels: Labels, context: Context) -> list[Finding]:
    """For each network: what the weights bring at the fewest and at the most images, and how much of it to tune."""
    found: list[Finding] = []
    for one in scratch_twins(trials, context):
        found += [_gain(one, 0), _gain(one, len(one.images) - 1), _falls(one, context)]
        if len(one.levels) > 1:
            found.append(_over_and_under(one))
            found += [claim(one, m) for m in (0, len(one.images) - 1) for claim in (_unfreezing, _freezing)]
    return found


def _evidence(values: Array, one: Twins, *compared: tuple[Errors, int]) -> Evidence:
    """Paired t over seeds. Seeds that choose by each other and do not agree are no independent draws: Nadeau and
    Bengio's correction (2003), as for depths."""
    return mean_evidence(
        values,
        margin=MARGIN,
        resolution=one.image,
        inflation=_inflation(compared, len(values)),
        test="paired t over seeds, options chosen by the others",
    )


def _inflation(compared: Sequence[tuple[Errors, int]], seeds: int) -> float:
    agreed = all(len(set(errors.choices(m).tolist())) == 1 for errors, m in compared)
    return 1.0 if agreed else float(np.sqrt(1 + seeds / (seeds - 1)))


def _gain(one: Twins, m: int) -> Finding:
    scratch, tuned = one.scratch.val(m), one.tuned.val(m)
    return judge(
        _evidence(scratch - tuned, one, (one.scratch, m), (one.tuned, m)),
        claim=f"Fine-tuning: weights lower the validation error of {_net(one)} at {_images(one, m)}",
        question="finetune",
        family=one.example.config.model.family,
        unit="validation error, from scratch - from the weights",
        explanation=f"At {_images(one, m)} and with the same steps, {len(scratch)} pairs of runs end at "
        f"{percent(scratch.mean())} from scratch and at {percent(tuned.mean())} from the weights. Rates and frozen "
        "stages are those that are best for the other seeds on one half of validation; errors are of the other half.",
        source=SOURCE,
        effect="a fall of the validation error",
        if_found="Pretraining pays there.",
    )


def _falls(one: Twins, context: Context) -> Finding:
    gains, last = one.gains(), len(one.images) - 1
    sides = [(errors, m) for errors in (one.scratch, one.tuned) for m in (0, last)]
    spread = _inflation([(e, m) for e in (one.scratch, one.tuned) for m in range(last + 1)], len(gains))
    where = crossing(gains, one.images, MARGIN, inflation=spread, seed=context.seed)
    return judge(
        _evidence(gains[:, 0] - gains[:, last], one, *sides),
        claim=f"Fine-tuning: weights bring {_net(one)} less where there are more images",
        question="finetune",
        family=one.example.config.model.family,
        unit="fall of the validation error by the weights, fewest - most images",
        explanation=f"The weights bring {', '.join(_of_images(one, m, g) for m, g in enumerate(gains.mean(axis=0)))}. "
        f"{_crossing_words(one, where)}",
        source=SOURCE,
        effect="a fall of the gain with the images",
    )


def _crossing_words(one: Twins, where: tuple[float, float, float]) -> str:
    estimate, low, high = where
    least = f"{100 * MARGIN:.1f} points"
    ends = dict.fromkeys(_number(end, one) for end in (low, high))
    interval = f"95 %: {' to '.join(ends)} {one.unit}"
    if estimate == 0:
        return f"That is below {least} at every number of images that was run ({interval})."
    if not np.isfinite(estimate):
        return f"At the most images it is above {least}: from where on it stays below is not known ({interval})."
    return f"It stays below {least} from {_number(estimate, one)} {one.unit} on ({interval})."


def _over_and_under(one: Twins) -> Finding:
    """Both must hold: the weaker evidence is that of the claim (intersection and union, Berger 1982). That one of them
    does not hold has two chances to be found."""
    whole, head = one.frozen_to(one.levels[0]), one.frozen_to(one.levels[-1])
    train = [errors.at(0, lambda e: e.train) for errors in (whole, head)]
    val = [errors.val(0) for errors in (whole, head)]
    sides = [
        _evidence(values, one, (whole, 0), (head, 0))
        for values in (train[1] - train[0], (val[0] - train[0]) - (val[1] - train[1]))
    ]
    weaker = max(sides, key=lambda side: (not is_above(side), side.p_above))
    names = [learning_stages(one.example.config.model, level) for level in (one.levels[0], one.levels[-1])]
    return judge(
        replace(weaker, p_below=min(1.0, 2 * weaker.p_below), test=f"two tests that must both hold, {weaker.test}"),
        claim=f"Fine-tuning: at {_images(one, 0)} {_net(one)} overfits with {names[0]} tuned and underfits with "
        f"{names[1]}",
        question="finetune",
        family=one.example.config.model.family,
        unit="the less sure of two differences: training error, least - most tuned; gap to validation, most - least "
        "tuned",
        explanation=f"At {_images(one, 0)} {names[0]} end at {percent(train[0].mean())} training and "
        f"{percent(val[0].mean())} validation error, {names[1]} at {percent(train[1].mean())} and "
        f"{percent(val[1].mean())}. The gap is {_points(val[0] - train[0])} with {names[0]} and "
        f"{_points(val[1] - train[1])} with {names[1]}. The claim takes both: a larger gap with {names[0]}, and a "
        f"higher training error with {names[1]}.",
        source=SOURCE_OF_STAGES,
        effect="a double difference (overfitting with the most tuned, underfitting with the least)",
    )


def _points(values: Array) -> str:
    return f"{100 * values.mean():.1f} points"


def _unfreezing(one: Twins, m: int) -> Finding:
    most = one.levels[-1]
    name = learning_stages(one.example.config.model, most)
    claim = f"does better with more tuned than {name}"
    return _against_the_others(one, m, most, claim, f"validation error, {name} - best of the others")


def _freezing(one: Twins, m: int) -> Finding:
    least = one.levels[0]
    name = learning_stages(one.example.config.model, least)
    unit = f"validation error, {name} tuned - best of the others"
    return _against_the_others(one, m, least, "does better with some stages frozen", unit)


def _against_the_others(one: Twins, m: int, level: int, claim: str, unit: str) -> Finding:
    """The nets frozen to one level against the best of all other levels."""
    single, rest = one.frozen_to(level), one.frozen_to(*(other for other in one.levels if other != level))
    return judge(
        _evidence(single.val(m) - rest.val(m), one, (single, m), (rest, m)),
        claim=f"Fine-tuning: {_net(one)} at {_images(one, m)} {claim}",
        question="finetune",
        family=one.example.config.model.family,
        unit=unit,
        explanation=f"{_by_level(one, m)} The best of the others, as the other seeds choose it, has "
        f"{percent(rest.val(m).mean())}.",
        source=SOURCE_OF_STAGES,
        effect="a fall of the validation error",
    )


def _by_level(one: Twins, m: int) -> str:
    told = [
        f"{percent(one.frozen_to(level).val(m).mean())} with {learning_stages(one.example.config.model, level)}"
        for level in one.levels
    ]
    return f"At {_images(one, m)} the validation error is {', '.join(told)} tuned, over {len(one.tuned.b)} seeds."


def _net(one: Twins) -> str:
    return one.example.config.model.name


def _images(one: Twins, m: int) -> str:
    return f"{_number(float(one.images[m]), one)} {one.unit}"


def _of_images(one: Twins, m: int, gain: float) -> str:
    return f"{100 * gain:+.1f} points at {_images(one, m)}"


def _number(value: float, one: Twins) -> str:
    if value == 0:
        return f"fewer than {_number(float(one.images[0]), one)}"
    if not np.isfinite(value):
        return f"more than {_number(float(one.images[-1]), one)}"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


QUESTION = Question(
    name="finetune",
    title="Does a pretrained net pay, and how much of it should be tuned?",
    asked="The same network was trained from weights and from scratch, on the same images with the same seeds and "
    "steps. The distance between the two lines is what the weights bring; where it closes, pretraining no longer "
    "pays. The lines of frozen stages show what is lost or won by tuning less.",
    answer=finetune,
    needs="runs from weights and from scratch that share images, seeds and learning rates",
    takes="runs of one net from weights and from scratch, at two numbers of images, with three shared seeds",
    main=("weights lower the validation error", "does better with"),
)
