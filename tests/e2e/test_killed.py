"""kill -9 at every step, of the coordinator and of the agents: the same end, nothing twice."""
import subprocess

import pytest
import upgrades
from lab import Lab

LIVES_MAX = 200


def run_and_kill_at_every_step(lab, on_step):
    """Leads the run to its end; `on_step(process, line)` says whether it killed the process."""
    words = ["apply", lab.plan_file, "--confirm", lab.cluster]
    seen = set()
    for _ in range(LIVES_MAX):
        process = lab.spawn_coordinator(*words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        killed = False
        text = []
        for line in upgrades.lines_of(process):
            text.append(line)
            parts = line.split(maxsplit=2)
            if len(parts) < 2 or not parts[1].startswith(upgrades.LINE_OF_STEP):
                continue
            key = " ".join(parts[1:])
            if key not in seen:
                seen.add(key)
                killed = on_step(process, parts)
                if killed:
                    break
        process.wait(timeout=60)
        process.stdout.close()
        if not killed:
            assert process.returncode == 0, "\n".join(text)
            return seen
        words = ["resume", "--confirm", lab.cluster]
    raise AssertionError("the run never ended")


CASES = [("mariadb", "documented"), ("postgresql", "copy-first")]


@pytest.mark.parametrize("database, strategy", CASES)
def test_the_coordinator_may_die_at_every_event(build, database, strategy):
    with Lab(database, "4.0", strategy, megabytes=2, home_megabytes=1, build=build) as lab:
        fresh = upgrades.fresh_structure(lab)
        upgrades.must_plan(lab)

        def kill(process, parts):
            upgrades.end_by_pid(process)
            return True

        seen = run_and_kill_at_every_step(lab, kill)
        assert len(seen) > 40
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

        def kill_agent(process, parts):
            if parts[1] != "step-started" or len(parts) < 3:
                return False
            target = parts[2].split()[-1]
            agent = target if target in lab.nodes else "db1"
            if len(parts[2].split()) == 2:
                lab.kill_agent(agent)
                lab.start_agent(agent)
                deaths.append(agent)
            return False

        run_and_kill_at_every_step(lab, kill_agent)
        assert set(deaths) == {*lab.nodes, "db1"}
        upgrades.new_cluster_is_proven(lab)
        upgrades.audit_is_whole(lab)
        upgrades.nothing_was_done_twice(lab)
        assert upgrades.structure(lab, "staging", lab.databases[0].name) == fresh
