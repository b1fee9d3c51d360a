"""How much runs at once: which trials are dearest, what one takes, and how many are handed out."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import product
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from fitscape.models.size import activation_bytes, measure
from fitscape.models.spec import ModelSpec
from fitscape.study.config import StudyConfig, TrialConfig
from fitscape.study.errors import UserError
from fitscape.study.isolated import Crashed, call
from fitscape.study.plugins import Code, install, installed
from fitscape.study.scheduling.cluster import Cluster
from fitscape.study.scheduling.contracts import require_contracts
from fitscape.study.scheduling.demand import Demand
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.packing import Request
from fitscape.study.search.cost import flops
from fitscape.study.search.space import Space
from fitscape.study.training import SAFE_FORMAT, Settings, choose_settings
from fitscape.study.training.settings import MemoryFormat, Precision
from fitscape.study.training.timing import Timed, choose_and_time, time_nets

GROWING = ("width", "growth_rate", "depth", "batch_size", "image_size")  # hyperparameters that make a step dearer
MEASURED = 2  # trials whose memory is measured on each kind of card
RESOURCES_BACK_WITHIN = 300.0  # seconds that a run waits for a node that can run its trials


def largest_trials(config: StudyConfig, space: Space, others: Iterable[TrialConfig]) -> list[TrialConfig]:
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
    candidates = largest_trials(config, space, others)

    def operations(trial: TrialConfig) -> float:
        return trial.optimization.batch_size * flops(trial.model, trial.data.shape_of(input_shape), classes)

    found = max(candidates, key=operations)
    _require_buildable(found, found.data.shape_of(input_shape), classes)
    require_contracts(candidates, input_shape, classes)
    return found


def hungriest(
    config: StudyConfig, space: Space, others: Iterable[TrialConfig], input_shape: tuple[int, int, int], classes: int
) -> list[TrialConfig]:
    """The trials that may need most memory: those with most bytes of activations, one of each kind of norm.

    Operations do not tell: group norm keeps fp32 activations where batch norm keeps bf16 ones, so that the corner of
    most operations may need a fifth of what another needs.
    """
    most: dict[str, tuple[float, TrialConfig]] = {}
    for trial in largest_trials(config, space, others):
        try:
            each = 1 if trial.model.own else activation_bytes(trial.model, trial.data.shape_of(input_shape), classes)
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
    timed: Sequence[TrialConfig] = (),
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
        timed: trials of which a few steps are timed under these settings, where the first run measures.

    Returns:
        Settings for every worker to put its own device in, and JSON to keep; ``timed`` in it has, of each of those
        trials, its config, and the seconds per image of a training step and of an evaluation.
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
    chosen, times, problem = _chosen(
        replace(base, device=device),
        precision,
        layout,
        [(trial.model, trial.optimization.batch_size) for trial in timed],
        spec=trial.model,
        input_shape=trial.data.shape_of(shape),
        classes=classes,
        batch_size=trial.optimization.batch_size,
    )
    keep = {
        "device": device,
        "precision": chosen.precision,
        "memory_format": chosen.memory_format,
        "measured_on": trial.flat(),
        "rates": [asdict(rate) for rate in chosen.rates],
        "timed": [[t.model_dump(mode="json"), *time] for t, time in zip(timed, times, strict=False) if time],
        "problem": problem,
    }
    return replace(chosen, device="cpu"), keep


def _chosen(
    base: Settings,
    precision: Precision | None,
    layout: MemoryFormat | None,
    nets: Sequence[tuple[ModelSpec, int]],
    **net: Any,
) -> tuple[Settings, Sequence[Timed | None], str]:
    """What is not given, measured; the times of ``nets``; and in words what went wrong meanwhile.

    A layout that crashes is not chosen.
    """
    problem = ""
    for formats in ((layout,) if layout else None, (SAFE_FORMAT,)):
        try:
            if precision is not None and layout is not None:
                given = replace(base, precision=precision, memory_format=layout)
                return given, call(time_nets, nets, net["input_shape"], net["classes"], given) if nets else (), ""
            asked = {"settings": base, "precision": precision, "formats": formats, **net}
            if nets:
                return *call(choose_and_time, nets, **asked), problem
            return call(choose_settings, **asked), (), problem
        except Crashed as error:
            problem = f"{error} while the layouts were measured"
            if precision is not None and layout is not None:  # it was asked for, and its trials tell
                return replace(base, precision=precision, memory_format=layout), (), problem
        except Exception as error:  # noqa: BLE001  (out of memory, or a net that cannot be trained: its trial tells)
            return replace(base, precision=precision or "fp32"), (), f"{type(error).__name__}: {error}"
    return replace(base, precision=precision or "fp32", memory_format=SAFE_FORMAT), (), problem


def on_worker(
    task: Callable[..., Any],
    request: Request,
    *arguments: Any,
    node_id: str | None = None,
    selector: Mapping[str, str] | None = None,
) -> Any:
    """Run a function once where trials run, and return what it returns.

    The function and its arguments are pickled: they hold shapes and counts, never data.

    Args:
        task: the function.
        request: what it takes.
        arguments: of the function.
        node_id: the node to run it on.
        selector: labels of the nodes that may run it, as ``SetAside.selector`` has them.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    where: dict[str, Any] = {}
    if node_id is not None:
        where["scheduling_strategy"] = NodeAffinitySchedulingStrategy(node_id, soft=False)
    elif selector:
        where["label_selector"] = dict(selector)
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
