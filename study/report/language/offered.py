"""A page in English that holds what it is in other languages, for a browser that prefers one."""

import json
import os
import re
from typing import Final

from fitscape.study.report.language import ENGLISH, LANGUAGES, VARIABLE, catalogue
from fitscape.study.report.language.page import translated
from fitscape.study.report.pack import compressed

_SHOWN: Final = re.compile(r'(?<=<div id="page">).*</footer>', re.DOTALL)
_PICTURE: Final = re.compile(r'\bsrc="data:[^"]*"')
_SCRIPTS: Final = '<script type="application/json" id="numbers">'


def asked() -> bool:
    """Whether the user named a language, so that the page speaks that one alone."""
    return bool(os.environ.get(VARIABLE))


def offering(html: str) -> str:
    """A page with its other languages inside, compressed, one script element each (``static/language.js``).

    Each is ``html``, what the element ``page`` holds, and ``words``, the messages of the scripts. Pictures are in the
    page once: in another language an image has the number of the picture instead, which stays as it is in English.
    """
    shown = _SHOWN.search(html)
    assert shown is not None
    held = [
        f'<script type="text/plain" id="in-{name}" data-language="{name}">{_packed(shown[0], name)}</script>\n'
        for name in LANGUAGES
        if name != ENGLISH
    ]
    return html.replace(_SCRIPTS, "".join(held) + _SCRIPTS, 1)


def _packed(shown: str, name: str) -> str:
    spoken, count = catalogue(name), 0

    def numbered(_: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return f'data-picture="{count - 1}"'

    said = _PICTURE.sub(numbered, translated(shown, spoken))
    return compressed(json.dumps({"html": said, "words": spoken.in_scripts()}, ensure_ascii=False).encode())
