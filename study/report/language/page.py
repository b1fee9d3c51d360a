"""A page in another language: every run of text between tags, and the attributes that are read out."""

import re
from typing import Final

from fitscape.study.report.language.catalogue import Catalogue

INSIDE: Final = ("b", "strong", "em")  # tags that are part of a sentence
SAID: Final = ("aria-label", "alt", "title", "placeholder")
_TAGS = re.compile(r"(<(?:[^<>\"]|\"[^\"]*\")*>)")
_NAME = re.compile(r"</?([a-z0-9]+)")
_WRAPPED = re.compile(r"(<(b|strong|em)>)((?:(?!</\2>).)+)(</\2>)", re.DOTALL)
_ATTRIBUTE = re.compile(rf'\b({"|".join(SAID)})="([^"]+)"')
_KEPT: Final = ("script", "style")
_VOID: Final = ("br", "img", "meta", "input", "link", "hr")


def translated(html: str, catalogue: Catalogue) -> str:
    """What jinja made of our templates, in another language; what ``translate="no"`` marks stays as it is."""
    if not catalogue.messages:
        return html
    done: list[str] = []
    run: list[str] = []
    kept: list[str] = []  # the open tags inside an element that is left alone

    def flush() -> None:
        done.append(_said("".join(run), catalogue))
        run.clear()

    for k, part in enumerate(_TAGS.split(html)):
        if k % 2 == 0:
            (done if kept else run).append(part)
            continue
        tag = name[1] if (name := _NAME.match(part)) else ""
        if kept:
            done.append(part)
            if tag == kept[-1] and part.startswith("</"):
                kept.pop()
            elif tag and tag not in _VOID and not part.startswith("</"):
                kept.append(tag)
        elif tag in INSIDE and 'translate="no"' not in part:
            run.append(part)
        else:
            flush()
            done.append(_ATTRIBUTE.sub(lambda found: f'{found[1]}="{catalogue(_plain(found[2]))}"', part))
            if not part.startswith("</") and (tag in _KEPT or 'translate="no"' in part):
                kept.append(tag)
    flush()
    return "".join(done)


def _said(run: str, catalogue: Catalogue) -> str:
    text = " ".join(_plain(run).split())
    found = _sentence(text, catalogue) if text else ""
    before, after = run[: len(run) - len(run.lstrip())], run[len(run.rstrip()) :]
    return run if found == text else f"{before}{found}{after}"


def _sentence(text: str, catalogue: Catalogue) -> str:
    if whole := _WRAPPED.fullmatch(text):
        return f"{whole[1]}{_sentence(whole[3], catalogue)}{whole[4]}"
    found = catalogue(text)
    if found == text and "<" in text:  # not a message as a whole: what stands between its tags may be
        return "".join(catalogue(part) if k % 2 == 0 else part for k, part in enumerate(_TAGS.split(text)))
    return found


def _plain(text: str) -> str:
    """Apostrophes as messages have them; whatever could be markup stays escaped."""
    return text.replace("&#39;", "'")
