"""kill -9 at random moments of the script and of the copy: the same end, nothing twice.

Killed is the agent, the coordinator, or a database server, again and again within one run. The
script counts its own statements in a table, so that one that took effect twice shows. Without
DSS_KILLS one run of each kind has a few deaths of all three; with it, a run for each of them has so
many deaths in each of the two steps. DSS_MEGABYTES says how much is copied, DSS_SEED repeats the
moments.
"""
import contextlib
import os
import random
import sqlite3
import subprocess
import threading
import time

import bad_input
import pytest
import servers
import upgrades
from lab import Lab

KILLS = int(os.environ.get("DSS_KILLS", "4"))
MEGABYTES = int(os.environ.get("DSS_MEGABYTES", "8"))
SEED = int(os.environ.get("DSS_SEED", time.time_ns() % 100000))
LIVES_MAX = 40 + 8 * KILLS
LATEST_S = {"migrate": 0.3, "copy": 0.2 + MEGABYTES / 80}  # a death comes so late at most
# a commit that the server has confirmed is on the disk, also where a server is otherwise in haste
OPTIONS = {"mariadb": ["--innodb-flush-log-at-trx-commit=1"], "postgresql": ["synchronous_commit=on"]}
COUNTER = "KILLED_STATEMENTS"


def counted_script(text):
    """The script with a change of rows after each statement that counts it."""
    out = [f"CREATE TABLE {COUNTER} (N INTEGER NOT NULL);", f"INSERT INTO {COUNTER} VALUES (0);"]
    for line in text.splitlines():
        out.append(line)
        if line.rstrip().endswith(";") and not line.startswith("--"):
            out.append(f"UPDATE {COUNTER} SET N = N + 1;")
    return "\n".join(out) + "\n"


class Agent:
    """The agent of the databases."""

    def kill(self, killer):
        copying = killer.step == "copy"
        killer.lab.kill_agent("db1")
        if copying:
            killer.copied.append(chunks_written_down(killer.lab))
        killer.lab.start_agent("db1")


class Coordinator:
    def kill(self, killer):
        killer.process.kill()


class Server:
    """One of the two database servers: which, is left to chance."""

    def kill(self, killer):
        server = killer.lab.servers[killer.rng.choice(["production", "staging"])]
        server.kill()
        upgrades.wait_until(lambda: self.starts(server))

    @staticmethod
    def starts(server):
        """PostgreSQL refuses until the last process of its dead self has gone."""
        try:
            server.start(detach=True)
            return True
        except servers.ServerError:
            return False


class Anybody:
    def kill(self, killer):
        killer.rng.choice([Agent, Coordinator, Server])().kill(killer)


VICTIMS = {"agent": Agent, "coordinator": Coordinator, "server": Server, "anybody": Anybody}


class Killer(threading.Thread):
    """Kills at random moments while one of the two steps runs, so often in each."""

    def __init__(self, lab, victim, rng):
        super().__init__()
        self.lab, self.victim, self.rng = lab, victim, rng
        self.left = {"migrate": KILLS, "copy": KILLS}
        self.copied = []  # chunks in the agent's ledger at each of its deaths while it copied
        self.step = self.process = None
        self.ended = threading.Event()
        self.failure = None

    def saw(self, line):
        """Learns from a line of the coordinator which step runs."""
        parts = line.split(maxsplit=3)
        name = parts[2].split("-")[0] if len(parts) > 2 else ""
        if name in self.left:
            self.step = name if parts[1] == "step-started" else None

    def run(self):
        try:
            while not self.ended.is_set():
                self.kill_once()
        except Exception as failure:  # told by who waits for us
            self.failure = failure

    def kill_once(self):
        step = self.step
        if not step or not self.left[step]:
            time.sleep(0.005)
            return
        time.sleep(self.rng.uniform(0, LATEST_S[step]))
        if self.step == step and self.process and self.process.poll() is None:
            self.victim.kill(self)
            self.left[step] -= 1

    def end(self):
        self.ended.set()
        self.join()
        if self.failure:
            raise self.failure


def chunks_written_down(lab):
    """How many chunks of the copy the agent's ledger has."""
    with contextlib.closing(sqlite3.connect(lab.agent_folder("db1") / "state/ledger.db")) as ledger:
        entries = ledger.execute("SELECT value FROM note WHERE key LIKE 'copy/%/done/%'").fetchall()
    return sum(len(value.splitlines()) for (value,) in entries)


def lead(lab, killer=None):
    """Leads the run to its end, through as many lives of the coordinator as it takes."""
    words = ["apply", lab.plan_file, "--confirm", lab.cluster]
    for _ in range(LIVES_MAX):
        process = lab.spawn_coordinator(*words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        text = []
        if killer:
            killer.process = process
        for line in upgrades.lines_of(process):
            text.append(line)
            if killer:
                killer.saw(line)
        process.wait(timeout=60)
        process.stdout.close()
        if process.returncode == 0:
            return
        assert killer, "\n".join(text)
        words = ["resume", "--confirm", lab.cluster]
    raise AssertionError("the run never ended:\n" + "\n".join(text))


def upgrade(database, strategy, build, victim=None):
    """One upgrade; what it leaves: {what: value}."""
    rng = random.Random(f"{SEED} {database} {strategy} {victim}")
    with Lab(database, "4.0", strategy, megabytes=MEGABYTES, nodes=1, home_megabytes=1,
             build=build, server_options=OPTIONS[database]) as lab:
        script = bad_input.own_script(lab, counted_script)
        done = lab.coordinator("plan", bad_input.with_script(lab, script), "-o", lab.plan_file)
        assert done.returncode == 0, done.stdout + done.stderr
        killer = Killer(lab, VICTIMS[victim](), rng) if victim else None
        if killer:
            killer.start()
        try:
            lead(lab, killer)
        finally:
            if killer:
                killer.end()
        upgrades.new_cluster_is_proven(lab)
        upgrades.audit_is_whole(lab)
        upgrades.nothing_was_done_twice(lab)
        assert upgrades.registry_digests(lab, "production") == \
            upgrades.registry_digests(lab, "staging")
        return result_of(lab, killer)


def result_of(lab, killer):
    told = upgrades.report(lab)
    copied = upgrades.evidence(told, "copy-database")
    return {
        "tables": {name: value for name, value in copied.items() if name.startswith("table:")},
        "chunks": {name: value for name, value in copied.items() if "chunk" in name},
        "counted": lab.sql("staging", f"SELECT N FROM {COUNTER}"),
        "structure": upgrades.structure(lab, "staging", lab.databases[0].name),
        "deaths": {step: KILLS - left for step, left in killer.left.items()} if killer else {},
        "copied": killer.copied if killer else [],
    }


@pytest.fixture(scope="module")
def unbroken(request):
    """What an upgrade that nobody disturbs leaves, made once for each kind."""
    known = {}

    def get(*key):
        if key not in known:
            known[key] = upgrade(*key, os.environ.get("DSS_BUILD"))
        return known[key]

    return get


CASES = [("mariadb", "documented"), ("postgresql", "copy-first")]


@pytest.mark.parametrize("victim", [victim for victim in sorted(VICTIMS)
                                    if ("DSS_KILLS" in os.environ) != (victim == "anybody")])
@pytest.mark.parametrize("database, strategy", CASES)
def test_whoever_dies_the_end_is_the_same(unbroken, build, database, strategy, victim):
    expected = unbroken(database, strategy)
    found = upgrade(database, strategy, build, victim)
    print(f"seed {SEED}, {database}, {victim}: deaths {found['deaths']}, chunks {found['chunks']}, "
          f"in the agent's ledger at its deaths {found['copied']}, "
          f"statements counted {found['counted']}")
    for what in ("tables", "counted", "structure"):
        assert found[what] == expected[what], f"DSS_SEED={SEED}"
    assert sum(found["deaths"].values()) > 1, found["deaths"]  # chance decides how many
    if found["copied"] and found["chunks"]:  # what was written down is not copied again
        assert int(found["chunks"]["~chunks-copied"]) <= \
            int(found["chunks"]["~chunks"]) - found["copied"][-1], found
