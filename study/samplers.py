"""The samplers by name. A new one is a file, or a class in one, and one line here."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final


@dataclass(frozen=True)
class Sampler:
    """Where a sampler is, and what it may look at. It is imported when it is first used."""

    description: str  # for a person
    module: str
    name: str  # of a `Design` in the module, or of a function that makes an Optuna sampler
    adaptive: (
        bool  # whether it looks at results; the configurations of one that does not are a fair sample of the space
    )

    even_part: bool = False  # whether a part of its configurations is a design that looks at nothing

    def load(self) -> Callable[..., Any]:
        """The class or function itself."""
        found: Callable[..., Any] = getattr(import_module(self.module), self.name)
        return found


SAMPLERS: Final = {
    "sobol": Sampler("an even design", "fitscape.study.search.designs", "Sobol", adaptive=False),
    "random": Sampler("chance", "fitscape.study.search.designs", "Random", adaptive=False),
    "tpe": Sampler("Optuna's TPE, towards low errors", "fitscape.study.search.samplers", "tpe", adaptive=True),
    "grid": Sampler("every combination", "fitscape.study.search.designs", "Grid", adaptive=False),
    "regime": Sampler(
        "boundaries between regimes", "fitscape.study.search.samplers", "regime", adaptive=True, even_part=True
    ),
}


def sampler_of(name: str) -> Sampler:
    """The sampler of that name; one of the user's own code looks at results."""
    module, _, function = name.partition(":")
    return SAMPLERS.get(name) or Sampler("your own", module.removesuffix(".py"), function, adaptive=True)
