"""The plots of a scaling run: speed-up, efficiency, time by phase, bytes by iteration, balance; PNG and SVG each."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as pyplot  # noqa: E402  (the backend is chosen first)

PHASES = ("match", "apply", "merge", "rebuild", "analyze")
BALANCES = {"visited": "match: rows visited", "requests": "apply: requests", "rekeyed": "rebuild: rows re-keyed",
            "enodes": "e-nodes"}


def label(line):
    return f"{line['ranks']}x{line['threads']}"


def by_threads(lines):
    """Lines of one number of threads each, by ranks."""
    for threads in sorted({line["threads"] for line in lines}):
        yield threads, sorted((line for line in lines if line["threads"] == threads), key=lambda line: line["ranks"])


def draw_curves(axes, lines, value, ideal, title):
    for threads, of_threads in by_threads(lines):
        cores = [line["ranks"] * line["threads"] for line in of_threads]
        axes.plot(cores, [line[value] for line in of_threads], marker="o", label=f"{threads} threads a rank")
    cores = sorted({line["ranks"] * line["threads"] for line in lines})
    axes.plot(cores, [ideal(c / cores[0]) for c in cores], linestyle=":", color="grey", label="ideal")
    axes.set_xscale("log", base=2)
    axes.set_xticks(cores, [str(c) for c in cores])
    axes.set_xlabel("ranks x threads")
    axes.set_ylim(bottom=0)
    axes.set_title(title)
    axes.legend()


def draw_phases(axes, lines):
    bottom = [0.0] * len(lines)
    names = [label(line) for line in lines]
    for phase in PHASES:
        seconds = [line[phase] for line in lines]
        axes.bar(names, seconds, bottom=bottom, label=phase)
        bottom = [a + b for a, b in zip(bottom, seconds)]
    rest = [max(0.0, line["seconds"] - covered) for line, covered in zip(lines, bottom)]
    axes.bar(names, rest, bottom=bottom, label="rest", color="lightgrey")
    axes.set_xlabel("ranks x threads")
    axes.set_ylabel("seconds, slowest rank")
    axes.set_title("time by phase")
    axes.legend()


def draw_bytes(axes, rows):
    for ranks in sorted({row["ranks"] for row in rows}):
        threads = min(row["threads"] for row in rows if row["ranks"] == ranks)
        chosen = [row for row in rows if (row["ranks"], row["threads"]) == (ranks, threads)]
        if ranks > 1 and any(row["bytes"] for row in chosen):
            axes.plot([row["iteration"] for row in chosen], [row["bytes"] for row in chosen], marker="o",
                      label=f"{ranks} ranks")
    if axes.lines:
        axes.set_yscale("log")
        axes.legend()
    axes.set_xlabel("iteration")
    axes.set_ylabel("bytes between ranks")
    axes.set_title("traffic")


def draw_balance(axes, lines):
    many = [line for line in lines if line["ranks"] > 1]
    for at, (unit, name) in enumerate(BALANCES.items()):
        values = [float(line.get(f"balance_{unit}") or 1) for line in many]
        axes.bar([x + 0.2 * at for x in range(len(many))], values, width=0.2, label=name)
    axes.axhline(1.3, color="grey", linestyle=":")
    axes.set_xticks([x + 0.3 for x in range(len(many))], [label(line) for line in many])
    axes.set_xlabel("ranks x threads")
    axes.set_ylabel("most loaded rank / mean")
    axes.set_title("balance of work, by counts")
    if many:
        axes.legend()


def draw(summary, iterations, folder):
    """Draws one figure a mode and returns the files' paths."""
    written = []
    for mode in dict.fromkeys(line["mode"] for line in summary):
        lines = [line for line in summary if line["mode"] == mode]
        figure, axes = pyplot.subplots(2, 3, figsize=(16, 9))
        draw_curves(axes[0][0], lines, "speedup", lambda share: share, "speed-up")
        draw_curves(axes[0][1], lines, "efficiency", lambda share: 1.0, "efficiency")
        draw_phases(axes[0][2], lines)
        draw_bytes(axes[1][0], [row for row in iterations if row["mode"] == mode])
        draw_balance(axes[1][1], lines)
        axes[1][2].axis("off")
        axes[1][2].text(0, 0.5, f"{mode} scaling of {lines[0]['workload']}\n{lines[0]['enodes']:,} to "
                                f"{lines[-1]['enodes']:,} e-nodes\nmedians of interleaved runs", fontsize=12)
        figure.tight_layout()
        for suffix in ("png", "svg"):
            path = folder / f"{mode}.{suffix}"
            figure.savefig(path)
            written.append(path)
        pyplot.close(figure)
    return written
