"""The page: sections rendered by jinja2, every value escaped, styles and scripts inside."""

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from fitscape.study.regimes.flags import FLAGS
from fitscape.study.report import vocabulary, wording
from fitscape.study.report.language import catalogue
from fitscape.study.report.language.offered import asked, offering
from fitscape.study.report.language.page import translated
from fitscape.study.report.links import mlflow_link
from fitscape.study.report.pack import Pack, compressed
from fitscape.study.report.section import Material
from fitscape.study.report.sections import SECTIONS
from fitscape.study.report.stages import EpochStage, stages
from fitscape.study.report.subject import Subject

SCRIPTS = (
    "data",
    "language",
    "draw",
    "plane",
    "map",
    "ask",
    "curves",
    "figures",
    "cost",
    "table",
    "detail",
    "live",
    "main",
)  # in this order
_PERCENT = re.compile(r"(?<=\d) %")


def render(subject: Subject, *, live: Mapping[str, Any] | None = None) -> str:
    """The HTML document: under 6 MB at 2,000 trials, and nothing in it comes from elsewhere. Where the user named no
    language it is in English and holds the others, for a reader whose browser prefers one.

    Args:
        subject: the study.
        live: of a page that is served while its study runs (report/live.py): it asks its server how the study
            stands, and nobody else. None: a page that asks nothing.
    """
    spoken = catalogue()
    running = live is not None and not live["over"]
    material = Material([EpochStage(None, subject)] if running else stages(subject), Pack(), runs=running)
    for section in SECTIONS:
        material.built[section.key] = section.build(material)
    data = {
        "looks": vocabulary.as_json(),
        "flags": {name: flag.meaning for name, flag in FLAGS.items()},
        "names": wording.HYPERPARAMETERS,
        "nets": {t.config.model.name: wording.net(t.config.model.name) for t in subject.trials},
        "tau": subject.config.regimes.tau,
        "mlflow": mlflow_link(subject),
        "live": live,
        "words": spoken.in_scripts(),
        **{section.key: material.built[section.key] for section in SECTIONS if section.scripted},
    }
    html = environment().get_template("page.html.j2").render(
        **material.built,
        config=subject.config,
        language=spoken.language,
        live=live,
        facts=_facts(subject),
        sections=[section for section in SECTIONS if section.shown(material.built[section.key])],
        css=static("page.css"),
        data=script_json("numbers", data),
        arrays=Markup(material.pack.text()),
        plotly=Markup(compressed(get_plotlyjs().encode())),
        scripts=Markup("\n").join(static(f"{name}.js") for name in SCRIPTS),
    )  # fmt: skip
    html = unbroken(html)
    return translated(html, spoken) if asked() or live is not None else offering(html)


def unbroken(html: str) -> str:
    """A page in whose words no line ends between a number and its per cent sign."""
    words, script, rest = html.partition("<script")
    return _PERCENT.sub("\u00a0%", words) + script + rest


def script_json(element: str, data: Any) -> Markup:
    """JSON in a script element that no text in it can leave; keys and numbers stay what they are.

    Raises:
        ValueError: a number is not finite; what was not measured is null.
    """
    text = json.dumps(plain(data), allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    for sign in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(f'<script type="application/json" id="{element}">{text}</script>')


def plain(value: Any) -> Any:
    """The same with Python's own numbers in the place of numpy's, which JSON does not know; keys too."""
    if isinstance(value, dict):
        return {plain(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value.item() if isinstance(value, np.generic) else value


def _facts(subject: Subject) -> list[tuple[str, str]]:
    ended = sum(t.state.terminal for t in subject.trials)
    facts = [
        ("data set", subject.config.data.dataset),
        ("trials", f"{ended} of {subject.config.search.trials}"),
        ("architectures", str(len({t.config.model.name for t in subject.trials}))),
    ]
    counts = [label.regime.value for label in subject.labels.values()]
    return facts + [(name, str(counts.count(name))) for name in vocabulary.LOOKS if name in counts]


def environment() -> Environment:
    """Templates in which every value is escaped."""
    environment = Environment(
        loader=PackageLoader("fitscape.study.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": wording.percent,
        "probability": wording.probability,
        "sentence": wording.sentence,
        "span": _span,
    }
    return environment


def _span(share: Mapping[str, float]) -> str:
    """The interval of a mean share, the mean itself in it; empty where it would read like the mean."""
    low, high = min(share["low"], share["share"]), max(share["high"], share["share"])
    text = wording.interval(low, high)
    return "" if text == wording.percent(share["share"]) else text


def static(name: str) -> Markup:
    """A style sheet or script, to be put inside a page."""
    return Markup(files("fitscape.study.report").joinpath("static", name).read_text(encoding="utf-8"))
