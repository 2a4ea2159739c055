"""What the end-to-end tests ask of a lab before and after an upgrade."""
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lab"))
import layouts  # noqa: E402

LINE_OF_STEP = "step-"
SCRATCH = "fresh_layout"

COLUMNS = {
    "mysql": "SELECT LOWER(TABLE_NAME), LOWER(COLUMN_NAME), COLUMN_TYPE, IS_NULLABLE FROM "
             "information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1, 2",
    "postgresql": "SELECT table_name, column_name, data_type || coalesce("
                  "character_maximum_length::text, ''), is_nullable FROM "
                  "information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2",
}
# unique and foreign keys by what they bind, never by their names
KEYS = {
    "mysql": "SELECT LOWER(t.TABLE_NAME), t.CONSTRAINT_TYPE, (SELECT GROUP_CONCAT(LOWER("
             "k.COLUMN_NAME) ORDER BY k.ORDINAL_POSITION) FROM "
             "information_schema.KEY_COLUMN_USAGE k WHERE k.CONSTRAINT_SCHEMA = "
             "t.CONSTRAINT_SCHEMA AND k.TABLE_NAME = t.TABLE_NAME AND k.CONSTRAINT_NAME = "
             "t.CONSTRAINT_NAME) AS keys_ FROM information_schema.TABLE_CONSTRAINTS t WHERE "
             "t.CONSTRAINT_SCHEMA = DATABASE() ORDER BY 1, 2, 3",
    "postgresql": "SELECT conrelid::regclass::text, contype::text, (SELECT string_agg(a.attname, "
                  "',' ORDER BY a.attname) FROM pg_attribute a WHERE a.attrelid = conrelid AND "
                  "a.attnum = ANY (conkey)) FROM pg_constraint WHERE connamespace = "
                  "'public'::regnamespace ORDER BY 1, 2, 3",
}


def structure(lab, side, database):
    """Columns and keys of a database, but for the one table that the facts name."""
    rows = lab.sql(side, COLUMNS[lab.kind], database) + lab.sql(side, KEYS[lab.kind], database)
    return sorted(row for row in rows if row[0] != "um_claim_behavior")


def fresh_structure(lab, layout="4.2"):
    server = lab.servers["staging"]
    charset = " CHARACTER SET utf8mb4" if lab.kind == "mysql" else ""
    server.run_sql(f"CREATE DATABASE {SCRATCH}{charset}")
    try:
        server.run_sql(layouts.create(layout, lab.kind), SCRATCH)
        return structure(lab, "staging", SCRATCH)
    finally:
        server.run_sql(f"DROP DATABASE {SCRATCH}")


def dump(lab, side, database):
    """Digest of a whole database as its own tool dumps it."""
    server = lab.servers[side]
    if lab.kind == "mysql":
        argv = ["mariadb-dump", f"--defaults-file={server.option_file(lab.folder / f'{side}.cnf')}",
                "--skip-comments", "--skip-dump-date", "--single-transaction", "--hex-blob",
                database]
        environment = dict(os.environ)
    else:
        file = lab.folder / f"{side}.service"
        server.service_file(file, service="dump")
        argv = ["pg_dump", f"service=dump dbname={database}"]
        environment = {**os.environ, "PGSERVICEFILE": str(file)}
    done = lab.network.run("lead", argv, env=environment, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines()
             if not line.startswith((b"\\restrict", b"\\unrestrict"))]
    return hashlib.sha256(b"\n".join(lines)).hexdigest()


REGISTRY_TABLES = ["REG_CONTENT", "REG_CONTENT_HISTORY", "REG_PATH", "REG_RESOURCE",
                   "REG_RESOURCE_PROPERTY", "REG_TAG", "REG_SNAPSHOT"]


def table_digest(lab, side, table, database):
    """Order-free digest of all rows of one table."""
    if lab.kind == "mysql":
        return lab.sql(side, f"CHECKSUM TABLE {table} EXTENDED", database)[0][1]
    return lab.sql(side, "SELECT count(*), md5(string_agg(md5(t::text), '' ORDER BY md5(t::text)"
                         f")) FROM {table.lower()} t", database)[0]


def registry_digests(lab, side):
    database = next(d.name for d in lab.databases if "registry" in d.holds)
    return {table: table_digest(lab, side, table, database) for table in REGISTRY_TABLES}


def plan(lab, *more):
    return lab.coordinator("plan", lab.cluster_file, "-o", lab.plan_file, *more)


def must_plan(lab, *more):
    done = plan(lab, *more)
    assert done.returncode == 0, done.stdout + done.stderr


def status(lab):
    done = lab.coordinator("status", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def report(lab):
    done = lab.coordinator("report", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def evidence(told, step, target=None):
    """{name: value} of a step's evidence in a report."""
    for one in told["steps"]:
        if one["name"] == step and target in (None, one["target"]):
            return {fact["name"]: fact["value"] for fact in one["evidence"]}
    raise AssertionError(f"no step {step} {target}")


def audit_is_whole(lab):
    done = lab.coordinator("audit", "verify")
    assert done.returncode == 0, done.stderr


def nothing_was_done_twice(lab):
    """Each attempt of a command has one start and at most one end in the journal."""
    seen = set()
    for line in lab.coordinator("audit", "export", "--format", "json").stdout.splitlines():
        record = json.loads(line)
        if record["kind"] in ("step-started", "undo-started"):
            key = (record["run"], record["step"], record["number"])
            assert key not in seen, record
            seen.add(key)


def new_cluster_is_proven(lab):
    for node in lab.nodes:
        assert lab.new[node].logs_in(), f"{node} does not answer"
        assert not lab.old[node].pids()
    assert lab.sessions("production") == []
    hosts = {host for _, host in lab.sessions("staging")}
    assert hosts >= {lab.network.addresses[node] for node in lab.nodes}


def old_cluster_is_healthy(lab):
    for node in lab.nodes:
        assert lab.old[node].logs_in(), f"{node} does not answer"
        assert not lab.new[node].pids()
    hosts = {host for _, host in lab.sessions("production")}
    assert hosts >= {lab.network.addresses[node] for node in lab.nodes}
    assert lab.sessions("staging") == []
    for database in lab.databases:
        assert structure(lab, "staging", database.name) == []


def end_by_pid(process, sig=signal.SIGKILL):
    process.send_signal(sig)
    process.wait(timeout=30)


def lines_of(process):
    """Lines of a running coordinator as they come."""
    for raw in process.stdout:
        yield raw.decode(errors="replace").rstrip("\n")


def wait_until(what, timeout_s=30):
    deadline = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)
