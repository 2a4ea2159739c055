#!/usr/bin/env python3
"""Upgrades a small cluster on this machine before one's eyes; see deploy/demo."""
import argparse
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from carbon import CarbonError  # noqa: E402
from lab import Lab, LabError, add_options, end_undisturbed, stop_on_signals  # noqa: E402


class Demo:
    def __init__(self, lab):
        self.lab = lab
        self.began = time.monotonic()

    def say(self, text):
        print(f"\n== {time.monotonic() - self.began:6.1f} s  {text}", flush=True)

    def coordinator(self, *words):
        """Runs it in sight; its exit code."""
        print("$ dss-coordinator " + " ".join(
            str(word).replace(f"{self.lab.folder}/", "") for word in words), flush=True)
        return self.lab.coordinator(*words, capture=False).returncode

    def upgrade(self):
        """The exit code of apply, or of what failed before it."""
        lab = self.lab
        self.say("what would stop the upgrade?")
        code = self.coordinator("check", lab.cluster_file)
        if code != 0:
            return code
        self.say("the plan, with the point of no return")
        code = self.coordinator("plan", lab.cluster_file, "-o", lab.plan_file)
        if code != 0:
            return code
        self.say(f"the upgrade; the line is confirmed by the cluster's name, {lab.cluster}")
        code = self.coordinator("apply", lab.plan_file, "--confirm", lab.cluster)
        self.say(f"apply ended with {code}; the report")
        self.coordinator("report")
        self.coordinator("audit", "verify")
        return code

    def look_around(self):
        """Seen from outside: who answers, and on which database. False: not as it should be."""
        lab = self.lab
        self.say("the cluster now")
        fine = True
        for node, carbon in lab.new.items():
            try:
                answers = carbon.logs_in()
                words = "logs in, services " + ", ".join(carbon.data_services())
            except CarbonError as failure:
                answers, words = False, str(failure)
            fine = fine and answers
            print(f"{node}: new server {'answers: ' if answers else 'FAILS: '}{words}")
        old, new = lab.sessions("production"), lab.sessions("staging")
        print(f"sessions of the servers: {len(old)} on the old database, {len(new)} on the new one")
        return fine and not old and bool(new)


def main():
    parser = argparse.ArgumentParser(prog="deploy/demo", description=__doc__)
    add_options(parser)
    parser.add_argument("--keep", action="store_true", help="leave it all running at the end")
    options = parser.parse_args()
    stop_on_signals()
    lab = Lab(options.database, options.layout, options.strategy, options.databases,
              options.megabytes, options.nodes, options.build, keep=options.keep)
    demo = Demo(lab)
    lab.say = demo.say
    code = 1
    try:
        lab.open()
        code = demo.upgrade()
        if code == 0 and not demo.look_around():
            code = 1
    except (LabError, CarbonError) as failure:
        print(f"deploy/demo: {failure}", file=sys.stderr)
    except KeyboardInterrupt:
        code = code or 130
    finally:
        if options.keep and lab.folder:
            demo.say(f"all of it goes on in {lab.folder}; to end it:\n{lab.leave()}")
        else:
            end_undisturbed(lab)
    return code


if __name__ == "__main__":
    sys.exit(main())
