"""A Ray of this machine without the processes that no study needs, and a Tune without imports that none needs.

Each entry replaces something private to Ray, as no public setting has its effect. All were seen in Ray 2.56 to 2.60;
pyproject.toml bounds Ray's version, and `.ci/newest` raises that bound once the tests pass on a newer one. Each entry
has a canary in tests/scheduling/test_ray_patches.py, which fails once Ray no longer needs it.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partialmethod
from typing import Any

# Parameters of Ray's node that ``ray.init`` keeps from its caller.
_LEAN: dict[str, Any] = {
    "include_log_monitor": False,  # passes workers' output on to the driver, which does not want it
    "no_monitor": True,  # an autoscaler, which has nothing to scale on one machine
    # Ray's own choice is one fixed port. Where another Ray has it, the agent tries for 3.3 s and then goes without
    # its HTTP side, and the node waits for it all that time.
    "dashboard_agent_listen_port": 0,
}


@contextmanager
def untold() -> Iterator[None]:
    """Within it Tune does not count callbacks for its telemetry, which is off.

    To know one, it would import MLflow and its other integrations: seconds before the first trial.
    """
    try:
        from ray.air._internal import usage

        original = usage.tag_callbacks
    except (ImportError, AttributeError):
        yield
        return
    usage.tag_callbacks = lambda callbacks: False
    try:
        yield
    finally:
        usage.tag_callbacks = original


@contextmanager
def turning() -> Iterator[None]:
    """Within it Tune's loop goes on turning where no trial is out, and looks at the interruption in each turn.

    By itself it stands still for up to 600 s until there is a trial, and only in a turn does it give back what stopped
    trials had of cards. A trial that waits for the search for such a card would be waited for by that search.
    """
    try:
        from ray.tune.execution.tune_controller import TuneController

        original = TuneController._update_trial_queue
    except (ImportError, AttributeError):
        yield
        return
    TuneController._update_trial_queue = lambda controller, blocking=False, timeout=0: original(controller)
    try:
        yield
    finally:
        TuneController._update_trial_queue = original


@contextmanager
def _no_dashboard() -> Iterator[None]:
    """Within it Ray starts as it does where only its core is installed, and without the dashboard's process.

    With ``include_dashboard=False`` Ray starts that process all the same, for its telemetry, and waits for it.
    """
    try:
        from ray._private import utils
        from ray._private.node import Node

        originals = utils.get_dashboard_dependency_error, Node.start_api_server
    except (ImportError, AttributeError):
        yield
        return
    utils.get_dashboard_dependency_error = lambda: ImportError("a study needs no dashboard")
    Node.start_api_server = _start_nothing
    try:
        yield
    finally:
        utils.get_dashboard_dependency_error, Node.start_api_server = originals


def _start_nothing(node: Any, **_: Any) -> None:
    node._webui_url = ""


@contextmanager
def lean() -> Iterator[None]:
    """Within it ``ray.init`` starts a lean Ray.

    A version of Ray that knows a parameter no longer starts as that version does by itself.
    """
    try:
        from ray._private.parameter import RayParams
    except ImportError:
        yield
        return
    original = RayParams.__init__
    known = inspect.signature(original).parameters
    given = {name: value for name, value in _LEAN.items() if name in known}
    RayParams.__init__ = partialmethod(original, **given)
    try:
        with _no_dashboard():
            yield
    finally:
        RayParams.__init__ = original
