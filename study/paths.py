"""Paths as people write them: ``~``, relative, inside the names of data sets and of tracking stores."""

import os
from pathlib import Path
from urllib.parse import urlsplit

SQLITE = "sqlite:///"
PATH_KINDS = ("folder", "csv", "hf", "upload")  # data sets that take something after a colon


def expanded(path: str | os.PathLike[str]) -> Path:
    """With ``~`` as the home folder, which no shell has put there (``--root=~/runs``, an .env file)."""
    return Path(path).expanduser()


def absolute_dataset(dataset: str) -> str:
    """``folder:pets`` -> ``folder:/home/ann/pets``; a data set of a name alone as it is."""
    kind, colon, path = dataset.partition(":")
    return f"{kind}:{expanded(path).absolute()}" if kind in PATH_KINDS and colon and path else dataset


def absolute_uri(uri: str) -> str:
    """A SQLite store's URI with an absolute path; any other URI as it is."""
    if not uri.startswith(SQLITE):
        return uri
    path, mark, query = uri.removeprefix(SQLITE).partition("?")
    return f"{SQLITE}{expanded(path).absolute()}{mark}{query}" if path else uri


def uri_problem(uri: str) -> str:
    """Why a text is no URI; empty where it is one, or a plain path."""
    try:
        _ = urlsplit(uri).port
    except ValueError as error:
        return str(error)
    return ""
