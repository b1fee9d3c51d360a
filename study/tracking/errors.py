"""What went wrong with MLflow, in one line, and what fixes it. Pure: reads exceptions by their text."""

import re
from typing import NamedTuple
from urllib.request import getproxies, proxy_bypass

from fitscape.study.tracking.location import Location


class Trouble(NamedTuple):
    """``what`` happened and what would ``fix`` it; neither holds a secret."""

    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.what} ({self.fix})"


def explain(error: BaseException, location: Location, *, named: str = "--tracking-uri") -> Trouble:
    """The trouble behind an exception of MLflow, requests, SQLAlchemy or the system.

    Args:
        named: what the user gave the address by.
    """
    text = str(error)
    at = location.public
    for pattern, what, fix in _KNOWN:
        if re.search(pattern, text, re.IGNORECASE | re.DOTALL):
            return Trouble(f"{at}: {what}", fix.format(host=_host(location), named=named) + _proxy(location))
    return Trouble(f"{at}: {scrub(text, location) or type(error).__name__}", "see the server's log")


def is_late(error: BaseException) -> bool:
    """Whether the server did not answer in the time that a call may take."""
    return re.search(r"timed out|timeout", str(error), re.IGNORECASE) is not None


def may_pass(error: BaseException) -> bool:
    """Whether the server is away, overloaded or limits us: what it is known to hold has not changed by that."""
    return re.search(_PASSING, str(error), re.IGNORECASE) is not None


def scrub(text: str, location: Location) -> str:
    """One line of at most 300 characters without passwords."""
    text = text.replace(location.uri, location.public)
    text = re.sub(r"//[^/@\s]+@", "//", text)
    return re.sub(r"\s+", " ", text).strip()[:300]


def _proxy(location: Location) -> str:
    """A hint at a proxy that requests to the server go through; empty where there is none."""
    if not location.served:
        return ""
    scheme, host = location.uri.partition("://")[0], _host(location).partition(":")[0]
    if scheme not in getproxies() or proxy_bypass(host):
        return ""
    return f"; {scheme.upper()}_PROXY is set: if that proxy does not reach the server, set NO_PROXY={host}"


def _host(location: Location) -> str:
    return re.sub(r"^\w+://|/.*$", "", location.public)


_PASSING = (
    r"\b(408|429|500|502|503|504)\b|timed out|timeout|connection (refused|reset|aborted|broken)|remote end closed|"
    r"max retries exceeded|failed to establish|name resolution|no route to host|database is locked"
)
# In order: the first pattern that is found in the text of the exception.
_KNOWN = (
    (
        r"invalid host header|rebinding",
        "the server refuses this host name (403)",
        "start it with `mlflow server --allowed-hosts {host}`",
    ),
    (
        r"\b401\b|not authenticated|unauthorized|password authentication failed",
        "not logged in (401)",
        "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
    ),
    (
        r"\b403\b|permission denied|forbidden",
        "no right to write here (403)",
        "ask its admin for EDIT on the experiment, or choose another with --set tracking.experiment=NAME",
    ),
    (
        r"connection refused|failed to establish|name or service not known|name resolution|no route to host",
        "nothing answers",
        "start the MLflow server, or correct {named}",
    ),
    (
        r"timed out|timeout",
        "no answer in time",
        "is the server hung or overloaded? look at its log",
    ),
    (r"database is locked", "the database is locked", "end the program that holds it"),
    (
        r"database or disk is full|no space left|disk full",
        "its disk is full",
        "free some room on the tracking store's disk",
    ),
    (r"\b429\b", "the server asks for fewer calls (429)", "wait, or have its limit raised"),
    (
        r"\b413\b",
        "a file is larger than the server takes (413)",
        "have its limit on the size of a request raised; a proxy before it may set that limit",
    ),
    (r"\b(500|502|503|504)\b", "the server fails", "look at the server's log"),
    (
        r"\b404\b|valid json|expecting value",
        "this is not an MLflow server",
        "correct the path in {named}",
    ),
    (
        r"deleted",
        "the experiment is deleted",
        "restore it, or choose another with --set tracking.experiment=NAME",
    ),
    (
        r"file store|filesystem tracking backend|unsupported uri|registered for scheme|parse rfc1738|could not parse",
        "not a tracking store that serves here",
        "use sqlite:///FILE, postgresql+psycopg://... or http://...",
    ),
    (r"out-of-date database schema", "the database has an old schema", "run `mlflow db upgrade URI`"),
)
