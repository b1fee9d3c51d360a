"""How much runs at once: what a trial costs before it has run, what it takes, and how many are handed out."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from itertools import product
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from fitscape.models.from_own import require_contract
from fitscape.models.size import activation_bytes, measure
from fitscape.models.spec import ModelSpec
from fitscape.study.config import StudyConfig, TrialConfig
from fitscape.study.errors import UserError
from fitscape.study.isolated import Crashed, TookTooLong, call, call_within
from fitscape.study.plugins import Code, install, installed
from fitscape.study.scheduling.cluster import Cluster
from fitscape.study.scheduling.demand import Demand
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.packing import Request
from fitscape.study.search.space import Space
from fitscape.study.training import SAFE_FORMAT, Settings, choose_settings
from fitscape.study.training.loss import require_loss
from fitscape.study.training.settings import MemoryFormat, Precision

GROWING = ("width", "growth_rate", "depth", "batch_size")  # hyperparameters that make a step dearer
WIDTH = 0.25  # a narrow net is counted quickly; convolutions grow with the square of the width
TRIED, TRIED_WITHIN = 8, 120.0  # networks of the user's own that are built before the first trial, and the seconds
MEASURED = 2  # trials whose memory is measured on each kind of card
RESOURCES_BACK_WITHIN = 300.0  # seconds that a run waits for a node that can run its trials


def relative_cost(config: TrialConfig, images: int, input_shape: tuple[int, int, int], classes: int) -> float:
    """Floating-point operations of the whole trial, up to a factor common to all trials of a study.

    Args:
        config: the trial.
        images: in the training split.
        input_shape: (C, H, W) of one image.
        classes: number of classes.
    """
    optimization = config.optimization
    if optimization.steps_per_epoch is None:
        seen = images * config.data.train_fraction
    else:
        seen = optimization.steps_per_epoch * optimization.batch_size
    return seen * optimization.epochs * _flops(config.model, input_shape, classes)


def _flops(spec: ModelSpec, input_shape: tuple[int, int, int], classes: int) -> float:
    if spec.own:  # whose code this process does not run
        return 1.0
    if spec.timm:  # of one width
        return _narrow_flops(spec, input_shape, classes)
    return _narrow_flops(replace(spec, width=WIDTH), input_shape, classes) * (spec.width / WIDTH) ** 2


@lru_cache(maxsize=256)
def _narrow_flops(spec: ModelSpec, input_shape: tuple[int, int, int], classes: int) -> int:
    try:
        return measure(replace(spec, init="he", dropout=0.0), input_shape, classes)[1]
    except ValueError:  # no such net for images of this size: its trial will fail, and say so, at once
        return 0


def _candidates(config: StudyConfig, space: Space, others: Iterable[TrialConfig]) -> list[TrialConfig]:
    """The base, its enqueued points, the corners of the space where a step is dear, and ``others``."""
    own = [name for name, value in config.base.model.keywords.items() if type(value) in (int, float)]
    largest = {n: _largest(space[n]) for n in dict.fromkeys((*GROWING, *own)) if n in space}
    named = {n: d.choices for n in ("architecture", "norm") if isinstance(d := space.get(n), CategoricalDistribution)}
    corners = [{**largest, **dict(zip(named, values, strict=True))} for values in product(*named.values())]
    candidates = [config.base, *others]
    for point in (*config.enqueue, *corners):
        try:
            candidates.append(config.base.with_hyperparameters(dict(point)))
        except ValueError:  # two hyperparameters contradict each other in this corner
            continue
    return candidates


def costliest(
    config: StudyConfig, space: Space, others: Iterable[TrialConfig], input_shape: tuple[int, int, int], classes: int
) -> TrialConfig:
    """The trial with most operations a step among the corners of the space, its enqueued points and ``others``.

    It stands for the study where something is measured once: precision and layout, memory on a card.

    Raises:
        UserError: none of them can be built for these images.
    """
    candidates = _candidates(config, space, others)
    found = max(candidates, key=lambda c: c.optimization.batch_size * _flops(c.model, input_shape, classes))
    _require_buildable(found, input_shape, classes)
    _require_own_code(candidates, input_shape, classes)
    return found


def hungriest(
    config: StudyConfig, space: Space, others: Iterable[TrialConfig], input_shape: tuple[int, int, int], classes: int
) -> list[TrialConfig]:
    """The trials that may need most memory: those with most bytes of activations, one of each kind of norm.

    Operations do not tell: group norm keeps fp32 activations where batch norm keeps bf16 ones, so that the corner of
    most operations may need a fifth of what another needs.
    """
    most: dict[str, tuple[float, TrialConfig]] = {}
    for trial in _candidates(config, space, others):
        try:
            each = 1 if trial.model.own else activation_bytes(trial.model, input_shape, classes)
        except ValueError:  # no such net for images of this size
            continue
        size = trial.optimization.batch_size * each
        if size > most.get(trial.model.norm, (0.0, trial))[0]:
            most[trial.model.norm] = size, trial
    return [trial for _, trial in sorted(most.values(), key=lambda found: -found[0])][:MEASURED]


def _require_buildable(trial: TrialConfig, input_shape: tuple[int, int, int], classes: int) -> None:
    if trial.model.own:
        return  # that is looked at elsewhere
    try:
        measure(trial.model, input_shape, classes)
    except ValueError as error:
        raise UserError(str(error).removeprefix("input_shape: "), where="base.model") from error


def _require_own_code(trials: Sequence[TrialConfig], shape: tuple[int, int, int], classes: int) -> None:
    """Build each network of the user's own that is among the trials, and take one step of it; try each own loss.

    Raises:
        UserError: one does not do what it has to do, crashes, or takes too long.
    """
    specs = list(
        dict.fromkeys(trial.model for trial in trials if trial.model.own and trial.model.family != trial.trial)
    )
    losses = [str(name.reference) for name in code.named if name.role == "loss"] if (code := installed()) else []
    if not (specs or losses):
        return
    where = specs[0].family if specs else losses[0]
    try:
        call_within(TRIED_WITHIN, _try, specs[:TRIED], losses, shape, classes)
    except ValueError as error:
        key, _, text = str(error).partition(": ")
        raise UserError(text, where="base.optimization.loss" if key == "loss" else "base.model.family") from None
    except TookTooLong:
        raise UserError(f"one step of two images takes more than {TRIED_WITHIN:g} s", where=where) from None
    except Crashed as error:
        raise UserError(f"one step of two images crashes ({error.by})", where=where) from None


def _try(specs: Sequence[ModelSpec], losses: Sequence[str], shape: tuple[int, int, int], classes: int) -> None:
    for spec in specs:
        require_contract(spec, shape, classes)
    for loss in losses:
        require_loss(loss, classes)


def _largest(distribution: BaseDistribution) -> float:
    if isinstance(distribution, CategoricalDistribution):
        return max(value for value in distribution.choices if isinstance(value, int | float))
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return distribution.high


def study_settings(
    config: StudyConfig,
    trial: TrialConfig,
    shape: tuple[int, int, int],
    classes: int,
    kept: Mapping[str, Any],
    device: str,
) -> tuple[Settings, dict[str, Any]]:
    """Precision and layout of the study: as the config or its first run has them, or measured on this machine, now.

    Precision stays for the life of a study, or its trials could not be compared; a layout that was measured is
    measured anew on another kind of device. Layouts are tried in a process of their own: kernels of some crash.

    Args:
        config: the study.
        trial: its costliest, which is measured.
        shape: (C, H, W) of one image.
        classes: number of classes.
        kept: what this function returned as second part in an earlier run; empty in the first.
        device: ``cpu`` or ``cuda``, as trials get it.

    Returns:
        Settings for every worker to put its own device in, and JSON to keep.
    """
    asked = config.resources
    if config.base.trial is not None:  # its code decides
        return Settings(threads=max(1, int(asked.cpus_per_trial))), {"precision": "fp32", "memory_format": SAFE_FORMAT}
    base = Settings(threads=max(1, int(asked.cpus_per_trial)))
    as_kept = asked.precision in ("auto", kept.get("precision")) and (
        asked.memory_format in ("auto", kept.get("memory_format"))
    )
    if kept.get("device") == device and as_kept:
        return replace(base, precision=kept["precision"], memory_format=kept["memory_format"]), dict(kept)
    precision = kept.get("precision") if asked.precision == "auto" else asked.precision
    given = asked.memory_format
    layout = None if given == "auto" or given == kept.get("memory_format") else given
    if layout == "mixed" and device == "cuda":
        layout = "channels_last"  # mixed is a matter of the CPU's kernels
    chosen, problem = _chosen(
        replace(base, device=device),
        precision,
        layout,
        spec=trial.model,
        input_shape=shape,
        classes=classes,
        batch_size=trial.optimization.batch_size,
    )
    keep = {
        "device": device,
        "precision": chosen.precision,
        "memory_format": chosen.memory_format,
        "measured_on": trial.flat(),
        "rates": [asdict(rate) for rate in chosen.rates],
        "problem": problem,
    }
    return replace(chosen, device="cpu"), keep


def _chosen(
    base: Settings, precision: Precision | None, layout: MemoryFormat | None, **net: Any
) -> tuple[Settings, str]:
    """What is not given, measured; and in words what went wrong meanwhile. A layout that crashes is not chosen."""
    if precision is not None and layout is not None:
        return replace(base, precision=precision, memory_format=layout), ""
    problem = ""
    for formats in ((layout,) if layout else None, (SAFE_FORMAT,)):
        try:
            return call(choose_settings, settings=base, precision=precision, formats=formats, **net), problem
        except Crashed as error:
            problem = f"{error} while the layouts were measured"
        except (ValueError, RuntimeError) as error:  # out of memory, or a net that cannot be trained: its trial tells
            return replace(base, precision=precision or "fp32"), f"{type(error).__name__}: {error}"
    return replace(base, precision=precision or "fp32", memory_format=SAFE_FORMAT), problem


def on_worker(task: Callable[..., Any], request: Request, *arguments: Any, node_id: str | None = None) -> Any:
    """Run a function once where trials run, and return what it returns.

    The function and its arguments are pickled: they hold shapes and counts, never data.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    where = {} if node_id is None else {"scheduling_strategy": NodeAffinitySchedulingStrategy(node_id, soft=False)}
    remote = ray.remote(num_cpus=request.cpus, num_gpus=request.gpus, max_retries=2, **where)(_with_code)
    return ray.get(remote.remote(installed(), task, *arguments))


def _with_code(code: Code | None, task: Callable[..., Any], *arguments: Any) -> Any:
    """The task in a process that can import the user's code."""
    install(code)
    return task(*arguments)


class Places:
    """Trials that fit and trials that are handed out, counted anew as nodes come and go. Used in Tune's loop only.

    Args:
        cluster: entered.
        request: what one trial takes.
        limit: most trials at once, ``resources.max_concurrent``.
    """

    def __init__(self, cluster: Cluster, request: Request, limit: int | None) -> None:
        self.request = request
        self._cluster, self._limit = cluster, limit
        self._lacking_since: float | None = None
        self._fit = cluster.slots(request)
        self._demand = None if cluster.local else Demand(request)

    @property
    def slots(self) -> int:
        """Trials that run at once."""
        return max(1, self._fit if self._limit is None else min(self._fit, self._limit))

    @property
    def reserve(self) -> int:
        """Trials that wait for a slot, so that one that becomes free stands idle for no moment."""
        return max(1, self.slots // 8)

    def room(self) -> int:
        """Trials that may be handed out: those that run, and some that wait."""
        if self._limit is not None and self._fit >= self._limit:
            return self._limit
        return min(self.slots + self.reserve, self._limit or 1_000_000)

    def look(self, running: int, left: int, interruption: Interruption) -> str:
        """Count again; a sentence when trials begin to lack a node, the end of the run when they lack it for long.

        Args:
            running: trials now.
            left: trials that have not ended. Where more could run at once than fit, an autoscaler sees as much again
                as there is asked for: a cluster doubles until it is enough.
            interruption: ends the run.
        """
        self._fit = self._cluster.slots(self.request)
        if self._demand is not None:
            wanted = left if self._limit is None else min(left, self._limit)
            lacking = 0 if interruption.requested else max(0, wanted - self._fit)
            self._demand.show(min(lacking, max(2, self._fit)), self._cluster.aside.selector())
        if running or self._fit:
            self._lacking_since = None
            return ""
        if self._lacking_since is None:
            self._lacking_since = time.monotonic()
            return f"waiting for a node that has {self.request}, for {RESOURCES_BACK_WITHIN:g} s at most"
        if time.monotonic() - self._lacking_since > RESOURCES_BACK_WITHIN:
            interruption.request(f"no node that can run a trial came back: it takes {self.request}")
        return ""

    def close(self) -> None:
        """Nothing more is wanted."""
        if self._demand is not None:
            self._demand.close()
