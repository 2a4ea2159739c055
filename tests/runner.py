#!/usr/bin/env python3
"""Builds and runs the tests; the last line is "N passed, N failed".

    tests/run                 everything
    tests/run LEVEL           unit, sim, component, coverage, e2e or lint
    tests/run LEVEL --quick   in the debug build, without sanitizers
    tests/run e2e -- ARGS     ARGS go to pytest
"""
import argparse
import os
import pathlib
import platform
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

TOP = pathlib.Path(__file__).resolve().parent.parent
LEVELS = ("unit", "sim", "component")
E2E_JOBS = 6  # labs wait more than they work
SANITIZERS = ("asan", "tsan")
CORES = ("coordinator/core", "agent/core")  # every line of them is run by unit and sim alone
C_FILES = ("common", "coordinator", "agent", "tests")
# long ones beside databases, without a thread that the others do not have: little to find there
LEFT_OUT = {"tsan": "^(clients|data_lint_test|fresh_layout_test|migration_(script_)?test|"
                    "mysql_writer_test|restore_proof_test)$"}
ENVIRONMENT = {
    "asan": {"ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
             "UBSAN_OPTIONS": "print_stacktrace=1", "DSS_SIM_RUNS": "1000"},
    "tsan": {"TSAN_OPTIONS": f"suppressions={TOP}/tests/tsan.supp:second_deadlock_stack=1",
             "DSS_SIM_RUNS": "1000"},
}
CMOCKA = re.compile(r"^\[\s+(PASSED|FAILED)\s+\] (\d+) test\(s\)", re.M)
PYTEST = re.compile(r"^=*\s*(?:(\d+) failed)?(?:, )?(?:(\d+) passed)?[^\n]* in [\d.]+s", re.M)


class Count:
    def __init__(self):
        self.passed = self.failed = 0

    def add(self, passed, failed):
        self.passed += passed
        self.failed += failed

    def one(self, fine, name, output=""):
        self.add(int(fine), int(not fine))
        if not fine:
            print(f"FAILED {name}\n{output}", flush=True)


def run(argv, **options):
    return subprocess.run(argv, cwd=TOP, check=False, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options)


def build(preset, count, target="all"):
    """Says whether there is something to test."""
    began = time.monotonic()
    done = run(["cmake", "--preset", preset])
    if done.returncode == 0:
        done = run(["cmake", "--build", f"build/{preset}", "--target", target])
    if done.returncode != 0:
        count.one(False, f"build {preset}", done.stdout[-8000:])
        return False
    print(f"-- built {preset} in {time.monotonic() - began:.0f} s", flush=True)
    return True


def inner_tests(output):
    """(passed, failed) of the cmocka or pytest tests in a program's output; (0, 0): none."""
    passed = failed = 0
    for word, number in CMOCKA.findall(output):
        if word == "PASSED":
            passed += int(number)
        else:
            failed += int(number)
    for bad, good in PYTEST.findall(output):
        passed += int(good or 0)
        failed += int(bad or 0)
    return passed, failed


def count_ctest(report, count, preset):
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        status = case.get("status")
        if status in ("disabled", "notrun"):
            count.one(False, f"{preset}: {case.get('name')}: was not run")
            continue
        output = case.findtext("system-out") or ""
        passed, failed = inner_tests(output)
        if status == "fail":
            failed = max(failed, 1)  # it crashed, leaked or was too slow
            print(f"FAILED {preset}: {case.get('name')}\n{output[-6000:]}", flush=True)
        elif passed == 0:
            passed = 1
        count.add(passed, failed)


def without_randomised_addresses():
    """TSan of gcc 12 cannot live with the address layout of newer kernels."""
    prefix = ["setarch", platform.machine(), "--addr-no-randomize"]
    return prefix if run([*prefix, "true"]).returncode == 0 else []


def ctest(preset, levels, count):
    """One run of all programs with one of these labels."""
    began = time.monotonic()
    report = TOP / "build" / preset / "tests.xml"
    report.unlink(missing_ok=True)
    prefix = without_randomised_addresses() if preset == "tsan" else []
    labels = "|".join(f"^{level}$" for level in levels)
    left_out = ["-E", LEFT_OUT[preset]] if preset in LEFT_OUT else []
    done = run([*prefix, "ctest", "--test-dir", f"build/{preset}", "-j3", "-L", labels, *left_out,
                "--output-junit", str(report), "--test-output-size-passed", "10000000",
                "--test-output-size-failed", "10000000"],
               env={**os.environ, **ENVIRONMENT.get(preset, {})})
    if not report.exists():
        count.one(False, f"ctest {preset}", done.stdout[-4000:])
        return
    count_ctest(report, count, preset)
    print(f"-- {preset}: {', '.join(levels)} in {time.monotonic() - began:.0f} s", flush=True)


def coverage(count):
    """Each core is one test: it passes with 100 % of its lines run by unit and sim."""
    if not build("coverage", count, "unit_and_sim"):
        return
    folder = TOP / "build/coverage"
    for old in folder.rglob("*.gcda"):
        old.unlink()
    # fewer schedules: they are slow when counted, and reach no line that the first do not
    done = run(["ctest", "--test-dir", str(folder), "-j3", "-L", "^(unit|sim)$", "-E", "^layers$"],
               env={**os.environ, "DSS_SIM_RUNS": "500"})
    if done.returncode != 0:
        count.one(False, "coverage: unit and sim", done.stdout[-4000:])
        return
    for core in CORES:
        done = run(["gcovr", "--root", str(TOP), "--object-directory", str(folder), "--filter",
                    f"{core}/", "--exclude-unreachable-branches", "--fail-under-line", "100"])
        count.one(done.returncode == 0, f"coverage of {core}", done.stdout[-4000:])
        total = re.search(r"^TOTAL.*", done.stdout, re.M)
        print(f"-- coverage of {core}: {total.group(0) if total else 'none'}", flush=True)


def end_to_end(arguments, count):
    report = TOP / "build/debug/e2e.xml"
    report.unlink(missing_ok=True)
    # seen as it goes: these take minutes
    subprocess.run(["/usr/bin/python3", "-m", "pytest", "-q", "-n", str(E2E_JOBS), f"--junitxml={report}",
                    "-p", "no:cacheprovider", "tests/e2e", *arguments], cwd=TOP, check=False,
                   env={**os.environ, "DSS_BUILD": str(TOP / "build/debug"),
                        "PYTHONDONTWRITEBYTECODE": "1"})
    if not report.exists():
        count.one(False, "pytest: no report")
        return
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        failed = int(suite.get("failures")) + int(suite.get("errors"))
        skipped = int(suite.get("skipped"))
        count.add(max(0, int(suite.get("tests")) - failed - skipped), failed)


def tracked(*patterns):
    listed = run(["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns])
    return [line for line in listed.stdout.splitlines() if (TOP / line).exists()]


def lint(count):
    sources = tracked(*[f"{top}/*.[ch]" for top in C_FILES])
    done = run(["clang-format", "--dry-run", "-Werror", *sources])
    count.one(done.returncode == 0, "lint: clang-format", done.stdout[-4000:])
    for script in sorted((TOP / "tests/lint").glob("*.py")):
        done = run(["/usr/bin/python3", str(script), str(TOP)])
        count.one(done.returncode == 0, f"lint: {script.name}", done.stdout[-4000:])
    for file in tracked("*.py"):
        try:
            compile((TOP / file).read_text(), file, "exec")
            count.one(True, file)
        except SyntaxError as failure:
            count.one(False, f"lint: {file}", str(failure))
    for file in tracked("*.sh", "deploy/*", "tests/run", "tests/bench/run", ".ci/run"):
        if (TOP / file).read_bytes().startswith(b"#!/bin/sh"):
            done = run(["sh", "-n", file])
            count.one(done.returncode == 0, f"lint: {file}", done.stdout)
    for file in tracked("*.xml", "*.xsd"):
        done = run(["xmllint", "--noout", "--nonet", file])
        count.one(done.returncode == 0, f"lint: {file}", done.stdout)


def main():
    parser = argparse.ArgumentParser(prog="tests/run", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("level", nargs="?", choices=(*LEVELS, "coverage", "e2e", "lint", "all"),
                        default="all")
    parser.add_argument("--quick", action="store_true", help="in the debug build, without sanitizers")
    parser.add_argument("arguments", nargs="*", help="for pytest, after --")
    options = parser.parse_args()
    count = Count()
    levels = LEVELS if options.level == "all" else tuple(
        level for level in LEVELS if level == options.level)
    if options.level in ("lint", "all"):
        lint(count)
    if options.level in ("coverage", "all"):
        coverage(count)
    whole = options.level in ("e2e", "all")
    if (whole or (levels and options.quick)) and build("debug", count):
        if levels and options.quick:
            ctest("debug", levels, count)
        if whole:
            end_to_end(options.arguments, count)
    for preset in SANITIZERS if levels and not options.quick else ():
        if build(preset, count):
            ctest(preset, levels, count)
    print(f"{count.passed} passed, {count.failed} failed", flush=True)
    return 1 if count.failed else 0


if __name__ == "__main__":
    sys.exit(main())
