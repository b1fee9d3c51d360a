"""The short table: what was measured beside what was aimed at."""

from typing import Any

SHARE_GOAL = {"ResNet18 width 1 batch 512": 0.22}
RATIO_GOAL = {"ResNet18 width 0.25 batch 128": 4.0, "ResNet18 width 0.125 batch 128": 4.0}
PACKED_GOAL = 3.0


def lines(results: dict[str, Any]) -> list[str]:
    """Of everything that is there; what failed or found no time says so."""
    steps = results["steps"]
    done = {name: step["result"] for name, step in steps.items() if step["status"] == "done"}
    out = [
        f"{results.get('card', '?')}: {sum(s['status'] == 'done' for s in steps.values())} of {len(steps)} steps done"
    ]
    ceilings = done.get("ceilings")
    if ceilings:
        rates = ", ".join(f"{name} {ceilings[name] / 1e12:.3g} TFLOP/s" for name in ("bf16", "tf32", "fp32"))
        out.append(f"products of {ceilings['size']}^2: {rates}; copy {ceilings['copy'] / 1e12:.3g} TB/s")
    for name, result in done.items():
        if name.startswith("speed ") and ceilings:
            out.append(_speed(name.removeprefix("speed "), result, ceilings))
        elif name.startswith("compiled "):
            rate = result["rates"]["median"]
            out.append(f"{name}: {rate:,.0f} images/s after {result['compilation_seconds']:.0f} s")
        elif name.startswith("memory "):
            out.append(f"{name}: {_numbers(result)}")
        elif name.startswith("packed "):
            out.append(_packed(name, result))
    if "precision" in done:
        out += ["relative error of the gradient against float64 on the CPU:"]
        out += [
            f"  {net}: " + ", ".join(f"{row} {values['gradient']:.1e}" for row, values in rows.items())
            for net, rows in done["precision"].items()
        ]
    for name in ("repeat", "ladder", "growth", "choice"):
        for key, value in done.get(name, {}).items():
            out.append(f"{name} {key}: {value}")
    for row in done.get("study", []):
        out.append("study " + row["net"] + ": " + _numbers(row))
    if "tests" in done:
        last = done["tests"]["output"].strip().splitlines()[-1:]
        out.append(f"gpu-marked tests: exit code {done['tests']['exit_code']}, {' '.join(last)}")
    out += [
        f"{name}: {step['status']} {step.get('error', '')[:160]}"
        for name, step in steps.items()
        if step["status"] != "done"
    ]
    return out


def _speed(name: str, result: dict[str, Any], ceilings: dict[str, float]) -> str:
    step, batch = result["step"], result["batch"]
    floor = step["flops"] / ceilings["bf16"]
    parts = []
    plain = result["rates"]["plain"]["median"]
    for way, rate in result["rates"].items():
        ratio = f", {rate['median'] / plain:.2f} x plain" if way != "plain" else ""
        parts.append(f"{way} {rate['median']:,.0f}/s ({rate['median'] / batch * floor:.1%} of the product{ratio})")
    goal = f"; goal {SHARE_GOAL[name]:.0%}" if name in SHARE_GOAL else ""
    goal += f"; goal {RATIO_GOAL[name]:g} x plain" if name in RATIO_GOAL else ""
    moved = step["bytes"] / ceilings["copy"]
    return (
        f"{name}: {'; '.join(parts)}; a step {step['flops'] / 1e9:.0f} GFLOP = {floor * 1e3:.2f} ms, "
        f"{step['bytes'] / 1e9:.2f} GB = {moved * 1e3:.2f} ms, {step['operators']} operators{goal}"
    )


def _packed(name: str, result: dict[str, Any]) -> str:
    rates = result["images_per_second"]
    one = rates["1"]
    rows = ", ".join(f"{n}: {rate:,.0f}/s ({rate / one:.2f} x)" for n, rate in rates.items())
    return f"{name}: {rows}; goal {PACKED_GOAL:g} x at 16"


def _numbers(row: dict[str, Any]) -> str:
    return ", ".join(f"{k} {v:,.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items() if k != "net")
