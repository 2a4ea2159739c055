"""kill -9 at every step, of the coordinator and of the agents: the same end, nothing twice."""
import json
import subprocess

import pytest
import upgrades
from lab import Lab

LIVES_MAX = 200


def label_of(line):
    """("step-started", "stop-server node1") of an event's line, or None."""
    parts = line.split(maxsplit=2)
    if len(parts) < 3 or not parts[1].startswith(upgrades.LINE_OF_STEP):
        return None
    return parts[1], parts[2].split(":")[0]


def lead_to_the_end(lab, on_event):
    """Leads the run through as many lives as it takes.

    `on_event(process, kind, label)` says whether it killed the coordinator.
    """
    words = ["apply", lab.plan_file, "--confirm", lab.cluster]
    for _ in range(LIVES_MAX):
        process = lab.spawn_coordinator(*words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        killed = False
        text = []
        for line in upgrades.lines_of(process):  # after a kill: what it had written before
            text.append(line)
            event = label_of(line)
            if event and not killed:
                killed = on_event(process, *event)
        process.wait(timeout=60)
        process.stdout.close()
        if not killed:
            assert process.returncode == 0, "\n".join(text)
            return
        words = ["resume", "--confirm", lab.cluster]
    raise AssertionError("the run never ended")


def steps_near_a_death(lab, distance=12):
    """Numbers of the steps whose start or end is so many events from a new life, by the journal.

    What was printed tells less: an event is on the disk before it is on the screen.
    """
    exported = lab.coordinator("audit", "export", "--format", "json").stdout
    records = [json.loads(line) for line in exported.splitlines()]
    lives = [i for i, record in enumerate(records) if record["kind"] == "lead-taken"][1:]
    return {record["step"] for i in lives for record in records[max(0, i - distance):i + distance]
            if record["step"]}


CASES = [("mariadb", "documented"), ("postgresql", "copy-first")]


@pytest.mark.parametrize("database, strategy", CASES)
def test_the_coordinator_may_die_at_every_event(build, database, strategy):
    with Lab(database, "4.0", strategy, megabytes=2, home_megabytes=1, build=build) as lab:
        fresh = upgrades.fresh_structure(lab)
        upgrades.must_plan(lab)

        deaths = set()

        def kill(process, _kind, label):
            if label in deaths:
                return False
            deaths.add(label)
            upgrades.end_by_pid(process)
            return True

        lead_to_the_end(lab, kill)
        steps = {step["number"] for step in upgrades.status(lab)["steps"] if step["agent"]}
        assert steps_near_a_death(lab) >= steps
        assert len(deaths) > 2 * len(steps) / 3
        upgrades.new_cluster_is_proven(lab)
        upgrades.audit_is_whole(lab)
        upgrades.nothing_was_done_twice(lab)
        assert upgrades.structure(lab, "staging", lab.databases[0].name) == fresh


@pytest.mark.parametrize("database, strategy", [("postgresql", "documented"),
                                                ("mariadb", "copy-first")])
def test_an_agent_may_die_in_every_step(build, database, strategy):
    with Lab(database, "4.1", strategy, megabytes=2, home_megabytes=1, build=build) as lab:
        fresh = upgrades.fresh_structure(lab)
        upgrades.must_plan(lab)
        deaths = []

        def kill_agent(_process, kind, label):
            if kind == "step-started" and " " in label:
                target = label.split()[-1]
                agent = target if target in lab.nodes else "db1"
                lab.kill_agent(agent)
                lab.start_agent(agent)
                deaths.append(label)
            return False

        lead_to_the_end(lab, kill_agent)
        assert set(deaths) == {f"{step['name']} {step['target']}"
                               for step in upgrades.status(lab)["steps"] if step["agent"]}
        upgrades.new_cluster_is_proven(lab)
        upgrades.audit_is_whole(lab)
        upgrades.nothing_was_done_twice(lab)
        assert upgrades.structure(lab, "staging", lab.databases[0].name) == fresh
