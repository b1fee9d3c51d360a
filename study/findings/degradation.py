"""Do deeper nets train worse? He et al. 2015: plain nets do, residual nets do not, and it is not overfitting."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from fitscape.study.findings.context import Context, Labels, Question
from fitscape.study.findings.evidence import mean_evidence, t_evidence
from fitscape.study.findings.finding import Counted, Evidence, Finding, Verdict, adjusted, judge
from fitscape.study.measures.wording import percent
from fitscape.study.records import Regime, TrialRecord
from fitscape.study.regimes import DepthPair, DepthTest, depth_pairs, depth_tests
from fitscape.study.regimes.depth import DECADES, LEAST_RATES, LEAST_SEEDS, RISE
from fitscape.study.regimes.flags import VANISHING_RATIO

FACTOR_TWO: Final = float(np.log10(2))  # of a gradient ratio: what a larger study should tell
SOURCE: Final = "He et al. 2015, section 4.2, figure 6"


def degradation(trials: Sequence[TrialRecord], labels: Labels, context: Context) -> list[Finding]:
    """For each net and its shallowest twin, clean training error deep - shallow, paired by seed.

    Each depth at the best of the learning rates run. Plain nets are claimed to get worse, residual and dense
    ones not to; where both nets only overfit, the pair is the control and no rise is claimed.
    """
    found: list[Finding] = []
    for test in depth_tests(depth_pairs(trials, classes=context.classes, chance_error=context.chance_error)):
        pair = test.pair
        if all(_only_overfits(trials, labels) for trials in (pair.shallow_trials, pair.deep_trials)):
            found.append(_control(test))
            continue
        found.append(_rise(test))
        if test.p_gradients is not None:
            found.append(_not_vanishing(pair, test.p_gradients))
    return found


def _only_overfits(trials: Sequence[TrialRecord], labels: Labels) -> bool:
    """By the mean over seeds: five that each overfit with probability 0.8 are none decided, and together sure."""
    told = [labels[t.trial_id].probabilities[Regime.OVERFIT.value] for t in trials if t.trial_id in labels]
    return bool(told) and float(np.mean(told)) > 0.5


def _names(pair: DepthPair) -> tuple[str, str]:
    family = pair.stratum.model.family
    return f"{family}{pair.deep}", f"{family}{pair.shallow}"


def _compared(pair: DepthPair) -> str:
    deep, shallow = _names(pair)
    rates = f"the one learning rate run ({pair.deep_rate:g})"
    if pair.rates > 1:
        at = dict.fromkeys(f"{rate:g}" for rate in (pair.deep_rate, pair.shallow_rate))
        rates = f"the best of {pair.rates} learning rates, chosen by the other seeds ({' and '.join(at)}),"
    return (
        f"At {rates} and over {len(pair.deep_errors)} shared seeds, "
        f"{deep} ends at {percent(pair.deep_errors.mean())} error on clean, unaugmented training images, "
        f"{shallow} at {percent(pair.shallow_errors.mean())}."
    )


def _rise(test: DepthTest) -> Finding:
    pair = test.pair
    deep, shallow = _names(pair)
    family = pair.stratum.model.family
    plain = family == "plain"
    meaning = (
        "A deeper net could copy the shallower one and leave the rest as identity, so a higher training error "
        "means that it is harder to train. Overfitting would be a low training error with a high validation error."
    )
    found = judge(
        rise(test),
        "above" if plain else "not_above",
        claim=f"Degradation: {deep} trains to a higher error than {shallow}"
        if plain
        else f"Degradation: {deep} does not train to a higher error than {shallow}",
        question="degradation",
        family=family,
        unit="training error, deep - shallow",
        explanation=f"{_compared(pair)} {meaning}",
        source=SOURCE,
        effect="a rise of the training error with depth",
        if_found=f"So {deep} is harder to train than {shallow}.",
    )
    return _judged(test, found)


def rise(test: DepthTest) -> Evidence:
    """By how much the deep net ends at the higher training error, seed by seed."""
    return t_evidence(
        test.estimate,
        test.se,
        test.seeds - 1,
        n=test.seeds,
        margin=RISE,
        test="paired t over seeds",
        counted=Counted.SEEDS,
    )


def _judged(test: DepthTest, found: Finding) -> Finding:
    """The finding as the one rule of degradation has it: corrected over the study's pairs; a rise needs enough runs."""
    if test.degraded or test.denied or not test.lacks:
        return adjusted(found, test.p_adjusted)
    rule = f"A rise is found from {LEAST_SEEDS} seeds and {LEAST_RATES} learning rates on."
    open_ = replace(
        found, verdict=Verdict.UNDECIDED, needed=None, lacks=test.lacks, explanation=f"{found.explanation} {rule}"
    )
    return adjusted(open_, test.p_adjusted)


def _control(test: DepthTest) -> Finding:
    pair = test.pair
    deep, shallow = _names(pair)
    found = judge(
        rise(test),
        "not_above",
        claim=f"Degradation, control: nets that only overfit raise no alarm ({deep} against {shallow})",
        question="degradation",
        family=pair.stratum.model.family,
        unit="training error, deep - shallow",
        explanation=f"{_compared(pair)} Both fit their training images and fail on others: that is overfitting, "
        "and the test of depth must stay silent.",
        source=SOURCE,
        effect="a rise of the training error with depth",
    )
    return _judged(test, found)


def _not_vanishing(pair: DepthPair, p_adjusted: float) -> Finding:
    """Beside a plain net's rise: its gradients, which He et al. found healthy under batch normalization."""
    deep, _ = _names(pair)
    decades = pair.decades
    found = judge(
        mean_evidence(decades, resolution=DECADES, worth=FACTOR_TWO, test="t over seeds"),
        claim=f"Degradation: gradients do not vanish in {deep}",
        question="degradation",
        family="plain",
        unit=f"decades of first- over last-layer relative gradient norm, above {VANISHING_RATIO:g}",
        explanation=f"In {deep} the first layer's gradient, relative to its weights, is "
        f"{VANISHING_RATIO * 10 ** decades.mean():.2g} of the last layer's during training (geometric mean of "
        f"{len(decades)} seeds); below {VANISHING_RATIO:g} it counts as vanishing.",
        source="He et al. 2015, section 4.1",
        effect=f"a gradient at the first layer of {deep} above the limit of vanishing",
        if_found="A higher training error with live gradients is degradation, not vanishing gradients.",
    )
    return adjusted(found, p_adjusted)


QUESTION = Question(
    name="degradation",
    title="Do deeper nets train worse?",
    asked="Each net is compared with its shallowest twin on the training images themselves. A deeper net could "
    "copy the shallower one, so a higher training error means that it is harder to train (degradation). "
    "Overfitting would show the other way round: a low training error and a high error on unseen images. "
    "The figure is above, under the heading on depth.",
    answer=degradation,
    needs="nets of known depths, alike in all else, with shared seeds and several learning rates",
    main=("to a higher error than",),
)
