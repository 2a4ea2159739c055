"""The table and the file of one run of the benchmark."""
import datetime
import json
import math
import os
import pathlib
import platform
import re
import statistics
import subprocess


def packages():
    names = ["pgcopydb", "mydumper", "postgresql-client-15", "mariadb-client"]
    done = subprocess.run(["dpkg-query", "--show", "--showformat=${Package} ${Version}\n", *names],
                          check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout.splitlines()


def machine():
    processor = re.search(r"^model name\s*:\s*(.*)$",
                          pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    memory = int(pathlib.Path("/proc/meminfo").read_text().split()[1]) >> 20
    return (f"{os.cpu_count()} cores ({processor.group(1) if processor else platform.machine()}), "
            f"{memory} GiB, Linux {platform.release()}")


def spread(values, digits=2):
    return (f"{statistics.median(values):.{digits}f} "
            f"[{min(values):.{digits}f}-{max(values):.{digits}f}]")


def cpu(run):
    """Seconds of all: the client's processes and both servers."""
    return run["client_cpu"] + run["production_cpu"] + run["staging_cpu"]


def ratios(runs, base, value):
    """Of each round, to the base in the same round."""
    return [value(run) / value(own) for run, own in zip(runs, base)]


class Report:
    def __init__(self, options, versions, benchmarks, results):
        self.options, self.versions = options, versions
        self.benchmarks, self.results = benchmarks, results

    def head(self):
        return {"date": datetime.date.today().isoformat(), "machine": machine(),
                "servers": self.versions, "packages": packages(), "rounds": self.options.rounds,
                "scale": self.options.scale}

    def rows(self, benchmark):
        measured = self.results[benchmark.name]
        base = measured[benchmark.methods[0].name]
        for method in benchmark.methods:
            runs = measured[method.name]
            floor = benchmark.floors.get(method.name)
            name = method.name.replace("|", "\\|")
            if method.writes:
                name += f" ({runs[0]['written'] / 1e6:.0f} MB)"
            yield (name, spread([run["wall"] for run in runs]),
                   "base" if runs is base else spread(
                       ratios(runs, base, lambda run: run["wall"])),
                   f"{floor[0]}, {floor[1]}" if floor else "",
                   *self.cpu_cells(runs, base), f"{max(run['rss_mib'] for run in runs):.0f}")

    @staticmethod
    def cpu_cells(runs, base):
        """Empty where only a part of a command was timed."""
        parts = [statistics.median(run[key] for run in runs)
                 for key in ("client_cpu", "production_cpu", "staging_cpu")]
        ratio = "base" if runs is base else f"{statistics.median(ratios(runs, base, cpu)):.2f}"
        return ("" if math.isnan(sum(parts)) else " + ".join(f"{part:.1f}" for part in parts),
                "" if ratio == "nan" else ratio)

    def markdown(self):
        head = self.head()
        lines = [f"{head['date']}; {head['machine']}; {', '.join(self.versions.values())}; "
                 f"{', '.join(head['packages'])}; {head['rounds']} rounds, scale {head['scale']}",
                 ""]
        for benchmark in self.benchmarks:
            sizes = [run["bytes"] for runs in self.results[benchmark.name].values() for run in runs]
            lines += [f"**{benchmark.name}**: {benchmark.what}; {max(sizes) / 1e6:.0f} MB", "",
                      "| command | wall, s | ratio | floor, goal | CPU, s | CPU ratio "
                      "| RSS, MiB |", "| --- " * 7 + "|"]
            lines += ["| " + " | ".join(row) + " |" for row in self.rows(benchmark)]
            lines.append("")
        return "\n".join(lines)

    def json(self):
        return json.dumps({**self.head(), "results": self.results}, indent=1) + "\n"
