"""abort after each step before the line: the old cluster is healthy on its database again."""
import signal
import subprocess

import pytest
import upgrades
from lab import Lab


def lead_until(lab, number):
    """Applies the plan and stops the coordinator when `number` steps are done; False: fewer are."""
    process = lab.spawn_coordinator("apply", lab.plan_file, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT)
    done = 0
    text = []
    for line in upgrades.lines_of(process):
        text.append(line)
        if " step-done " in line:
            done += 1
            if done == number:
                process.send_signal(signal.SIGTERM)
    process.wait(timeout=120)
    process.stdout.close()
    assert process.returncode in (5, 128 + signal.SIGTERM), "\n".join(text)
    return done >= number


# Together the first four abort after every step of the documented strategy, beside each other.
@pytest.mark.parametrize("database, strategy, first, stride", [
    ("mariadb", "documented", 1, 4), ("postgresql", "documented", 2, 4),
    ("mariadb", "documented", 3, 4), ("postgresql", "documented", 4, 4),
    ("postgresql", "copy-first", 3, 8), ("mariadb", "copy-first", 7, 8)])
def test_an_abort_after_each_step_brings_the_old_cluster_back(build, database, strategy, first,
                                                              stride):
    with Lab(database, "4.0", strategy, megabytes=1, nodes=2, home_megabytes=1,
             build=build) as lab:
        before = {d.name: upgrades.dump(lab, "production", d.name) for d in lab.databases}
        number = first
        while True:
            upgrades.must_plan(lab)
            more = lead_until(lab, number)
            done = lab.coordinator("abort", "--reason", f"after {number} steps")
            assert done.returncode == 6, done.stdout + done.stderr
            upgrades.old_cluster_is_healthy(lab)
            if not more:
                break
            number += stride
        assert number > 10
        for one in lab.databases:
            assert upgrades.dump(lab, "production", one.name) == before[one.name]
        upgrades.audit_is_whole(lab)
        # and after all these aborts the cluster can still be upgraded
        upgrades.must_plan(lab)
        done = lab.coordinator("apply", lab.plan_file, "--confirm", lab.cluster)
        assert done.returncode == 0, done.stdout + done.stderr
        upgrades.new_cluster_is_proven(lab)


def test_behind_the_line_abort_refuses_and_says_the_way_forward(build):
    with Lab("mariadb", "4.0", "documented", megabytes=1, nodes=2, home_megabytes=1,
             build=build) as lab:
        upgrades.must_plan(lab)
        lab.new["node1"].misbehave(never_started="yes")
        failed = lab.coordinator("apply", lab.plan_file, "--confirm", lab.cluster)
        assert failed.returncode in (1, 12), failed.stdout + failed.stderr
        assert "start-server node1" in failed.stderr
        assert not lab.new["node2"].pids()  # the budget is 0: nothing after the failed one
        refused = lab.coordinator("abort")
        assert refused.returncode == 5
        assert "resume" in refused.stderr
        lab.new["node1"].kill()
        lab.new["node1"].misbehave()
        done = lab.coordinator("resume")
        assert done.returncode == 0, done.stdout + done.stderr
        upgrades.new_cluster_is_proven(lab)


def test_without_the_operators_word_the_line_is_not_crossed(build):
    with Lab("postgresql", "4.0", "documented", megabytes=1, nodes=1, home_megabytes=1,
             build=build) as lab:
        upgrades.must_plan(lab)
        before = upgrades.structure(lab, "production", lab.databases[0].name)
        wrong = lab.coordinator("apply", lab.plan_file, "--confirm", "other")
        assert wrong.returncode == 2
        held = lab.coordinator("apply", lab.plan_file)
        assert held.returncode == 5, held.stdout + held.stderr
        assert "POINT OF NO RETURN" in held.stderr
        assert upgrades.structure(lab, "production", lab.databases[0].name) == before
        done = lab.coordinator("resume", "--confirm", lab.cluster)
        assert done.returncode == 0, done.stdout + done.stderr
