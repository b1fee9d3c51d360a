"""What is planted: studies without an effect, at the smallest effect that counts, and with one."""

from collections.abc import Callable, Mapping

from benchmarks.statistics.planted.study import Planted

Build = Callable[..., Planted]


def families() -> Mapping[str, Mapping[str, Build]]:
    """Question -> name of a kind of study -> what plants one, of a random generator."""
    from benchmarks.statistics.planted import (
        architectures,
        degradation,
        double_descent,
        early_overfit,
        gradients,
        helps,
        memorization,
    )

    return {
        "what_helps": helps.KINDS,
        "architectures": architectures.KINDS,
        "double_descent": double_descent.KINDS,
        "early_overfit": early_overfit.KINDS,
        "gradients": gradients.KINDS,
        "memorization": memorization.KINDS,
        "degradation": degradation.KINDS,
    }
