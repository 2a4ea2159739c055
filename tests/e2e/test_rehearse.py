"""A rehearsal beside servers at work finds what would break the night, and changes nothing."""
import contextlib
import json
import os
import signal
import threading

import bad_input
import pytest
import upgrades
from bad_input import refuses
from lab import Lab

LISTS = {"mysql": "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE "
                  "'dss_scratch%'",
         "postgresql": "SELECT datname FROM pg_database WHERE datname LIKE 'dss_scratch%'"}
NO_UNIQUE_KEY = "ALTER TABLE UM_USER ADD UNIQUE (UM_TENANT_ID);\n"


@pytest.fixture(scope="module", params=["mariadb", "postgresql"])
def lab(request):
    strategy = "documented" if request.param == "mariadb" else "copy-first"
    with Lab(request.param, strategy=strategy, megabytes=2, nodes=2, home_megabytes=1,
             build=os.environ.get("DSS_BUILD")) as made:
        upgrades.must_plan(made)
        yield made


@contextlib.contextmanager
def leaves_nothing(lab):
    """No scratch database, no dump, nothing in staging."""
    kept = set(lab.folder.rglob("dump.*"))
    yield
    for side in ("production", "staging"):
        assert lab.sql(side, LISTS[lab.kind]) == []
    for one in lab.databases:
        assert upgrades.structure(lab, "staging", one.name) == []
    assert set(lab.folder.rglob("dump.*")) == kept


def all_digests(lab, without):
    """{table: digest} of production."""
    names = sorted({row[0] for row in upgrades.structure(lab, "production", "shared")})
    return {name: upgrades.table_digest(lab, "production", name.upper(), "shared")
            for name in names if name != without}


@contextlib.contextmanager
def servers_at_work(lab):
    """Logins at the old servers, and rows that come all the time."""
    done = threading.Event()
    written = []

    def write():
        while not done.is_set():
            assert all(lab.old[node].logs_in() for node in lab.nodes)
            lab.sql("production", "INSERT INTO REG_LOG (REG_PATH, REG_USER_ID, REG_LOGGED_TIME, "
                    "REG_ACTION, REG_TENANT_ID) VALUES ('/at/work', 'admin', "
                    "CURRENT_TIMESTAMP, 1, -1234)")
            written.append(1)

    worker = threading.Thread(target=write)
    worker.start()
    try:
        upgrades.wait_until(lambda: written)
        yield written
    finally:
        done.set()
        worker.join()


def rehearse(lab, plan=None):
    return lab.coordinator("rehearse", plan or lab.plan_file)


def test_a_rehearsal_changes_nothing_and_its_times_are_shown_later(lab):
    pids = {node: lab.old[node].pids() for node in lab.nodes}
    before = all_digests(lab, "reg_log")
    structure = upgrades.structure(lab, "production", "shared")
    with leaves_nothing(lab), servers_at_work(lab) as written:
        begun = len(written)
        done = rehearse(lab)
        assert len(written) > begun
    assert done.returncode == 0, done.stdout + done.stderr
    assert {node: lab.old[node].pids() for node in lab.nodes} == pids
    assert all_digests(lab, "reg_log") == before
    assert upgrades.structure(lab, "production", "shared") == structure
    upgrades.audit_is_whole(lab)
    for word in ("PASSED", "rehearse-migration shared", "layout-after = 4.2", "restore ",
                 "the way back: restoring shared", "structure as before"):
        assert word in done.stdout, done.stdout

    told = upgrades.status(lab)
    assert told["state"] == "done"
    assert told["rehearsal"] is None
    of_rehearsal = {step["name"]: step["ended_ms"] - step["started_ms"] for step in told["steps"]}

    planned = upgrades.plan(lab)
    assert f"rehearsed by run {told['run']}" in planned.stdout
    as_json = json.loads(lab.coordinator("plan", lab.cluster_file, "--json").stdout)
    times = {step["name"]: step["rehearsed_ms"] for step in as_json["steps"]}
    assert times["backup-database"] == of_rehearsal["rehearse-backup"]
    assert times["stop-server"] is None
    assert as_json["rehearsal"]["run"] == told["run"]
    assert as_json["rehearsal"]["doubts"] == []
    migrate = "migrate-production" if lab.strategy == "documented" else "migrate-staging"
    assert times[migrate] == of_rehearsal["rehearse-migration"]
    assert as_json["rehearsal"]["downtime_ms"] >= times[migrate] + times["backup-database"]

    with bad_input.taken_back(lab):
        applied = lab.coordinator("apply", lab.plan_file)
        assert applied.returncode == 5, applied.stdout + applied.stderr
        assert "(rehearsed: " in applied.stdout
        live = upgrades.status(lab)
        backup = next(one for one in live["steps"] if one["name"] == "backup-database")
        assert backup["rehearsed_ms"] == of_rehearsal["rehearse-backup"]
        assert backup["ended_ms"] > backup["started_ms"]
        assert live["rehearsal"]["run"] == told["run"]
        assert "(rehearsed: " in lab.coordinator("report").stdout


def test_a_script_that_breaks_on_the_rows_is_named(lab):
    script = bad_input.own_script(lab, lambda text: text + "\n" + NO_UNIQUE_KEY)
    cluster = bad_input.with_script(lab, script)
    plan = lab.folder / "breaks.plan"
    assert lab.coordinator("plan", cluster, "-o", plan).returncode == 0
    with bad_input.nothing_changes(lab), leaves_nothing(lab):
        told = refuses(lab, rehearse(lab, plan), 1, "FAILED", "statement ", "uplicate")
    assert "NOT ENDED" not in told
    assert upgrades.status(lab)["state"] == "aborted"
    refuses(lab, lab.coordinator("resume"), 6)
    # what failed is no measure of anything
    assert "rehearsed by" not in lab.coordinator("plan", cluster).stdout


def test_a_script_that_does_not_lead_to_the_layout_is_a_mismatch(lab):
    script = bad_input.own_script(lab, lambda text: text.split("CREATE TABLE UM_SYSTEM_USER")[0])
    cluster = bad_input.with_script(lab, script)
    plan = lab.folder / "short.plan"
    assert lab.coordinator("plan", cluster, "-o", plan).returncode == 0
    with bad_input.nothing_changes(lab), leaves_nothing(lab):
        refuses(lab, rehearse(lab, plan), 9, "FAILED", "the script ran to its end, but the layout",
                "and not 4.2", "the way back: restoring shared")


def test_a_rehearsal_that_was_interrupted_goes_on_with_resume(lab):
    with bad_input.nothing_changes(lab), leaves_nothing(lab):
        process = lab.spawn_coordinator("rehearse", lab.plan_file, stdout=-1, stderr=-2)
        lines = upgrades.lines_of(process)
        for line in lines:
            if "step-started" in line and "rehearse-backup" in line:
                break
        process.send_signal(signal.SIGINT)
        told = "\n".join(lines)
        assert process.wait(timeout=60) == 128 + signal.SIGINT, told
        process.stdout.close()
        assert "a rehearsal only reads production" in told
        done = lab.coordinator("resume")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "PASSED" in done.stdout


def killed_rehearsal(lab):
    """The coordinator dies when there is a scratch database."""
    process = lab.spawn_coordinator("rehearse", lab.plan_file, stdout=-1, stderr=-2)
    for line in upgrades.lines_of(process):
        if "step-done" in line and "rehearse-backup" in line:
            break
    upgrades.end_by_pid(process)
    process.stdout.close()


def test_a_rehearsal_that_was_killed_is_dropped_by_the_next_one(lab):
    with bad_input.nothing_changes(lab), leaves_nothing(lab):
        killed_rehearsal(lab)
        refuses(lab, lab.coordinator("apply", lab.plan_file), 5, "rehearsal", "has not ended")
        assert "this is a rehearsal" in lab.coordinator("status").stdout
        done = rehearse(lab)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_rehearsal_that_was_killed_is_dropped_by_abort(lab):
    with bad_input.nothing_changes(lab), leaves_nothing(lab):
        killed_rehearsal(lab)
        refuses(lab, lab.coordinator("abort", "--reason", "enough"), 6)


def test_a_rehearsal_goes_on_when_its_agent_died(lab):
    with bad_input.nothing_changes(lab), leaves_nothing(lab):
        process = lab.spawn_coordinator("rehearse", lab.plan_file, stdout=-1, stderr=-2)
        for line in upgrades.lines_of(process):
            if "step-started" in line and "rehearse-backup" in line:
                break
        lab.kill_agent("db1")
        lab.start_agent("db1")
        rest = "\n".join(upgrades.lines_of(process))
        assert process.wait(timeout=120) == 0, rest
        process.stdout.close()


def test_json_is_the_report_and_nothing_else(lab):
    done = lab.coordinator("rehearse", lab.plan_file, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["verdict"] == "PASSED"
    assert "~restore-ms" in upgrades.evidence(told, "rehearse-backup", "shared")
