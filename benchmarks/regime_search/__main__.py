"""Compare samplers by the map they give, all with the same surrogate, and write a dated report.

    python -m benchmarks.regime_search                  20 seeds, about a quarter of an hour on two quiet cores
    python -m benchmarks.regime_search --minutes 20     begins no seed after 20 minutes; call again to go on
    python -m benchmarks.regime_search --minutes 0      the report of what is there
    python -m benchmarks.regime_search --quick          two seeds, two landscapes, a minute: does it still work?

Seeds come in rounds, every search of one seed before any of the next. A search is kept in
benchmarks/results/regime_search.jsonl as it ends and is not run again; remove the file after a change of the
sampler, the map or a landscape. Writes regime_search-DATE.json, .md and .png beside it (with --quick: prints).
"""

import argparse
import os
import time
from multiprocessing import get_context

from benchmarks.regime_search import report, store
from benchmarks.regime_search.jobs import TERRAINS, Finished, rounds, search

KEPT = report.RESULTS / "regime_search.jsonl"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--fewer", type=int, default=5, help="seeds of the samplers that no goal is about")
    parser.add_argument("--landscapes", nargs="+", choices=list(TERRAINS), default=list(TERRAINS))
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # of the processes that are spawned below
        os.environ[variable] = "1"
    end = time.monotonic() + 60 * arguments.minutes
    if arguments.quick:
        arguments.seeds, arguments.fewer, arguments.landscapes = 2, 1, ["S1", "R1"]
    planned = rounds(arguments.seeds, arguments.fewer, arguments.landscapes)
    done: list[Finished] = [] if arguments.quick else store.load(KEPT)
    known = {one.job for one in done}
    with get_context("spawn").Pool(arguments.processes) as pool:
        for jobs in planned:
            if time.monotonic() >= end:
                break
            for finished in pool.imap_unordered(search, [job for job in jobs if job not in known]):
                done.append(finished)
                if not arguments.quick:
                    store.append(KEPT, finished)
            print(f"seed {jobs[0].seed}: {len(done)} searches so far", flush=True)
    summary = report.summarize(done)
    print(summary.text)
    if not arguments.quick:
        print(report.write(summary, done))


if __name__ == "__main__":
    main()
