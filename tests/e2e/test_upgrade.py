"""Whole upgrades with the real programs: every type, layout, strategy and number of databases."""
import pytest
import upgrades
from lab import Lab

LINES = range(1, 15)

# database, layout, strategy, databases: each value of each at least twice, each type with each
CASES = [
    ("mariadb", "4.0", "documented", 1),
    ("postgresql", "4.0", "documented", 2),
    ("mariadb", "4.1", "copy-first", 2),
    ("postgresql", "4.1", "copy-first", 1),
    ("mariadb", "4.2", "documented", 2),
    ("postgresql", "4.2", "copy-first", 1),
    ("postgresql", "4.0", "copy-first", 1),
    ("mariadb", "4.0", "copy-first", 1),
    ("postgresql", "4.1", "documented", 1),
]


@pytest.mark.parametrize("database, layout, strategy, databases", CASES)
def test_a_cluster_is_upgraded(build, database, layout, strategy, databases):
    with Lab(database, layout, strategy, databases, megabytes=4, home_megabytes=1,
             build=build) as lab:
        fresh = upgrades.fresh_structure(lab)
        registry = upgrades.registry_digests(lab, "production")
        before = {d.name: upgrades.dump(lab, "production", d.name) for d in lab.databases}
        upgrades.must_plan(lab)
        done = lab.coordinator("apply", lab.plan_file, "--confirm", lab.cluster)
        assert done.returncode == 0, done.stdout + done.stderr

        told = upgrades.report(lab)
        assert told["verdict"].startswith("DONE")
        assert [line["line"] for line in told["lines"]] == list(LINES)
        assert {step["state"] for step in told["steps"]} == {"done"}
        shown = {step["line"] for step in told["steps"]}
        assert shown >= set(LINES) - {5}
        step = "migrate-staging" if strategy == "copy-first" else "migrate-production"
        for one in lab.databases:
            proof = upgrades.evidence(told, step, one.name)
            assert proof["layout-after"] == "4.2"
            assert (proof["script"] == "already done") == (layout == "4.2")
        upgrades.audit_is_whole(lab)
        upgrades.nothing_was_done_twice(lab)
        upgrades.new_cluster_is_proven(lab)

        for one in lab.databases:
            assert upgrades.structure(lab, "staging", one.name) == fresh
            if strategy == "copy-first":
                assert upgrades.dump(lab, "production", one.name) == before[one.name]
        assert upgrades.registry_digests(lab, "staging") == registry
        refused = lab.coordinator("abort", "--reason", "too late")
        assert refused.returncode == 2
        assert "ended" in refused.stderr
