"""mkdocs' hook: takes README, CHANGELOG and CONTRIBUTING into the site, and makes links work there as in the tree.

The pages are written for who reads them in the repository. On the site a link to another page goes to that page, a
picture from outside docs/ is taken along, and of a link to anything else its text stays.
"""

import os
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

DOCS = "docs/"
PAGES = {
    "README.md": "index.md",
    "README.ko.md": "index.ko.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
}
PICTURES = ("results/**/*.png", "benchmarks/results/*.png")
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
ELSEWHERE = ("http://", "https://", "mailto:", "#")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    root = _root(config)
    for source, uri in PAGES.items():
        files.append(File.generated(config, uri, content=(root / source).read_text()))
    for pattern in PICTURES:
        for picture in sorted(root.glob(pattern)):
            files.append(File.generated(config, picture.relative_to(root).as_posix(), abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    sources = {uri: source for source, uri in PAGES.items()}
    here = page.file.src_uri
    source = sources.get(here, DOCS + here)

    def place(match: re.Match[str]) -> str:
        picture, label, target = match.groups()
        if target.startswith(ELSEWHERE):
            return match[0]
        path, mark, fragment = target.partition("#")
        named = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        uri = next((u for u in _candidates(named) if files.get_file_from_path(u)), None)
        if uri is None:
            if not (_root(config) / named).exists():
                raise FileNotFoundError(f"{source}: links to {named}, which is not there")
            return label
        return f"{picture}[{label}]({os.path.relpath(uri, posixpath.dirname(here) or '.')}{mark}{fragment})"

    return LINK.sub(place, markdown)


def _candidates(named: str) -> list[str]:
    """Where the site may hold what the repository has at ``named``."""
    inside = named.removeprefix(DOCS)
    return [PAGES[named]] if named in PAGES else [inside, f"{inside}/index.md"]


def _root(config: MkDocsConfig) -> Path:
    return Path(config.config_file_path).parent
