"""Runs that meet trouble on the way: held with the reason named, and the way on is open."""
import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess

import bad_input
import pytest
import upgrades
from bad_input import apply_until_held, finding, refuses, taken_back
from lab import Lab

STOP_S = 4
MAIN_CLASS = "org.wso2.carbon.bootstrap.Bootstrap"


# only with it MariaDB tells which program a session is
TELLS_PROGRAMS = {"mariadb": ["--performance-schema=ON"], "postgresql": []}


def small_lab(database):
    return Lab(database, megabytes=1, nodes=1, home_megabytes=1, limits={"stop_s": STOP_S},
               server_options=TELLS_PROGRAMS[database], build=os.environ.get("DSS_BUILD"))


@pytest.fixture(scope="module", params=["mariadb", "postgresql"])
def lab(request):
    with small_lab(request.param) as made:
        yield made


@pytest.fixture(scope="module")
def one_lab():
    """For what does not depend on the type of database."""
    with small_lab("mariadb") as made:
        yield made


# a check that is let pass

def test_a_bypassed_check_stands_in_audit_and_report(one_lab):
    lab = one_lab
    carbon = lab.home("node1", "old") / "repository/conf/carbon.xml"
    reason = "the repository is read only tonight"
    with bad_input.changed(carbon, lambda text: re.sub(
            r"(<DeploymentSynchronizer>\s*<Enabled>)false", r"\1true", text)):
        bad_input.check_and_plan_refuse(lab, 3, "NODE-SVN", carbon.parent.parent.parent)
        words = ("--bypass", "NODE-SVN", "--reason", reason)
        upgrades.must_plan(lab, *words)
        with bad_input.nothing_changes(lab):
            refuses(lab, lab.coordinator("apply", lab.plan_file), 3, "NODE-SVN")
        with taken_back(lab):
            apply_until_held(lab, *words)
            told = upgrades.report(lab)
            assert any(word["kind"] == "check-bypassed" and "NODE-SVN" in word["text"] and
                       reason in word["text"] for word in told["words"]), told["words"]
            for command in (("report",), ("audit", "show")):
                text = lab.coordinator(*command).stdout
                assert "NODE-SVN" in text and reason in text


def test_a_bypass_lets_no_other_check_pass(one_lab):
    lab = one_lab
    with bad_input.sql(lab, "staging", "CREATE TABLE LEFT_OVER (A INTEGER)",
                       "DROP TABLE LEFT_OVER"), bad_input.nothing_changes(lab):
        refuses(lab, lab.coordinator("check", lab.cluster_file, "--bypass", "NODE-SVN", "--reason",
                                     "another one"), 3, "DB-STAGING-EMPTY",
                "--bypass NODE-SVN changes nothing")


# sessions

@contextlib.contextmanager
def foreign_session(lab, account=None):
    """A client on the coordinator's host, which is no node, at the production database."""
    server, database = lab.servers["production"], lab.databases[0]
    user = account or database.account
    environment = dict(os.environ)
    if lab.kind == "mysql":
        file = server.option_file(lab.folder / "foreign.cnf", user=user,
                                  password=database.password if user == database.account else None)
        argv = ["mariadb", f"--defaults-file={file}", database.name, "-e", "SELECT SLEEP(600)"]
    else:
        file = lab.folder / "foreign.service"
        server.service_file(file, service="foreign", user=user,
                            password=database.password if user == database.account else None)
        environment.update(PGSERVICEFILE=str(file), PGAPPNAME="nightly-export")
        argv = ["psql", "--no-psqlrc", f"service=foreign dbname={database.name}", "-c",
                "SELECT pg_sleep(600)"]
    with open(lab.folder / "foreign.log", "w") as log:
        process = lab.network.spawn("lead", argv, env=environment, stdout=log, stderr=log)
    address = lab.network.addresses["lead"]

    def is_there():
        assert process.poll() is None, (lab.folder / "foreign.log").read_text()
        return (user, address) in everybody(lab)

    try:
        upgrades.wait_until(is_there)
        yield process
    finally:
        process.kill()
        process.wait(timeout=10)
        end_sessions(lab, address)


def end_sessions(lab, address):
    """Ends those of a host: a server at work does not notice that its client is gone."""
    if lab.kind == "mysql":
        for row in lab.sql("production", "SELECT ID FROM information_schema.PROCESSLIST WHERE "
                           f"HOST LIKE '{address}:%'"):
            lab.sql("production", f"KILL {row[0]}")
    else:
        lab.sql("production", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                f"host(client_addr) = '{address}'")
    upgrades.wait_until(lambda: address not in {host for _, host in everybody(lab)})


def everybody(lab):
    """(user, host) of all sessions at production."""
    text = ("SELECT USER, SUBSTRING_INDEX(HOST, ':', 1) FROM information_schema.PROCESSLIST"
            if lab.kind == "mysql" else
            "SELECT usename, host(client_addr) FROM pg_stat_activity WHERE client_addr IS NOT NULL")
    return {(row[0], row[1]) for row in lab.sql("production", text) if len(row) > 1}


def test_a_foreign_session_holds_the_run_until_it_is_gone(lab):
    address = lab.network.addresses["lead"]
    program = "mysql" if lab.kind == "mysql" else "nightly-export"
    with taken_back(lab), foreign_session(lab) as session:
        told = finding(refuses(lab, lab.coordinator("check", lab.cluster_file), 0), "DB-SESSIONS",
                       "warn")
        for word in (lab.databases[0].account, address, program):
            assert word in told, told
        upgrades.must_plan(lab)
        held = lab.coordinator("apply", lab.plan_file, "--confirm", lab.cluster)
        refuses(lab, held, 5, "prove-quiet", lab.databases[0].account, address, program,
                "not in the inventory", "resume")
        assert session.poll() is None
        assert not lab.old["node1"].pids()
        assert upgrades.structure(lab, "staging", lab.databases[0].name) == []
        refuses(lab, lab.coordinator("resume", "--confirm", lab.cluster), 5, address)
        session.kill()
        session.wait(timeout=10)
        end_sessions(lab, address)
        refuses(lab, lab.coordinator("resume"), 5, "POINT OF NO RETURN")


@pytest.mark.parametrize("database", ["mariadb", "postgresql"])
def test_who_uses_a_watched_account_after_the_stop_is_named(database):
    """An account that others need stays open: whoever comes with it holds what would miss him."""
    with small_lab(database) as lab:
        account, address = lab.databases[0].account, lab.network.addresses["lead"]
        lab.cluster_file.write_text(lab.cluster_file.read_text().replace(
            "    </database>", f'      <account name="{account}" barrier="watch"/>\n'
            "    </database>"))
        told = finding(refuses(lab, lab.coordinator("check", lab.cluster_file), 0), "DB-ACCOUNT",
                       "warn")
        assert f"account {account} is not locked, only watched" in told
        upgrades.must_plan(lab)
        apply_until_held(lab)
        locked = upgrades.evidence(upgrades.report(lab), "lock-accounts", lab.databases[0].name)
        assert locked["watched"] == account and "locked" not in locked
        with foreign_session(lab):
            refuses(lab, lab.coordinator("resume", "--confirm", lab.cluster), 5,
                    "migrate-production", f"of {account} from {address}", "at production")
        done = lab.coordinator("resume", "--confirm", lab.cluster)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_flipped_bit_in_a_backup_stops_before_the_line(one_lab):
    lab = one_lab
    upgrades.must_plan(lab)
    with taken_back(lab):
        apply_until_held(lab)
        before = upgrades.dump(lab, "production", lab.databases[0].name)
        dump = max((lab.agent_folder("db1") / "backup").rglob("dump.sql.zst"),
                   key=lambda path: path.stat().st_mtime)
        whole = dump.read_bytes()
        damaged = bytearray(whole)
        damaged[len(whole) // 2] ^= 1
        dump.write_bytes(damaged)
        refuses(lab, lab.coordinator("resume", "--confirm", lab.cluster), 9, "verify-dump",
                dump, hashlib.sha256(whole).hexdigest(), hashlib.sha256(damaged).hexdigest())
        assert upgrades.dump(lab, "production", lab.databases[0].name) == before


# servers that do not stop as they should

@contextlib.contextmanager
def bystanders(lab):
    """Processes that look like the old server and are not it; they have to survive."""
    log = lab.old["node1"].log
    home = lab.home("node1", "old")
    started = [
        lab.network.spawn("node1", ["tail", "-f", str(log)], stdout=subprocess.DEVNULL),
        lab.network.spawn("node1", ["sleep", "600"], cwd=home),
        lab.network.spawn("node1", ["/usr/bin/python3", "-c", "import time; time.sleep(600)",
                                    f"-Dcarbon.home={home}-of-another", MAIN_CLASS]),
    ]
    try:
        yield started
        assert [process.poll() for process in started] == [None] * len(started)
    finally:
        for process in started:
            process.kill()
            process.wait(timeout=10)


def restart_old(lab, **keys):
    """The old server as it runs when it misbehaves so; its pid."""
    old = lab.old["node1"]
    old.stop()
    old.misbehave(**keys)
    old.start()
    old.wait_started()
    [pid] = old.pids()
    return pid


def stop_evidence(lab):
    return upgrades.evidence(upgrades.report(lab), "stop-server", "node1")


def test_a_hung_server_is_killed_by_pid_and_nobody_else(one_lab):
    lab = one_lab
    old = lab.old["node1"]
    pid = restart_old(lab, hang_on_term="yes")
    with taken_back(lab), bystanders(lab) as others:
        # the vendor's script would end this one: the pid file names it
        (lab.home("node1", "old") / "wso2carbon.pid").write_text(f"{others[1].pid}\n")
        upgrades.must_plan(lab)
        old.misbehave()  # when it is started again
        apply_until_held(lab)
        assert not old.pids()
        [seconds] = re.findall(r"^killed after (\d+) s$", stop_evidence(lab)[f"stopped:{pid}"])
        assert int(seconds) >= STOP_S


def test_a_server_without_a_pid_file_is_found(one_lab):
    lab = one_lab
    old = lab.old["node1"]
    [pid] = old.pids()
    (lab.home("node1", "old") / "wso2carbon.pid").unlink()
    told = lab.coordinator("check", lab.cluster_file)
    assert str(pid) in finding(refuses(lab, told, 0), "NODE-STALE-PID", "warn")
    upgrades.must_plan(lab)
    with taken_back(lab):
        apply_until_held(lab)
        assert not old.pids()
        assert stop_evidence(lab)[f"stopped:{pid}"].startswith("by TERM")


def test_a_server_that_dies_while_it_stops(one_lab):
    lab = one_lab
    old = lab.old["node1"]
    pid = restart_old(lab, hang_on_term="yes")
    old.misbehave()
    upgrades.must_plan(lab)
    with taken_back(lab):
        process = lab.spawn_coordinator("apply", lab.plan_file, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        text = []
        for line in upgrades.lines_of(process):
            text.append(line)
            if "step-started" in line and "stop-server" in line:
                upgrades.wait_until(lambda: "a signal changes nothing" in old.log_text())
                os.kill(pid, signal.SIGKILL)
        process.wait(timeout=60)
        process.stdout.close()
        assert process.returncode == 5, "\n".join(text)
        assert "POINT OF NO RETURN" in "\n".join(text)
        assert not old.pids()
        assert "killed" not in stop_evidence(lab)[f"stopped:{pid}"]  # not by us


def test_a_server_that_died_before_the_stop(one_lab):
    lab = one_lab
    upgrades.must_plan(lab)
    lab.old["node1"].kill()
    with taken_back(lab):
        apply_until_held(lab)


# two at once

def test_a_second_coordinator_is_refused_by_the_pid_of_the_first(one_lab):
    lab = one_lab
    upgrades.must_plan(lab)
    with taken_back(lab):
        first = lab.spawn_coordinator("apply", lab.plan_file, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT)
        text = []
        for line in upgrades.lines_of(first):
            text.append(line)
            if "step-started" in line and "stop-server" in line:
                first.send_signal(signal.SIGSTOP)
                for words in (("resume",), ("apply", lab.plan_file), ("abort",)):
                    second = lab.coordinator(*words)
                    refuses(lab, second, 8, f"pid {first.pid} ", "is held by")
                assert lab.coordinator("status").returncode == 0
                first.send_signal(signal.SIGCONT)
        first.wait(timeout=60)
        first.stdout.close()
        assert first.returncode == 5, "\n".join(text)
    upgrades.audit_is_whole(lab)


def test_a_run_that_has_not_ended_is_not_passed_over(one_lab):
    lab = one_lab
    upgrades.must_plan(lab)
    with taken_back(lab):
        apply_until_held(lab)
        refuses(lab, lab.coordinator("apply", lab.plan_file), 5, "has not ended", "resume", "abort")


def test_a_word_to_a_run_that_has_ended_is_refused_and_leaves_no_record(one_lab):
    lab = one_lab
    upgrades.must_plan(lab)
    with taken_back(lab):
        apply_until_held(lab)
    records = lab.coordinator("audit", "export").stdout
    for words in (("abort", "--reason", "again"), ("retry", "3"),
                  ("skip", "3", "--reason", "again")):
        refuses(lab, lab.coordinator(*words), 2, lab.cluster, "has ended (aborted)", "'plan'")
    assert lab.coordinator("audit", "export").stdout == records
    measured = lab.coordinator("report").stdout.split("measure-traffic", 1)[1]
    assert re.match(r"[^\n]*\n +sessions = [0-9]+\n", measured), measured


@contextlib.contextmanager
def other_account(lab, name):
    """One more with all rights on the database, on both servers."""
    for side in ("production", "staging"):
        lab.sql(side, f"CREATE USER '{name}'@'%'; "
                      f"GRANT ALL ON {lab.databases[0].name}.* TO '{name}'@'%'")
    try:
        yield
    finally:
        for side in ("production", "staging"):
            lab.sql(side, f"DROP USER '{name}'@'%'")


def test_an_account_that_the_servers_use_and_nobody_named_is_found(one_lab):
    """It exists and may do all that is asked of it, and yet the wrong one would be locked out."""
    lab = one_lab
    used = lab.databases[0].account
    with other_account(lab, "carbon_other"):
        cluster = bad_input.inventory(lab, lambda text: text.replace(
            f'account="{used}"', 'account="carbon_other"'))
        told = finding(refuses(lab, lab.coordinator("check", cluster), 3), "CONF-ACCOUNT-NAMED")
        assert "node node1" in told and f"'{used}'" in told and "'carbon_other'" in told
        cluster = bad_input.inventory(lab, lambda text: text.replace(
            f'account="{used}"', 'account="carbon_other"').replace(
            "    </database>", f'      <account name="{used}"/>\n    </database>'))
        assert "CONF-ACCOUNT-NAMED" not in lab.coordinator("check", cluster).stdout


def test_apply_with_a_failed_check_says_that_nothing_was_begun(one_lab):
    lab = one_lab
    upgrades.must_plan(lab)
    lab.sql("staging", "CREATE TABLE NOTES (A INTEGER)")
    try:
        for command in ("apply", "rehearse"):
            refuses(lab, lab.coordinator(command, lab.plan_file), 3, "DB-STAGING-EMPTY",
                    "nothing was begun", "--bypass CHECK")
    finally:
        lab.sql("staging", "DROP TABLE NOTES")


def test_changes_of_the_configuration_are_told_as_json(one_lab):
    done = one_lab.coordinator("config", "diff", one_lab.cluster_file, "--json")
    assert done.returncode == 0, done.stderr
    [target] = json.loads(done.stdout)["targets"]
    assert target["target"] == "node1" and target["error"] == ""
    assert any("datasource added" in change["what"] for change in target["changes"])
    assert any(file["path"].endswith("master-datasources.xml") and "+++" in file["diff"]
               for file in target["files"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_ctrl_c_and_a_closed_terminal_stop_it_with_a_word(one_lab, number):
    lab = one_lab
    upgrades.must_plan(lab)
    with taken_back(lab):
        first = lab.spawn_coordinator("apply", lab.plan_file, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT)
        text = []
        for line in upgrades.lines_of(first):
            text.append(line)
            if "step-started" in line and "stop-server" in line:
                first.send_signal(number)
        first.wait(timeout=60)
        first.stdout.close()
        assert first.returncode == 128 + number, "\n".join(text)
        assert any(f"STOPPED by signal {int(number)}" in line for line in text)
        assert "dss-coordinator resume" in lab.coordinator("status").stdout
        refuses(lab, lab.coordinator("resume"), 5, "POINT OF NO RETURN")
        assert "next: dss-coordinator resume --confirm" in lab.coordinator("status").stdout


def test_under_nohup_a_closed_terminal_stops_nothing(one_lab):
    lab = one_lab
    upgrades.must_plan(lab)
    with taken_back(lab):
        first = lab.spawn_coordinator(
            "apply", lab.plan_file, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        for line in upgrades.lines_of(first):
            if "step-started" in line and "stop-server" in line:
                first.send_signal(signal.SIGHUP)
        first.wait(timeout=60)
        first.stdout.close()
        assert first.returncode == 5


# the operator's own script

@pytest.mark.parametrize("database", ["mariadb", "postgresql"])
def test_the_operators_script_runs_instead_of_the_profiles(database):
    with small_lab(database) as lab:
        folder = lab.folder / "night"
        folder.mkdir()
        script = bad_input.own_script(lab, lambda text: text + (
            "\nUPDATE UM_DOMAIN SET UM_DOMAIN_NAME = UM_DOMAIN_NAME WHERE 1 = 0; -- ours\n"))
        script = script.rename(folder / script.name)
        digest = hashlib.sha256(script.read_bytes()).hexdigest()
        cluster = bad_input.with_script(lab, script).rename(folder / "cluster.xml")
        # paths are relative to the inventory; the plan is carried out from any folder
        done = lab.coordinator("plan", cluster.relative_to(lab.folder), "-o", lab.plan_file)
        assert done.returncode == 0, done.stdout + done.stderr
        argv = lab.coordinator_argv("apply", lab.plan_file, "--confirm", lab.cluster)
        done = lab.network.run("lead", argv, capture_output=True, text=True, timeout=120, cwd="/")
        assert done.returncode == 0, done.stdout + done.stderr
        proof = upgrades.evidence(upgrades.report(lab), "migrate-production", "shared")
        assert digest in json.dumps(proof), proof
        upgrades.new_cluster_is_proven(lab)
