#!/usr/bin/env python3
"""Measures our programs beside what an operator would run instead: see README.md.

    tests/bench/run                           everything, 3 rounds, at full size
    tests/bench/run mariadb-rows --rounds 5
    tests/bench/run postgresql --scale 0.05   a quick trial: names are matched from their beginning
    tests/bench/run --list
"""
import argparse
import json
import math
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import benchmarks
import compare
import data
import report
import world as worlds
from methods import Job


def run_timed(world, method, job):
    """Runs the method's command; what it took."""
    command = method.command(job)
    cpu = [server.cpu() for server in world.both()]
    load = os.getloadavg()[0]
    log = job.folder / "output"
    began = time.monotonic()
    with open(log, "wb") as output, open(job.folder / "messages", "wb") as messages:
        done = subprocess.run(
            ["/usr/bin/time", "--quiet", "--format=%U %S %M", f"--output={job.folder}/time", "--",
             "bash", "-o", "pipefail", "-c", command], check=False, stdout=output, stderr=messages,
            stdin=subprocess.DEVNULL)
    wall = time.monotonic() - began
    if done.returncode != 0:
        raise SystemExit(f"bench: {method.name} ended with {done.returncode}:\n{command}\n"
                         + (job.folder / "messages").read_text(errors="replace")[-3000:])
    user, system, kib = (job.folder / "time").read_text().split()[-3:]
    servers_cpu = [server.cpu() - before for server, before in zip(world.both(), cpu)]
    result = {"wall": wall, "client_cpu": float(user) + float(system),
              "production_cpu": servers_cpu[0], "staging_cpu": servers_cpu[1],
              "rss_mib": int(kib) / 1024, "load": load}
    if method.ours:
        add_ours(result, json.loads(log.read_text()), method)
    if method.writes:
        result["written"] = sum(path.stat().st_size for path in job.folder.glob(method.writes)
                                if path.is_file())
    return result


def add_ours(result, printed, method):
    result["peak_mib"] = printed["peak_kib"] / 1024
    result["phases"] = printed["phases"]
    if method.part:
        began = [phase["at_ms"] for phase in printed["phases"] if phase["what"] == method.part]
        result["wall"] = began[0] / 1000
        for key in ("client_cpu", "production_cpu", "staging_cpu"):
            result[key] = math.nan  # that of the rest is in it


class Bench:
    def __init__(self, options, folder):
        self.options = options
        self.folder = pathlib.Path(folder)
        self.comparison = compare.Comparison()
        self.checked = set()
        self.results = {}

    def database(self, world, shape, factor):
        """The source of a method, made when it is first asked for."""
        scale = self.options.scale * factor
        name = f"bench_{shape}_{scale:g}".replace(".", "_")
        mark = world.folder / name
        if not mark.exists():
            print(f"-- filling {world.kind} {name}", file=sys.stderr, flush=True)
            data.fill(world.production, name, shape, scale)
            mark.write_text("")
        return name

    def prepare(self, world, method, database):
        world.prepare(database, method.same_server)
        if method.staging != "empty":
            data.fill(world.staging, database, method.staging, self.options.scale * method.factor)

    def measure(self, world, benchmark, method):
        database = self.database(world, method.shape, method.factor)
        self.prepare(world, method, database)
        with tempfile.TemporaryDirectory(dir=world.folder, prefix="run-") as name:
            job = Job(world, database, pathlib.Path(name), method.same_server)
            result = run_timed(world, method, job)
            if self.options.keep:
                keep = self.folder / "last" / f"{benchmark.name}-{method.name}".replace("/", "_")
                shutil.rmtree(keep, ignore_errors=True)
                shutil.copytree(name, keep)
        result["bytes"] = world.production.size(database)
        if method.copies and (world.kind, database, method.name) not in self.checked:
            self.comparison.check(world, database, method)
            self.checked.add((world.kind, database, method.name))
        self.results[benchmark.name].setdefault(method.name, []).append(result)
        print(f"   {benchmark.name}: {method.name}: {result['wall']:.2f} s, CPU "
              f"{result['client_cpu']:.2f} + {result['production_cpu']:.2f} + "
              f"{result['staging_cpu']:.2f}, {result['rss_mib']:.0f} MiB", file=sys.stderr,
              flush=True)

    def run(self, chosen):
        """Rounds inside each benchmark; the servers of one kind at a time."""
        versions = {}
        for kind in sorted({benchmark.kind for benchmark in chosen}):
            with worlds.World(kind, self.folder) as world:
                versions[kind] = world.version()
                for benchmark in (one for one in chosen if one.kind == kind):
                    self.results[benchmark.name] = {}
                    for _ in range(self.options.rounds):
                        for method in benchmark.methods:
                            self.measure(world, benchmark, method)
        return report.Report(self.options, versions, chosen, self.results)


def parse(arguments):
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="of the data; default 1")
    parser.add_argument("--folder", help="keep servers and data there, and use them again")
    parser.add_argument("--keep", action="store_true", help="and what each command left behind")
    parser.add_argument("--json", help="write every single figure to this file")
    parser.add_argument("--list", action="store_true", help="print the names")
    return parser.parse_args(arguments)


def main():
    options = parse(sys.argv[1:])
    chosen = benchmarks.chosen(options.names)
    if options.list:
        print("\n".join(one.name for one in chosen))
        return 0
    if not chosen:
        sys.exit(f"bench: no benchmark begins with {' or '.join(options.names)}; see --list")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="dss-bench-") as name:
        folder = options.folder or name
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        pathlib.Path(folder).chmod(0o711)
        try:
            done = Bench(options, folder).run(chosen)
        except compare.WrongCopy as wrong:
            sys.exit(f"bench: {wrong}")
    print(done.markdown())
    if options.json:
        pathlib.Path(options.json).write_text(done.json())
    return 0


if __name__ == "__main__":
    sys.exit(main())
