#!/usr/bin/env python3
"""A whole cluster on this machine: database servers, old Carbon servers, agents, a coordinator.

    with Lab(database="postgresql", layout="4.1", megabytes=10) as lab:
        lab.coordinator("plan", lab.cluster_file, "-o", lab.plan_file)
        lab.coordinator("apply", lab.plan_file, "--confirm", lab.cluster)
        assert lab.new["node1"].logs_in()

The agents and the coordinator are the real programs; the Carbon servers are tests/carbon. Whatever
was started is ended by its pid when the lab closes, also on Ctrl-C. Without namespaces (not root)
hosts are addresses of 127.0.0.0/8.

On the command line:

    lab.py up [options]     brings a lab up and keeps it until Ctrl-C
    lab.py clean FOLDER     ends and removes one that was kept
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
sys.path.insert(0, str(HERE))
import fill  # noqa: E402
import homes  # noqa: E402
import lab_files  # noqa: E402
import layouts  # noqa: E402
import servers  # noqa: E402
from carbon import Carbon, processes_of  # noqa: E402
from network import Network, end_processes, remove_namespaces  # noqa: E402

KIND = {"mariadb": "mysql", "postgresql": "postgresql"}  # as JDBC and the agents name them
LIMITS = {"stop_s": 20, "start_s": 30, "quiet_s": 1, "statement_s": 60, "lock_s": 10,
          "copy_s": 300, "backup_s": 300, "agent_lost_s": 30, "sessions_max": 100,
          "statements_max": 1000, "traffic_sample_s": 1}
AGENT_START_S = 10


class LabError(Exception):
    pass


class LabDatabase:
    """One shared database: on the production server, and empty on the staging server."""

    def __init__(self, lab, name, holds, account, password):
        self.lab, self.name, self.holds = lab, name, holds
        self.account, self.password = account, password

    def url(self, side):
        server = self.lab.servers[side]
        options = "?autoReconnect=true&useUnicode=true" if self.lab.kind == "mysql" else ""
        return f"jdbc:{self.lab.kind}://{server.address}:{server.port}/{self.name}{options}"

    def for_homes(self):
        word = self.name.upper()
        return homes.Database(f"WSO2_{word}_DB", f"jdbc/WSO2{word.capitalize()}DB",
                              self.url("production"), self.account, self.password,
                              registry="registry" in self.holds, users="users" in self.holds)

    def make(self, side):
        """The database and its account."""
        server = self.lab.servers[side]
        password = self.password.replace("'", "''")
        if self.lab.kind == "mysql":
            server.run_sql(f"CREATE DATABASE {self.name} CHARACTER SET utf8mb4; "
                           f"CREATE USER '{self.account}'@'%' IDENTIFIED BY '{password}'; "
                           f"GRANT ALL PRIVILEGES ON {self.name}.* TO '{self.account}'@'%'")
        else:
            server.run_sql(f"CREATE ROLE {self.account} LOGIN PASSWORD '{password}'")
            server.run_sql(f"CREATE DATABASE {self.name} OWNER {self.account}")
            server.run_sql(f"ALTER SCHEMA public OWNER TO {self.account}", self.name)

    def fill(self, megabytes):
        """Tables of the layout and rows, owned by the account."""
        server, layout, kind = self.lab.servers["production"], self.lab.layout, self.lab.kind
        owner = f"SET ROLE {self.account};\n" if kind == "postgresql" else ""
        server.run_sql(owner + layouts.create(layout, kind), self.name)
        server.run_sql(owner + fill.statements(layout, kind, megabytes=megabytes), self.name)


class Lab:
    def __init__(self, database="mariadb", layout="4.0", strategy="documented", databases=1,
                 megabytes=100, nodes=3, build=None, folder=None, keep=False, namespaces=None,
                 home_megabytes=4, limits=None, server_options=(), say=lambda text: None):
        self.database, self.kind, self.layout = database, KIND[database], layout
        self.strategy, self.megabytes, self.home_megabytes = strategy, megabytes, home_megabytes
        self.limits = {**LIMITS, **(limits or {})}
        self.server_options = server_options
        self.build = pathlib.Path(build or TOP / "build" / "debug").absolute()
        self.keep, self.say, self.wanted_folder = keep, say, folder
        self.cluster = "orders"
        self.nodes = [f"node{i}" for i in range(1, nodes + 1)]
        self.network = Network(["lead", "db1", "production", "staging", *self.nodes], namespaces)
        self.folder = None
        self.servers, self.old, self.new, self.agents = {}, {}, {}, {}
        names = ([("shared", "registry users", "carbon")] if databases == 1 else
                 [("registry", "registry", "regadmin"), ("users", "users", "umadmin")])
        self.databases = [LabDatabase(self, *name, password="pa<ss>&1") for name in names]

    # paths

    @property
    def java_home(self):
        return self.build / "tests/carbon"

    @property
    def state(self):
        return self.folder / "coordinator"

    @property
    def cluster_file(self):
        return self.folder / "cluster.xml"

    @property
    def plan_file(self):
        return self.folder / "night.plan"

    def home(self, node, age):
        return self.folder / node / age

    def agent_folder(self, name):
        return self.folder / name / "agent"

    # bringing it up

    def __enter__(self):
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def open(self):
        """All of it, up to old servers that run and agents that listen."""
        self.prepare()
        self.start_agents()

    def prepare(self):
        """Hosts, databases, homes, old servers that run: a cluster before anyone upgrades it."""
        self.make_folder()
        self.network.open()
        self.say(f"{self.database} servers: production and staging, layout {self.layout}, "
                 f"{self.megabytes} MB")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            work = [pool.submit(self.start_database_server, side)
                    for side in ("production", "staging")]
            for task in work:
                task.result()
            work = [pool.submit(self.make_databases)]
            work += [pool.submit(self.make_homes, node) for node in self.nodes]
            for task in work:
                task.result()
        self.say(f"{len(self.nodes)} old Carbon servers start")
        self.start_old_servers()

    def make_folder(self):
        if self.wanted_folder:
            self.folder = pathlib.Path(self.wanted_folder).absolute()
            self.folder.mkdir(parents=True)
        else:
            self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dss-lab-"))
        self.folder.chmod(0o755)  # database servers run as users of their own

    def start_database_server(self, side):
        server = servers.KINDS[self.database](
            self.folder / side, self.network.addresses[side],
            netns=self.network.namespace(side), options=self.server_options)
        # its thread may end before us, and with it what ends with its parent
        server.start(detach=True)
        self.servers[side] = server

    def make_databases(self):
        for database in self.databases:
            database.make("production")
            database.make("staging")
            database.fill(self.megabytes / len(self.databases))

    def make_homes(self, node):
        address = self.network.addresses[node]
        members = [self.network.addresses[name] for name in self.nodes]
        homes.make_old_home(self.home(node, "old"), self.layout,
                            [database.for_homes() for database in self.databases],
                            host_name=address, members=members, megabytes=self.home_megabytes)
        homes.make_new_home(self.home(node, "new"), megabytes=self.home_megabytes)
        for age, carbons in (("old", self.old), ("new", self.new)):
            carbons[node] = Carbon(self.network, node, self.home(node, age), self.java_home)

    def start_old_servers(self):
        for node in self.nodes:
            self.old[node].start()
            if node == self.nodes[0]:
                self.old[node].wait_started()  # the manager first
        for node in self.nodes:
            self.old[node].wait_started()

    def start_agents(self):
        """Certificates, agent.xml of each host, cluster.xml; then the agents themselves."""
        self.coordinator("ca", "init", "--cluster", self.cluster, check=True)
        for name in [*self.nodes, "db1"]:
            self.write_agent(name)
        self.write_cluster()
        self.say(f"{len(self.nodes) + 1} agents listen")
        for name in [*self.nodes, "db1"]:
            self.start_agent(name)
        for name in [*self.nodes, "db1"]:
            self.wait_for_agent(name)

    def write_agent(self, name):
        folder = self.agent_folder(name)
        for part in ("state", "backup"):
            (folder / part).mkdir(parents=True, mode=0o700)
        self.coordinator("ca", "issue", "--role", "agent", "--name", name, "--address",
                         self.network.addresses[name], "--out", folder / "tls", check=True)
        body = self.database_elements() if name == "db1" else self.node_element(name)
        (folder / "agent.xml").write_text(lab_files.agent_xml(
            self.cluster, name, self.network.addresses[name], folder,
            TOP / "sql/profiles/dss-3.2.0", body))

    def node_element(self, node):
        password = servers.write_private(self.agent_folder(node) / "admin-password", "admin\n")
        return lab_files.node_element(
            name=node, old_home=self.home(node, "old"), new_home=self.home(node, "new"),
            old_java_home=self.java_home, new_java_home=self.java_home, admin_user="admin",
            admin_password_file=password, address=self.network.addresses[node])

    def login(self, side, database):
        """Attributes of a login element; its file is written beside agent.xml."""
        folder = self.agent_folder("db1")
        if self.kind == "mysql":
            file = self.servers[side].option_file(folder / f"{side}.cnf")
            return {"option_file": file, "database": database}
        file = folder / "pg_service.conf"
        if not file.exists():
            servers.service_file(file, self.servers)
        return {"service_file": file, "service": side, "database": database}

    def database_elements(self):
        return "\n".join(lab_files.database_element(
            database.name, self.kind, self.login("production", database.name),
            self.login("staging", database.name)) for database in self.databases)

    def write_cluster(self):
        roles = [(node, "worker" if i else "manager") for i, node in enumerate(self.nodes)]
        agents = {name: self.network.addresses[name] for name in [*self.nodes, "db1"]}
        self.cluster_file.write_text(lab_files.cluster_xml(
            self.cluster, self.strategy, agents, roles, self.databases, self.limits))

    # the programs

    def start_agent(self, name):
        with open(self.agent_folder(name) / "agent.log", "ab") as log:
            self.agents[name] = self.network.spawn(
                name, [str(self.build / "agent/dss-agent"), "serve", "--config",
                       str(self.agent_folder(name) / "agent.xml")],
                detach=self.keep, stdout=log, stderr=log,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"})

    def wait_for_agent(self, name):
        """Until its port answers."""
        deadline = time.monotonic() + AGENT_START_S
        address = (self.network.addresses[name], lab_files.AGENT_PORT)
        while True:
            try:
                self.network.inside("lead",
                                    lambda: socket.create_connection(address, 1).close())
                return
            except OSError as failure:
                log = (self.agent_folder(name) / "agent.log").read_text(errors="replace")
                if self.agents[name].poll() is not None or time.monotonic() > deadline:
                    raise LabError(f"agent {name} does not listen ({failure}): "
                                   f"{log[-2000:]}") from failure
                time.sleep(0.05)

    def kill_agent(self, name, sig=signal.SIGKILL):
        self.agents[name].send_signal(sig)
        self.agents[name].wait(timeout=20)

    def coordinator_argv(self, *words):
        return [str(self.build / "coordinator/dss-coordinator"), "--state", str(self.state),
                *[str(word) for word in words]]

    def coordinator(self, *words, check=False, timeout_s=300, capture=True):
        """Runs it to its end on host lead; `check`: LabError unless it ends with 0."""
        done = self.network.run("lead", self.coordinator_argv(*words), timeout=timeout_s,
                                text=True, cwd=self.folder,
                                stdout=subprocess.PIPE if capture else None,
                                stderr=subprocess.PIPE if capture else None)
        if check and done.returncode != 0:
            raise LabError(f"dss-coordinator {' '.join(map(str, words))} ended with "
                           f"{done.returncode}: {done.stdout or ''}{done.stderr or ''}")
        return done

    def spawn_coordinator(self, *words, **options):
        """Starts it on host lead, to be killed or waited for by the caller."""
        return self.network.spawn("lead", self.coordinator_argv(*words), cwd=self.folder,
                                  **options)

    # questions to the databases

    def sql(self, side, statement, database=None):
        """Rows of the first (or the named) database of that side, as lists of texts."""
        text = self.servers[side].run_sql(statement, database or self.databases[0].name)
        return [line.split("\t") for line in text.splitlines()]

    def sessions(self, side):
        """Sessions of the Carbon accounts: (account, host)."""
        accounts = ", ".join(f"'{database.account}'" for database in self.databases)
        if self.kind == "mysql":
            rows = self.sql(side, "SELECT USER, SUBSTRING_INDEX(HOST, ':', 1) FROM "
                            f"information_schema.PROCESSLIST WHERE USER IN ({accounts})")
        else:
            rows = self.sql(side, "SELECT usename, host(client_addr) FROM pg_stat_activity "
                            f"WHERE usename IN ({accounts})")
        return sorted((row[0], row[1]) for row in rows)

    # the end

    def leave(self):
        """Leaves it all running; the command that ends it. Only for a lab made with keep."""
        (self.folder / "lab.json").write_text(json.dumps({
            "namespaces": self.network.made, "nodes": self.nodes, "database": self.database,
            "agents": [agent.pid for agent in self.agents.values()]}))
        return f"/usr/bin/python3 {HERE / 'lab.py'} clean {self.folder}"

    def close(self):
        """Ends everything that was started, by pid, and removes the folder."""
        end_processes([agent.pid for agent in self.agents.values()])
        for carbon in [*self.old.values(), *self.new.values()]:
            carbon.kill()
        for server in self.servers.values():
            server.stop()
        if self.folder:
            end_processes([pid for node in self.nodes for age in ("old", "new")
                           for pid in processes_of(self.home(node, age))], 0)
        self.network.close()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)


def clean(folder):
    """Ends what a lab that was left has running, and removes it."""
    folder = pathlib.Path(folder).absolute()
    saved = json.loads((folder / "lab.json").read_text())
    end_processes([pid for pid in saved["agents"] if servers.is_running(pid, folder)])
    end_processes([pid for node in saved["nodes"] for age in ("old", "new")
                   for pid in processes_of(folder / node / age)])
    for side in ("production", "staging"):
        server = servers.KINDS[saved["database"]](folder / side)
        server.pid = json.loads((folder / side / "server.json").read_text())["pid"]
        server.stop()
    remove_namespaces(saved["namespaces"])
    shutil.rmtree(folder)


def stop_on_signals():
    """SIGTERM and SIGHUP end a lab as Ctrl-C does."""
    def interrupt(*_):
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        for sig in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(sig, interrupt)


def end_undisturbed(lab):
    """Closes it; a second Ctrl-C does not leave half of it behind."""
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, signal.SIG_IGN)
    lab.close()


def say_what_there_is(lab):
    """For who writes agent.xml and cluster.xml by hand: hosts, homes, logins; nothing is ours."""
    print(f"folder: {lab.folder}")
    for name in ("lead", "db1", *lab.nodes):
        print(f"host {name}: {lab.network.addresses[name]}", *lab.network.argv(name, ["COMMAND"]))
    for node in lab.nodes:
        print(f"node {node}: old-home {lab.home(node, 'old')}, new-home {lab.home(node, 'new')}, "
              f"java homes {lab.java_home}, admin's password: admin")
    for side, server in lab.servers.items():
        login = (server.option_file(lab.folder / f"{side}.cnf") if lab.kind == "mysql" else
                 server.service_file(lab.folder / f"{side}.conf", side))
        print(f"{side}: administrator's login in {login}")
    for database in lab.databases:
        print(f"database {database.name}: holds {database.holds}, account {database.account}")
        print(f"  {database.url('production')}\n  {database.url('staging')}")


def add_options(parser):
    parser.add_argument("--database", choices=sorted(KIND), default="mariadb")
    parser.add_argument("--layout", choices=layouts.LAYOUTS, default="4.0")
    parser.add_argument("--strategy", choices=("documented", "copy-first"), default="documented")
    parser.add_argument("--databases", type=int, choices=(1, 2), default=1)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--build", help="build folder (default: build/debug)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up")
    add_options(up)
    up.add_argument("--without-agents", action="store_true",
                    help="old servers and databases alone; prints what agent.xml needs")
    commands.add_parser("clean").add_argument("folder")
    options = parser.parse_args()
    if options.command == "clean":
        clean(options.folder)
        return
    stop_on_signals()
    lab = Lab(options.database, options.layout, options.strategy, options.databases,
              options.megabytes, options.nodes, options.build,
              say=lambda text: print(text, flush=True))
    try:
        lab.prepare()
        if options.without_agents:
            say_what_there_is(lab)
        else:
            lab.start_agents()
            check = lab.network.argv("lead", lab.coordinator_argv("check", lab.cluster_file))
            print(f"folder: {lab.folder}\nrun: {' '.join(check)}")
        print("Ctrl-C ends it", flush=True)
        signal.pause()
    except KeyboardInterrupt:
        pass
    finally:
        end_undisturbed(lab)


if __name__ == "__main__":
    main()
