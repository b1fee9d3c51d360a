"""`ray up`, `ray submit`, `ray down` with cluster/ray-cluster-local.yaml against an sshd on loopback.

``python -m benchmarks.drills.ray_up_drill``: as root (the sshd lives in a process and mount namespace of its own, so
that the `ray stop` of these commands ends nothing else on the machine); needs openssh-server, rsync, netcat; about 2
minutes. The file is used as it is but for where sshd listens, its key, and the Python environment, which is this one.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from benchmarks.drills.compose_drill import show

ROOT = Path(__file__).parents[2]
PORT, GCS_PORT = 22022, 26379
RAY = [sys.executable, "-m", "ray.scripts.scripts"]
SSHD = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/key.pub
PasswordAuthentication no
UsePAM no
StrictModes no
PidFile none
SetEnv HOME={folder}/home
"""


def serve(folder: Path) -> subprocess.Popen[bytes]:
    """sshd with keys of its own, whose sessions see no process but their own and an empty /tmp/ray."""
    for name in ("host_key", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    (folder / "home").mkdir()
    (folder / "sshd_config").write_text(SSHD.format(port=PORT, folder=folder))
    Path("/run/sshd").mkdir(exist_ok=True)
    Path("/tmp/ray").mkdir(exist_ok=True)
    inside = f"mount -t tmpfs tmpfs /tmp/ray && exec {shutil.which('sshd')} -D -e -f {folder}/sshd_config"
    with (folder / "sshd.log").open("w") as log:
        namespaces = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
        server = subprocess.Popen([*namespaces, "sh", "-c", inside], stdout=log, stderr=log)
    time.sleep(1)
    return server


def configure(folder: Path) -> Path:
    config = yaml.safe_load((ROOT / "cluster/ray-cluster-local.yaml").read_text())
    config["auth"] = {
        "ssh_user": "root",
        "ssh_private_key": str(folder / "key"),
        "ssh_proxy_command": f"nc 127.0.0.1 {PORT}",
    }
    environment = Path(sys.executable).parents[1]
    config["setup_commands"] = [f"ln -sfn {environment} ~/fitscape-venv", *config["setup_commands"][2:]]
    # An installation of the code by pip; the linked environment has the packages it needs.
    config["setup_commands"].append("echo 'export PYTHONPATH=~/fitscape' >>~/.fitscape_profile")
    for commands in ("head_start_ray_commands", "worker_start_ray_commands"):
        config[commands] = [command.replace("6379", str(GCS_PORT)) for command in config[commands]]
    file = folder / "cluster.yaml"
    file.write_text(yaml.safe_dump(config))
    return file


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    folder = Path(tempfile.mkdtemp(prefix="fitscape-ssh-"))
    server = serve(folder)
    try:
        subprocess.run(["sh", "cluster/make_secrets.sh"], cwd=ROOT, check=True, capture_output=True)
        file = str(configure(folder))
        begun = time.monotonic()
        ray("up", "-y", file)
        show("ray up", True, f"{time.monotonic() - begun:.0f} s")
        words = ["run", "quickstart", "--trials", "4", "--set", "data.limit=400", "--set", "base.optimization.epochs=2"]
        log = ray("submit", file, "cluster/submit_entry.py", *words)
        show("ray submit ran a study", "4 of 4 trials ended" in log)
        log = ray("submit", file, "cluster/submit_entry.py", "resume", "quickstart", "--trials", "6")
        show("ray submit went on with it", "6 of 6 trials ended" in log)
        there = (folder / "home/fitscape-runs/quickstart/ledger.db").stat().st_size
        show("the study is in the head's own folder", there > 0, f"{there} bytes")
        ray("down", "-y", file)
        left = subprocess.run(["pgrep", "-f", f"gcs_server.*{GCS_PORT}"], capture_output=True, text=True).stdout
        show("ray down ended it", not left.strip())
    finally:
        server.kill()  # `unshare` hands no SIGTERM on; with it dies all that it started
        server.wait()


def ray(*words: str) -> str:
    environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token"}
    environment["RAY_AUTH_TOKEN_PATH"] = str(ROOT / ".secrets/ray_token")
    done = subprocess.run([*RAY, *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError(f"ray {words[0]}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout + done.stderr


if __name__ == "__main__":
    main()
