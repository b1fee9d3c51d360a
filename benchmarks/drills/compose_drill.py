"""The compose stack for real: a study, then every kind of loss, and what must have survived.

``python -m benchmarks.drills.compose_drill [--host-packages] [--keep]``: needs Docker, Chromium, Debian's
`dataset-fashion-mnist`; about 20 minutes on 2 cores. It removes the volumes of the stack first. Each line of the output
is one thing shown.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from benchmarks.drills import leaks
from benchmarks.drills.stack import Job, Stack
from benchmarks.machine import facts
from fitscape.study.config import TrackingConfig
from fitscape.study.ledger import Ledger
from fitscape.study.records import TrialRecord, TrialState

STUDY, OUTAGES, LOSSES = "fashion-drill", "fashion-outages", "fashion-losses"
FILE = "benchmarks/drills/fashion.yaml"
TRIALS = 20  # of a study that is disturbed
RESULTS = Path(__file__).parents[1] / "results"
shown: list[dict[str, Any]] = []


def show(what: str, well: bool, detail: Any = "") -> None:
    shown.append({"what": what, "well": well, "detail": detail})
    print(f"{'ok' if well else 'FAULT':<6}{what}{f': {detail}' if detail != '' else ''}", flush=True)
    if not well:
        raise SystemExit(1)


def refusals(stack: Stack, folder: Path) -> None:
    """Nobody gets in without a token or a password, and nothing listens beyond loopback."""
    job = {"entrypoint": "id"}
    codes = {
        "job, no token": requests.post(f"{stack.jobs}/api/jobs/", json=job, timeout=30),
        "job, wrong token": requests.post(
            f"{stack.jobs}/api/jobs/", json=job, headers={"Authorization": "Bearer no"}, timeout=30
        ),
        "job list, no token": requests.get(f"{stack.jobs}/api/jobs/", timeout=30),
        "MLflow, no password": requests.get(f"{stack.tracking}/api/2.0/mlflow/experiments/search", timeout=30),
        "MLflow, default password": requests.get(
            f"{stack.tracking}/api/2.0/mlflow/experiments/search", auth=("admin", "password1234"), timeout=30
        ),
    }
    found = {what: answer.status_code for what, answer in codes.items()}
    show("unauthenticated requests are refused", set(found.values()) <= {401, 403}, found)
    ports = [int(stack.environment.get(name, default)) for name, default in (("MLFLOW_PORT", 5000), ("RAY_PORT", 8265))]
    lines = subprocess.run(["ss", "-Hltn"], capture_output=True, text=True, check=True).stdout.splitlines()
    listening = sorted({line.split()[3] for line in lines if int(line.split()[3].rsplit(":", 1)[1]) in ports})
    show("published on loopback only", listening == sorted(f"127.0.0.1:{port}" for port in ports), listening)


def bring(stack: Stack, study: str, to: Path) -> list[TrialRecord]:
    """The study's trials, from the ledger that ``fetch`` brings out of MLflow."""
    from fitscape.study.tracking import fetch

    with Ledger.open(fetch(study, TrackingConfig(uri=stack.tracking), to) / "ledger.db") as ledger:
        return ledger.trials()


def compare(stack: Stack, study: str, trials: list[TrialRecord]) -> None:
    """REST, psql and S3 hold what the ledger holds, once."""
    runs = stack.runs(study, "trial")
    show("a run in MLflow for every trial, read by REST", len(runs) == len(trials), len(runs))
    uid = stack.runs(study, "study")[0]["tags"]["study_uid"]
    where = f"select count(*) from tags where key='study_uid' and value='{uid}'"
    counted = int(stack.sql(f"{where} and run_uuid in (select run_uuid from runs where lifecycle_stage='active')")[0])
    show("the same in PostgreSQL, by psql", counted == len(trials) + 1, f"{counted} with the study's own")
    by_id = {trial.trial_id: trial for trial in trials}
    for run in runs:
        query = {"run_id": run["info"]["run_id"], "metric_key": "val_error", "max_results": 1000}
        points = stack.mlflow("GET", "metrics/get-history", params=query).json()["metrics"]
        steps = sorted(int(point["step"]) for point in points)
        trial = by_id[run["tags"]["trial_id"]]
        assert steps == [record.epoch for record in trial.epochs], (trial.trial_id, steps)
    show("every epoch in MLflow exactly once", True, f"{sum(len(t.epochs) for t in trials)} epochs")
    parent = stack.runs(study, "study")[0]["info"]["run_id"]
    keys = [key for key in stack.objects("mlflow") if parent in key]
    wanted = ("report/index.html", "ledger/ledger.db", "study.yaml")
    show("artifacts in S3", all(any(key.endswith(w) for key in keys) for w in wanted), f"{len(keys)} objects")


def report(stack: Stack, study: str, picture: Path) -> None:
    """The report's page inside MLflow's UI."""
    from playwright.sync_api import HttpCredentials, sync_playwright

    run = stack.runs(study, "study")[0]["info"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        login: HttpCredentials = {"username": "admin", "password": stack.secrets["MLFLOW_ADMIN_PASSWORD"]}
        page = browser.new_page(http_credentials=login, viewport={"width": 1500, "height": 1000})
        place = f"experiments/{run['experiment_id']}/runs/{run['run_id']}/artifacts/report/index.html"
        page.goto(f"{stack.tracking}/#/{place}")
        frame = page.frame_locator("iframe").first
        frame.locator("h1, h2").first.wait_for(timeout=120_000)
        text = frame.locator("body").inner_text()
        page.wait_for_timeout(3000)
        page.screenshot(path=picture)
        browser.close()
    show("the report opens in MLflow's UI", study in text, f"{len(text)} characters, picture {picture.name}")


def study(stack: Stack, folder: Path) -> None:
    begun = time.monotonic()
    code = Job(stack, FILE).end()
    show("a study through the Jobs API", code == 0, f"exit code {code}, {time.monotonic() - begun:.0f} s")


def compared(stack: Stack, folder: Path) -> None:
    trials = bring(stack, STUDY, folder)
    nodes = {trial.node for trial in trials}
    show("trials on both workers", len(nodes) == 2, {n: sum(t.node == n for t in trials) for n in nodes})
    compare(stack, STUDY, trials)
    report(stack, STUDY, folder / "report.png")


def outages(stack: Stack, folder: Path) -> None:
    """A worker is killed, then the database is away for a minute; the same job goes on."""
    job = Job(stack, FILE, "--name", OUTAGES, "--trials", str(TRIALS))
    job.wait_for(3)
    worker = stack.containers("worker")[1]
    subprocess.run(["docker", "kill", worker], check=True, capture_output=True)
    job.wait_for(8)
    show("a worker was killed, trials went on", True, f"{job.ended} ended")
    subprocess.run(["docker", "start", worker], check=True, capture_output=True)
    before = job.ended
    stack.compose("stop", "database")
    time.sleep(60)
    during = job.ended - before
    stack.compose("start", "database")
    show("the database was stopped for 60 s, trials went on", during > 0, f"{during} ended meanwhile")
    _end(job, stack, OUTAGES, folder)


def losses(stack: Stack, folder: Path) -> None:
    """The job is stopped, the head is killed, the head's disk is lost; each time the study is resumed."""
    job = Job(stack, FILE, "--name", LOSSES, "--trials", str(TRIALS))
    job.wait_for(3)
    _stop(job, stack)
    before = job.ended
    job = Job(stack, LOSSES, "--resume")
    job.wait_for(before + 2)
    show("`ray job stop` left a study that goes on", True, f"stopped after {before}")
    subprocess.run(["docker", "kill", *stack.containers("head")], check=True, capture_output=True)
    job.leave()
    before = job.ended
    stack.up()
    _nodes_back(stack)
    job = Job(stack, LOSSES, "--resume")
    job.wait_for(before + 2)
    show("the head was killed and came back, the study went on", True, f"killed after {before}")
    time.sleep(20)  # a backup
    _stop(job, stack)
    stack.compose("exec", "-T", "head", "rm", "-rf", f"/runs/{LOSSES}")
    before = job.ended
    job = Job(stack, LOSSES, "--resume")
    job.wait_for(before + 1)
    show("the head's disk was lost, the study came back from S3", True, f"lost after {before}")
    _end(job, stack, LOSSES, folder)


def _end(job: Job, stack: Stack, name: str, folder: Path) -> None:
    code = job.end()
    stack.compose("exec", "-T", "head", "fitscape", "sync", name)  # what a busy machine left unshipped; else nothing
    trials = bring(stack, name, folder)
    states = {state.value: sum(t.state is state for t in trials) for state in TrialState}
    well = code == 0 and states["finished"] == TRIALS == len(trials)
    show("nothing was lost or doubled", well, f"exit code {code}, {states}")
    compare(stack, name, trials)


def _stop(job: Job, stack: Stack) -> None:
    words = ["job", "stop", job.id, "--address", stack.jobs]
    command = [sys.executable, "-m", "ray.scripts.scripts", *words]
    subprocess.run(command, env=stack.environment, check=True, capture_output=True)
    job.end()


def _nodes_back(stack: Stack) -> None:
    """Until both workers have joined the new head; they leave the old one when it has not answered for a while."""
    code = "import ray; ray.init('auto', log_to_driver=False); print(sum(n['Alive'] for n in ray.nodes()))"
    deadline = time.monotonic() + 300
    while stack.compose("exec", "-T", "head", "python", "-c", code, check=False).split()[-1:] != ["3"]:
        if time.monotonic() > deadline:
            raise RuntimeError("the workers did not come back")
        time.sleep(3)


def durable(stack: Stack, folder: Path) -> None:
    """``down`` and ``up`` keep everything."""
    look: Callable[[], Any] = lambda: (  # noqa: E731
        [len(stack.runs(name, "trial")) for name in (STUDY, OUTAGES, LOSSES)],
        stack.sql("select count(*) from metrics"),
        len(stack.objects("mlflow")),
        stack.compose("exec", "-T", "head", "ls", "/runs").split(),
    )
    before = look()
    stack.compose("down")
    seconds = stack.up()
    show("down and up keep everything", look() == before, f"{before}, healthy after {seconds:.0f} s")


def anew(stack: Stack, folder: Path) -> None:
    stack.compose("down", "--volumes", "--remove-orphans")
    show("healthy from nothing", True, f"{stack.up():.0f} s")


def secret(stack: Stack, folder: Path) -> None:
    for what, found in leaks.search(
        stack, [name for name in (STUDY, OUTAGES, LOSSES) if stack.runs(name, "study")], folder
    ):
        show(f"no secret in {what}", not found, found or "")


STEPS = {step.__name__: step for step in (anew, refusals, study, compared, outages, losses, durable, secret)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host-packages", action="store_true", help="mount this interpreter's packages")
    parser.add_argument("--keep", action="store_true", help="leave the stack running")
    parser.add_argument(
        "--steps", nargs="+", choices=STEPS, default=list(STEPS), help="only these, on a stack that is up"
    )
    options = parser.parse_args()
    stack = Stack(options.host_packages)
    folder = Path(tempfile.mkdtemp(prefix="fitscape-drill-"))
    leaks.log_in(stack)
    for step in options.steps:
        STEPS[step](stack, folder)
    if not options.keep:
        stack.compose("down")
    if options.steps == list(STEPS):
        found = {"machine": facts(), "packages of the host": options.host_packages, "shown": shown}
        day = found["machine"]["date"][:10]
        (RESULTS / f"compose_drill-{day}.json").write_text(json.dumps(found, indent=1, default=str) + "\n")
    print("all shown; pictures and ledgers are in", folder)


if __name__ == "__main__":
    main()
