"""Ray's token: a run of ours is never open to whoever reaches its ports."""

import os
import secrets
import sys
from pathlib import Path


def require_token() -> None:
    """Turn token authentication on; an existing setting of the user's stays.

    Ray reads it when it is imported: in a program that has imported Ray itself, its setting is left alone. Ray
    would write its own token file readable by all (umask 022), so it is made here first, with mode 600.
    """
    if "ray" in sys.modules:
        return
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    if os.environ["RAY_AUTH_MODE"] != "token" or "RAY_AUTH_TOKEN" in os.environ:
        return
    path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    try:
        _private_token(path)
    except OSError:  # a home that cannot be written to: a token for this process and its children
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def _private_token(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if path.stat().st_mode & 0o077 and os.access(path, os.W_OK):
            path.chmod(0o600)
        return
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32))
