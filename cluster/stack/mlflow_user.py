"""Add a user to the MLflow server, or give one a new password: ``mlflow_user.py NAME``, the password on stdin.

The administrator's name and password come from the environment (MLFLOW_AUTH_ADMIN_USERNAME and _PASSWORD).
"""

import base64
import json
import os
import sys
import urllib.error
import urllib.request


def ensure_user(name: str, password: str) -> str:
    """Create the user; where there is one already, set the password. Returns what was done."""
    try:
        _call("POST", "create", {"username": name, "password": password})
        return f"{name} added"
    except urllib.error.HTTPError as error:
        answer = json.loads(error.read() or b"{}")
        if answer.get("error_code") != "RESOURCE_ALREADY_EXISTS":
            raise SystemExit(f"MLflow refuses: {error.code} {answer.get('message', '')}") from error
    _call("PATCH", "update-password", {"username": name, "password": password})
    return f"{name} was there, has its password"


def _call(method: str, what: str, body: dict[str, str]) -> None:
    admin = f"{os.environ['MLFLOW_AUTH_ADMIN_USERNAME']}:{os.environ['MLFLOW_AUTH_ADMIN_PASSWORD']}"
    request = urllib.request.Request(
        f"{os.environ['MLFLOW_URL']}/api/2.0/mlflow/users/{what}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": "Basic " + base64.b64encode(admin.encode()).decode()},
        method=method,
    )
    urllib.request.urlopen(request, timeout=30).close()


if __name__ == "__main__":
    print(ensure_user(sys.argv[1], sys.stdin.readline().strip()))
