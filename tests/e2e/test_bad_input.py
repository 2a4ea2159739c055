"""Wrong input has a message and an exit code of its own, and changes nothing.

Broken XML, unknown elements and two nodes of one name are in test_cli.py: they need no agent.
"""
import hashlib
import os
import shutil

import bad_input
import pytest
from bad_input import check_and_plan_refuse, finding, nothing_changes, refuses
from lab import Lab

@pytest.fixture(scope="module", params=["mariadb", "postgresql"])
def lab(request):
    with Lab(request.param, megabytes=1, nodes=1, home_megabytes=1,
             build=os.environ.get("DSS_BUILD")) as made:
        yield made


@pytest.fixture(scope="module")
def one_lab():
    """For what does not depend on the type of database."""
    with Lab("mariadb", megabytes=1, nodes=1, home_megabytes=1,
             build=os.environ.get("DSS_BUILD")) as made:
        yield made


# hosts

@pytest.mark.parametrize("age, check", [("old", "NODE-HOME-OLD"), ("new", "NODE-HOME-NEW")])
def test_a_home_that_does_not_exist(one_lab, age, check):
    lab = one_lab
    gone = lab.folder / "node1" / "gone"
    with bad_input.agent_with(lab, "node1",
                              lambda text: text.replace(str(lab.home("node1", age)), str(gone))):
        check_and_plan_refuse(lab, 3, check, f"{gone} does not exist", "agent")


def test_an_agent_that_cannot_be_reached(one_lab):
    lab = one_lab
    lab.kill_agent("node1")
    try:
        address = f"{lab.network.addresses['node1']}:9700"
        check_and_plan_refuse(lab, 3, "AGENT-UP", f"agent node1 ({address})", "refused",
                              "start dss-agent")
        refuses(lab, lab.coordinator("agents", lab.cluster_file), 7, "node1", "down")
    finally:
        lab.start_agent("node1")
        lab.wait_for_agent("node1")


# certificates

@pytest.mark.parametrize("files", [["node1.crt", "node1.key"],
                                   ["node1.crt", "node1.key", "ca.crt"]],
                         ids=["certificate", "certificate-and-authority"])
def test_an_agent_with_a_certificate_of_another_authority(one_lab, files):
    lab = one_lab
    tls = lab.agent_folder("node1") / "tls"
    kept = lab.folder / "kept-tls"
    shutil.copytree(tls, kept)
    with bad_input.another_authority(lab) as (state, call):
        done = call("ca", "issue", "--role", "agent", "--name", "node1", "--address",
                    lab.network.addresses["node1"], "--out", state / "issued")
        assert done.returncode == 0, done.stderr
        for name in files:
            shutil.copy(state / "issued" / name, tls / name)
        try:
            bad_input.restart_agent(lab, "node1")
            check_and_plan_refuse(lab, 11, "AGENT-TRUST", "agent node1 (", "another authority",
                                  "ca issue")
            refuses(lab, lab.coordinator("agents", lab.cluster_file), 11, "node1", "refused")
        finally:
            shutil.copytree(kept, tls, dirs_exist_ok=True)
            shutil.rmtree(kept)
            bad_input.restart_agent(lab, "node1")


def test_a_coordinator_with_a_certificate_of_another_authority(one_lab):
    lab = one_lab
    with bad_input.another_authority(lab) as (state, call), nothing_changes(lab):
        told = finding(refuses(lab, call("check", lab.cluster_file), 11), "AGENT-TRUST")
        assert "another authority" in told
        # it trusts the agents; they do not trust it
        shutil.copy(lab.state / "tls/ca.crt", state / "tls/ca.crt")
        (state / "tls/ca.crl").unlink(missing_ok=True)
        told = finding(refuses(lab, call("check", lab.cluster_file), 11), "AGENT-TRUST")
        assert "refuses our certificate" in told
        assert "unknown ca" in told
        refuses(lab, call("plan", lab.cluster_file, "-o", lab.folder / "refused.plan"), 11)
        assert not (lab.folder / "refused.plan").exists()


def test_a_revoked_agent(one_lab):
    lab = one_lab
    issued = lab.folder / "issued-again"
    tls = lab.agent_folder("node1") / "tls"
    assert lab.coordinator("ca", "revoke", "node1").returncode == 0
    try:
        check_and_plan_refuse(lab, 11, "AGENT-TRUST", "agent node1 (", "revoked", "ca issue")
    finally:
        lab.coordinator("ca", "issue", "--role", "agent", "--name", "node1", "--address",
                        lab.network.addresses["node1"], "--out", issued, check=True)
        for name in ("node1.crt", "node1.key"):
            shutil.copy(issued / name, tls / name)
        bad_input.restart_agent(lab, "node1")
    assert lab.coordinator("check", lab.cluster_file).returncode == 0


# databases

def test_a_staging_database_that_is_not_empty(lab):
    with bad_input.sql(lab, "staging", "CREATE TABLE LEFT_OVER (A INTEGER)",
                       "DROP TABLE LEFT_OVER"):
        left = "LEFT_OVER" if lab.kind == "mysql" else "left_over"
        check_and_plan_refuse(lab, 3, "DB-STAGING-EMPTY", "database shared", left, "empty it")


def test_a_staging_database_of_another_type(lab):
    other, name = {"mysql": ("postgresql", "PostgreSQL"),
                   "postgresql": ("mysql", "MySQL")}[lab.kind]
    url = lab.databases[0].url("staging")
    cluster = bad_input.inventory(lab, lambda text: text.replace(
        url.replace("&", "&amp;"), f"jdbc:{other}://10.0.0.9:1/shared"))
    check_and_plan_refuse(lab, 3, "DB-TYPE-SAME", "staging", name, lab.kind, cluster=cluster)


UNSUPPORTED = [
    ("Oracle", "jdbc:oracle:thin:@10.0.0.9:1521/carbon"),
    ("H2", "jdbc:h2:tcp://10.0.0.9/carbon"),
    ("H2", "jdbc:h2:repository/database/SHARED"),
    ("Microsoft SQL Server", "jdbc:jtds:sqlserver://10.0.0.9:1433/carbon"),
    ("DB2", "jdbc:db2://10.0.0.9:50000/carbon"),
    ("Derby", "jdbc:derby://10.0.0.9:1527/carbon"),
]


@pytest.mark.parametrize("name, url", UNSUPPORTED)
def test_a_datasource_of_a_type_that_is_not_moved(one_lab, name, url):
    lab = one_lab
    file = lab.home("node1", "old") / "repository/conf/datasources/master-datasources.xml"
    with bad_input.changed(file, bad_input.old_url(lab, url)):
        check_and_plan_refuse(lab, 3, "CONF-DATASOURCE-TYPE", "master-datasources.xml",
                              "WSO2_SHARED_DB", f"leads to {name}",
                              "only MySQL, MariaDB and PostgreSQL")


@pytest.mark.parametrize("side", ["production", "staging"])
@pytest.mark.parametrize("name, url", UNSUPPORTED[:1] + UNSUPPORTED[2:])
def test_an_inventory_with_a_type_that_is_not_moved(one_lab, name, url, side):
    lab = one_lab
    known = lab.databases[0].url(side).replace("&", "&amp;")
    cluster = bad_input.inventory(lab, lambda text: text.replace(known, url))
    check_and_plan_refuse(lab, 3, "DB-TYPE-SUPPORTED", side, name,
                          "MySQL, MariaDB and PostgreSQL", cluster=cluster)


def test_a_database_in_a_mixture_of_layouts(lab):
    with bad_input.sql(lab, "production", "CREATE TABLE UM_DOMAIN (A INTEGER)",
                       "DROP TABLE UM_DOMAIN"):
        check_and_plan_refuse(lab, 3, "DB-LAYOUT-KNOWN", "ran half", "4.0", "UM_DOMAIN", "restore")


# scripts

def test_a_script_whose_digest_is_another_one(lab):
    script = bad_input.own_script(lab)
    is_now = hashlib.sha256(script.read_bytes()).hexdigest()
    cluster = bad_input.with_script(lab, script, sha256="0" * 64)
    check_and_plan_refuse(lab, 3, "SCRIPT-DIGEST", script, is_now, "0" * 64, cluster=cluster)


def test_a_script_that_changed_after_the_plan(lab):
    script = bad_input.own_script(lab)
    was = hashlib.sha256(script.read_bytes()).hexdigest()
    cluster = bad_input.with_script(lab, script)
    done = lab.coordinator("plan", cluster, "-o", lab.plan_file)
    assert done.returncode == 0, done.stdout + done.stderr
    script.write_text(script.read_text() + "-- one more line\n")
    with nothing_changes(lab):
        refuses(lab, lab.coordinator("apply", lab.plan_file, "--confirm", lab.cluster), 4, script,
                was, hashlib.sha256(script.read_bytes()).hexdigest())


def test_a_script_that_drops_a_table(lab):
    script = bad_input.own_script(lab, lambda text: text + "\nDROP TABLE UM_USER;\n")
    line = script.read_text().splitlines().index("DROP TABLE UM_USER;") + 1
    check_and_plan_refuse(lab, 3, "DB-SCRIPT", f"(line {line})", "drops tables",
                          cluster=bad_input.with_script(lab, script))


def test_a_script_that_is_not_there(one_lab):
    lab = one_lab
    script = bad_input.own_script(lab)
    cluster = bad_input.with_script(lab, script)
    script.unlink()
    check_and_plan_refuse(lab, 3, "SCRIPT-DIGEST", script, "database 'shared'", cluster=cluster)


# between plan and apply

@pytest.mark.parametrize("age, file", [
    ("new", "repository/conf/user-mgt.xml"),
    ("new", "repository/conf/datasources/master-datasources.xml"),
    ("old", "repository/conf/registry.xml"),
])
def test_a_configuration_file_that_changed_after_the_plan(one_lab, age, file):
    lab = one_lab
    done = lab.coordinator("plan", lab.cluster_file, "-o", lab.plan_file)
    assert done.returncode == 0, done.stdout + done.stderr
    path = lab.home("node1", age) / file
    was = hashlib.sha256(path.read_bytes()).hexdigest()
    with bad_input.changed(path, lambda text: text + "\n"), nothing_changes(lab):
        is_now = hashlib.sha256(path.read_bytes()).hexdigest()
        refuses(lab, lab.coordinator("apply", lab.plan_file, "--confirm", lab.cluster), 4, file,
                age, "node1", was, is_now, "make a new plan")


def test_a_layout_that_changed_after_the_plan(lab):
    done = lab.coordinator("plan", lab.cluster_file, "-o", lab.plan_file)
    assert done.returncode == 0, done.stdout + done.stderr
    with bad_input.sql(lab, "production", "ALTER TABLE UM_USER ADD COLUMN EXTRA INTEGER",
                       "ALTER TABLE UM_USER DROP COLUMN EXTRA"), nothing_changes(lab):
        refuses(lab, lab.coordinator("apply", lab.plan_file, "--confirm", lab.cluster), 4,
                "shared", "make a new plan")


def test_a_staging_database_that_was_filled_after_the_plan(lab):
    done = lab.coordinator("plan", lab.cluster_file, "-o", lab.plan_file)
    assert done.returncode == 0, done.stdout + done.stderr
    with bad_input.sql(lab, "staging", "CREATE TABLE LEFT_OVER (A INTEGER)",
                       "DROP TABLE LEFT_OVER"), nothing_changes(lab):
        done = lab.coordinator("apply", lab.plan_file, "--confirm", lab.cluster)
        assert done.returncode in (3, 4), done.stdout + done.stderr
        assert "left_over" in (done.stdout + done.stderr).lower()


def test_an_agent_that_is_gone_after_the_plan(one_lab):
    lab = one_lab
    done = lab.coordinator("plan", lab.cluster_file, "-o", lab.plan_file)
    assert done.returncode == 0, done.stdout + done.stderr
    lab.kill_agent("node1")
    try:
        with nothing_changes(lab):
            refuses(lab, lab.coordinator("apply", lab.plan_file, "--confirm", lab.cluster), 3,
                    "AGENT-UP", "node1")
        refuses(lab, lab.coordinator("status"), 2)  # no run began
    finally:
        lab.start_agent("node1")
        lab.wait_for_agent("node1")
