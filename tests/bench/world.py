"""The servers that are measured: production and staging of one kind, with a server's own defaults
for durability, and what has to be done before and after each measured command, untimed.
"""
import contextlib
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lab"))
import lab_files  # noqa: E402  (found through the path above)
import servers  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_fields(stat):
    """User and system time of a process in seconds, and of its children that have ended."""
    fields = stat.rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11:15]) / TICKS, int(fields[1])


def tree_cpu(root):
    """CPU seconds of a process and all that came from it, ended ones included."""
    total = 0
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            seconds, parent = cpu_fields((entry / "stat").read_text())
        except OSError:
            continue  # ended meanwhile: its parent has it
        if int(entry.name) == root or parent == root:
            total += seconds
    return total


class Measured:
    """What data.py and the methods need of a server, besides servers.Server."""

    def cpu(self):
        return tree_cpu(self.pid)

    @contextlib.contextmanager
    def loader(self, database, statement):
        """A client that runs the statement; yields its standard input."""
        argv, environment = self.client(database, statement)
        with subprocess.Popen(argv, stdin=subprocess.PIPE, env={**os.environ, **environment}
                              ) as client:
            yield client.stdin
        if client.returncode != 0:
            raise servers.ServerError(f"{argv[0]} ended with {client.returncode}: {statement}")


class MeasuredMariaDb(Measured, servers.MariaDbServer):
    # the server's defaults, but for the buffer pool; servers.py trades durability for speed
    OPTIONS = ("--innodb-flush-log-at-trx-commit=1", "--innodb-doublewrite=1",
               "--innodb-log-file-size=96M", "--innodb-buffer-pool-size=1G",
               "--max-allowed-packet=1G")

    def __init__(self, directory, options=()):
        super().__init__(directory, options=[*self.OPTIONS, *options])

    def login(self, folder, name):
        self.login_file = self.option_file(pathlib.Path(folder) / f"{name}.cnf")
        return {"option-file": self.login_file}

    def client(self, database, statement):
        return ["mariadb", f"--defaults-file={self.login_file}", "--local-infile=1",
                f"--database={database}", f"--execute={statement}"], {}

    def make_anew(self, database):
        self.run_sql(f"DROP DATABASE IF EXISTS {database}; CREATE DATABASE {database}")

    def settle(self, database):
        tables = self.run_sql("SHOW TABLES", database).split()
        self.run_sql("ANALYZE TABLE " + ", ".join(tables), database)
        self.checkpoint()

    def checkpoint(self):
        """Waits until no page is dirty."""
        keep = self.run_sql("SELECT @@innodb_max_dirty_pages_pct, "
                            "@@innodb_max_dirty_pages_pct_lwm, @@innodb_io_capacity").split()
        self.run_sql("SET GLOBAL innodb_io_capacity_max = 20000; SET GLOBAL innodb_io_capacity = "
                     "20000; SET GLOBAL innodb_max_dirty_pages_pct_lwm = 0; "
                     "SET GLOBAL innodb_max_dirty_pages_pct = 0")
        while int(self.run_sql("SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_pages_dirty'")
                  .split()[1]) > 0:
            time.sleep(0.1)
        self.run_sql(f"SET GLOBAL innodb_max_dirty_pages_pct = {keep[0]}; "
                     f"SET GLOBAL innodb_max_dirty_pages_pct_lwm = {keep[1]}; "
                     f"SET GLOBAL innodb_io_capacity = {keep[2]}; "
                     f"SET GLOBAL innodb_io_capacity_max = DEFAULT")

    def size(self, database):
        return int(self.run_sql("SELECT SUM(data_length + index_length) FROM "
                                f"information_schema.tables WHERE table_schema = '{database}'"))


class MeasuredPostgres(Measured, servers.PostgresServer):
    OPTIONS = ("fsync=on", "synchronous_commit=on", "full_page_writes=on",
               "shared_buffers=256MB")

    def __init__(self, directory, options=()):
        super().__init__(directory, options=[*self.OPTIONS, *options])

    def login(self, folder, name):
        self.login_file = self.service_file(pathlib.Path(folder) / f"{name}.conf", service=name)
        self.service = name
        return {"service-file": self.login_file, "service": name}

    def passfile(self):
        return str(pathlib.Path(self.login_file).with_name(f"{self.service}.pgpass"))

    def client(self, database, statement):
        return ["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1",
                f"service={self.service} dbname={database}", "--command", statement], {
                    "PGSERVICEFILE": self.login_file}

    def make_anew(self, database):
        self.run_sql(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        self.run_sql(f"CREATE DATABASE {database}")

    def settle(self, database):
        self.run_sql("VACUUM (ANALYZE, FREEZE)", database)
        self.checkpoint()

    def checkpoint(self):
        self.run_sql("CHECKPOINT")

    def size(self, database):
        return int(self.run_sql(f"SELECT pg_database_size('{database}')"))


KINDS = {"mariadb": MeasuredMariaDb, "postgresql": MeasuredPostgres}


class World:
    """Production and staging of one kind, and a folder for files."""

    def __init__(self, kind, folder, options=()):
        self.kind = kind
        self.folder = pathlib.Path(folder) / kind
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o711)  # the servers' users go through it
        self.production = KINDS[kind](self.folder / "production", options)
        self.staging = KINDS[kind](self.folder / "staging", options)
        self.logins = self.folder / "logins"
        self.logins.mkdir(mode=0o700, exist_ok=True)

    def __enter__(self):
        try:
            for side in ("production", "staging"):
                server = getattr(self, side)
                server.start()
                setattr(self, f"{side}_login", server.login(self.logins, side))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.production.stop()
        self.staging.stop()

    def both(self):
        return (self.production, self.staging)

    def version(self):
        return self.production.run_sql("SELECT version()").strip()

    def target(self, database, same_server):
        """(server, database) of a copy."""
        return (self.production, f"{database}_copy") if same_server else (self.staging, database)

    def prepare(self, database, same_server=False):
        """An empty staging database; nothing left to be written by anybody."""
        server, name = self.target(database, same_server)
        server.make_anew(name)
        for server in self.both():
            server.checkpoint()
        os.sync()

    def agent_file(self, folder, database, same_server=False):
        """An agent.xml that knows the database, with a state of its own; returns its path."""
        _, copy = self.target(database, same_server)
        staging_login = self.production_login if same_server else self.staging_login
        for name in ("state", "backup"):
            (folder / name).mkdir(mode=0o700, parents=True)
        element = lab_files.database_element(
            database, "mysql" if self.kind == "mariadb" else "postgresql",
            {"database": database, **self.production_login},
            {"database": copy, **staging_login})
        path = folder / "agent.xml"
        path.write_text(lab_files.agent_xml("bench", "bench", "127.0.0.1", folder,
                                            ROOT / "sql/profiles/dss-3.2.0", element))
        return path
