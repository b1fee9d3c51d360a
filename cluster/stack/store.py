"""Start SeaweedFS as an S3 store of three identities: one may make buckets, two may use one bucket each.

Only S3 listens beyond this container: master, volume server and filer know no identities. The identities come from
the environment and are written to memory (/tmp is a tmpfs).
"""

import json
import os
import shutil
from pathlib import Path

IDENTITIES = Path("/tmp/identities.json")
BUCKETS = {"MLFLOW": "mlflow", "STUDY": "fitscape"}
RIGHTS = ("Read", "Write", "List", "Tagging")


def identity(name: str, actions: list[str]) -> dict[str, object]:
    keys = {"accessKey": os.environ[f"S3_{name}_KEY"], "secretKey": os.environ[f"S3_{name}_SECRET"]}
    return {"name": name.lower(), "credentials": [keys], "actions": actions}


def main() -> None:
    identities = [identity("ADMIN", ["Admin"])]
    identities += [identity(name, [f"{right}:{bucket}" for right in RIGHTS]) for name, bucket in BUCKETS.items()]
    IDENTITIES.touch(mode=0o600)
    IDENTITIES.write_text(json.dumps({"identities": identities}))
    for name in [name for name in os.environ if name.startswith("S3_")]:
        del os.environ[name]
    weed = shutil.which("weed")
    assert weed is not None
    options = {
        "dir": "/store",
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": "1024",
        "volume.max": "0",  # as many as the disk holds
        "filer": "true",
        "s3": "true",
        "s3.ip.bind": "0.0.0.0",
        "s3.config": str(IDENTITIES),
        "s3.iam": "false",
        "s3.port.iceberg": "0",
        "s3.port.lance": "0",
    }
    os.chdir("/tmp")
    os.execv(weed, [weed, "-logtostderr=true", "server", *(f"-{name}={value}" for name, value in options.items())])


main()
