#!/usr/bin/env python3
"""Private database servers in a folder of their own, for tests and demos.

    server = MariaDbServer("/tmp/x/production", "127.0.0.1")
    server.start()
    server.run_sql("CREATE DATABASE carbon")
    server.option_file("/tmp/x/production.cnf")      # [client], mode 600
    server.stop()

A server runs as an unprivileged user when we are root (mysql or postgres), inside a network
namespace when one is named, and dies with the process that started it unless detach is set.
The administrator is LOGIN, who may do everything, from every address, with a random password.

On the command line:

    servers.py start mariadb|postgresql FOLDER [--address A] [--port N] [--netns NAME]
    servers.py stop FOLDER
"""
import argparse
import glob
import json
import os
import pathlib
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time

LOGIN = "dss_upgrade"
START_S = 60
STOP_S = 60


class ServerError(Exception):
    pass


def free_port(address="127.0.0.1"):
    """A port that is free now; the server that is started next takes it."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((address, 0))
        return probe.getsockname()[1]


def write_private(path, text):
    path = pathlib.Path(path)
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    return str(path)


def run(argv, stdin=None, user=None, temporary="/tmp"):
    """Runs a program to its end; its output, or ServerError with what it said."""
    change = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
    done = subprocess.run(argv, input=stdin, capture_output=True, cwd="/", check=False,
                          env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8",
                               "TMPDIR": str(temporary)}, **change)
    if done.returncode != 0:
        raise ServerError(f"{argv[0]} ended with {done.returncode}: "
                          f"{(done.stderr or done.stdout).decode(errors='replace')[-2000:]}")
    return done.stdout


def is_running(pid, folder):
    """Whether that process is there and is ours: its command line names the folder."""
    try:
        command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z" and str(folder).encode() in command


def end_process(pid, folder, gentle):
    """Ends a server by its pid; False when it was not there."""
    if not is_running(pid, folder):
        return False
    os.kill(pid, gentle)
    deadline = time.monotonic() + STOP_S
    while is_running(pid, folder):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            deadline += STOP_S
        try:
            os.waitpid(pid, os.WNOHANG)  # when it is our child
        except ChildProcessError:
            pass
        time.sleep(0.02)
    return True


class Server:
    """What both kinds share: a folder, a process, a log, a login."""

    kind = None
    user = None
    end_signal = signal.SIGTERM

    def __init__(self, directory, address="127.0.0.1", port=None, netns=None, options=()):
        self.directory = pathlib.Path(directory).absolute()
        self.address = address
        self.netns = netns
        self.port = port or (3306 if netns and self.kind == "mariadb" else
                             5432 if netns else free_port(address))
        self.options = list(options)
        self.password = secrets.token_hex(12)
        self.pid = None
        saved = self.directory / "server.json"
        if saved.exists():  # a folder that was used before: the same server again
            earlier = json.loads(saved.read_text())
            self.password = earlier["password"]
            self.port = port or earlier["port"]

    def _as_user(self):
        return self.user if os.geteuid() == 0 else None

    def _make_folder(self):
        # /tmp/x/production belongs to the server's user; what is above must let it through
        self.directory.mkdir(parents=True, exist_ok=True)
        if self._as_user():
            shutil.chown(self.directory, self.user, pwd.getpwnam(self.user).pw_gid)
        self.directory.chmod(0o755)

    def _spawn(self, argv, detach):
        prefix = ["ip", "netns", "exec", self.netns] if self.netns else []
        prefix += ["setpriv"]
        if self._as_user():
            prefix += [f"--reuid={self.user}", f"--regid={pwd.getpwnam(self.user).pw_gid}",
                       "--clear-groups"]
        prefix += ["--pdeathsig=" + ("clear" if detach else self.end_signal.name[3:]), "--"]
        with open(self.directory / "output.log", "ab") as log:
            child = subprocess.Popen(prefix + argv, stdin=subprocess.DEVNULL, stdout=log,
                                     stderr=log, cwd=self.directory, start_new_session=True,
                                     env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"})
        self.pid = child.pid
        return child

    def _wait_until(self, child, ready):
        deadline = time.monotonic() + START_S
        while True:
            if child.poll() is not None:
                raise ServerError(f"{self.kind} in {self.directory} ended with "
                                  f"{child.returncode}: {self.log_tail()}")
            try:
                return ready()
            except ServerError:
                if time.monotonic() > deadline:
                    self.stop()
                    raise
                time.sleep(0.05)

    def log_tail(self):
        text = ""
        for name in ("error.log", "output.log"):
            if (self.directory / name).exists():
                text += (self.directory / name).read_text(errors="replace")
        return text[-3000:]

    def save(self):
        """Writes what stop() needs, for another process."""
        write_private(self.directory / "server.json", json.dumps(
            {"kind": self.kind, "pid": self.pid, "address": self.address, "port": self.port,
             "password": self.password}))

    def stop(self):
        if self.pid:
            end_process(self.pid, self.directory, self.end_signal)
        self.pid = None

    def kill(self):
        """As a power cut would: no shutdown."""
        if self.pid and is_running(self.pid, self.directory):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self.pid = None


class MariaDbServer(Server):
    kind = "mariadb"
    user = "mysql"

    @property
    def socket_path(self):
        return str(self.directory / "s")

    def prepare(self):
        """Makes the data folder; may run beside others."""
        self._make_folder()
        if not (self.directory / "data" / "mysql").exists():
            run(["mariadb-install-db", "--no-defaults", f"--datadir={self.directory}/data",
                 "--auth-root-authentication-method=normal", "--skip-test-db"],
                user=self._as_user(), temporary=self.directory)

    def start(self, detach=False):
        self.prepare()
        first = not (self.directory / "ready").exists()
        child = self._spawn(
            ["mariadbd", "--no-defaults", f"--datadir={self.directory}/data",
             f"--socket={self.socket_path}", f"--pid-file={self.directory}/pid",
             f"--tmpdir={self.directory}", f"--log-error={self.directory}/error.log", f"--bind-address={self.address}",
             f"--port={self.port}", "--skip-name-resolve", "--skip-log-bin",
             "--innodb-flush-log-at-trx-commit=2", "--innodb-doublewrite=0",
             "--max-allowed-packet=64M", "--innodb-log-file-size=192M",
             "--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci",
             *self.options], detach)
        argv = ["mariadb", "--no-defaults", f"--socket={self.socket_path}", "--user=root"]
        if first:
            self._wait_until(child, lambda: run(argv + ["--execute=SELECT 1"]))
            run(argv, "".join([
                f"CREATE USER '{LOGIN}'@'%' IDENTIFIED BY '{self.password}';",
                f"GRANT ALL PRIVILEGES ON *.* TO '{LOGIN}'@'%' WITH GRANT OPTION;",
                "ALTER USER root@localhost IDENTIFIED BY '", secrets.token_hex(12), "';",
            ]).encode())
            write_private(self.directory / "ready", "")
        self._wait_until(child, lambda: self.run_sql("SELECT 1"))
        self.save()
        return self

    def run_sql(self, sql, database=None):
        """Runs statements as the administrator; the rows as tab-separated text."""
        local = write_private(f"{self.directory}/client-{os.getpid()}-{secrets.token_hex(4)}.cnf",
                              f"[client]\nsocket={self.socket_path}\nuser={LOGIN}\n"
                              f"password={self.password}\n")
        try:
            return run(["mariadb", f"--defaults-file={local}", "--batch", "--skip-column-names",
                        "--default-character-set=utf8mb4", "--max-allowed-packet=1G",
                        *([database] if database else [])], sql.encode()).decode()
        finally:
            os.unlink(local)

    def option_file(self, path, user=LOGIN, password=None):
        """Writes a [client] option file (mode 600) that leads here over TCP; returns its path."""
        return write_private(path, f"[client]\nprotocol=tcp\nhost={self.address}\n"
                                   f"port={self.port}\nuser={user}\n"
                                   f"password={password or self.password}\n")


class PostgresServer(Server):
    kind = "postgresql"
    user = "postgres"
    end_signal = signal.SIGINT  # "fast": sessions are ended, nothing is waited for

    @staticmethod
    def program(name):
        """The newest server that Debian's packages installed."""
        found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"),
                       key=lambda path: float(path.split("/")[4]))
        if not found:
            raise ServerError(f"no {name} in /usr/lib/postgresql: install package postgresql")
        return found[-1]

    def prepare(self):
        """Makes the data folder; may run beside others."""
        self._make_folder()
        data = self.directory / "data"
        if data.exists():
            return
        secret = write_private(self.directory / "initial", self.password + "\n")
        if self._as_user():
            shutil.chown(secret, self.user)
        run([self.program("initdb"), "--pgdata", str(data), "--username", LOGIN, "--encoding=UTF8",
             "--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync",
             "--no-instructions"], user=self._as_user())
        os.unlink(secret)
        with open(data / "pg_hba.conf", "a") as file:
            file.write("host all all 0.0.0.0/0 scram-sha-256\nhost all all ::/0 scram-sha-256\n")

    def start(self, detach=False):
        self.prepare()
        child = self._spawn(
            [self.program("postgres"), "-D", str(self.directory / "data"), "-c",
             f"port={self.port}", "-c", f"listen_addresses={self.address}", "-c",
             f"unix_socket_directories={self.directory}", "-c", "synchronous_commit=off", "-c",
             "fsync=off", "-c", "full_page_writes=off", "-c", "max_wal_size=1GB", "-c",
             f"external_pid_file={self.directory}/pid",
             *[word for option in self.options for word in ("-c", option)]], detach)
        self._wait_until(child, lambda: self.run_sql("SELECT 1"))
        self.save()
        return self

    def run_sql(self, sql, database=None):
        """Runs statements as the administrator, stopping at an error; rows as tab-separated text.
        """
        secret = write_private(f"{self.directory}/pass-{os.getpid()}-{secrets.token_hex(4)}",
                               f"*:*:*:{LOGIN}:{self.password}\n")
        try:
            return run(["psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only",
                        "--field-separator=\t", "--set=ON_ERROR_STOP=1", "--file=-",
                        f"host={self.directory} port={self.port} user={LOGIN} passfile={secret} "
                        f"dbname={database or 'postgres'}"], sql.encode()).decode()
        finally:
            os.unlink(secret)

    def service_lines(self, service, folder, user=LOGIN, password=None):
        """The lines of one service; its password goes into a file beside, mode 600."""
        passfile = write_private(pathlib.Path(folder) / f"{service}.pgpass",
                                 f"*:*:*:{user}:{password or self.password}\n")
        return (f"[{service}]\nhost={self.address}\nport={self.port}\nuser={user}\n"
                f"passfile={passfile}\n\n")

    def service_file(self, path, service="production", user=LOGIN, password=None):
        """Writes a service file with one service that leads here; returns its path."""
        return service_file(path, {service: (self, user, password)})


def service_file(path, services):
    """Writes a connection service file: name -> server, or (server, user, password)."""
    text = ""
    for name, target in services.items():
        server, user, password = target if isinstance(target, tuple) else (target, LOGIN, None)
        text += server.service_lines(name, pathlib.Path(path).absolute().parent, user, password)
    return write_private(path, text)


KINDS = {"mariadb": MariaDbServer, "postgresql": PostgresServer}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("start")
    start.add_argument("kind", choices=sorted(KINDS))
    start.add_argument("folder")
    start.add_argument("--address", default="127.0.0.1")
    start.add_argument("--port", type=int)
    start.add_argument("--netns")
    stop = commands.add_parser("stop")
    stop.add_argument("folder")
    options = parser.parse_args()
    if options.command == "start":
        server = KINDS[options.kind](options.folder, options.address, options.port, options.netns)
        server.start(detach=True)
        print(json.dumps({"pid": server.pid, "address": server.address, "port": server.port}))
        return 0
    folder = pathlib.Path(options.folder).absolute()
    saved = json.loads((folder / "server.json").read_text())
    end_process(saved["pid"], folder, KINDS[saved["kind"]].end_signal)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ServerError as failure:
        sys.exit(f"servers.py: {failure}")
