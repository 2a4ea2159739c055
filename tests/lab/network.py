"""The hosts of a lab: network namespaces for root, addresses of 127.0.0.0/8 for everybody else.

    network = Network(["lead", "node1", "db1"])
    network.open()
    network.spawn("node1", ["dss-agent", …])        # a process on that host
    network.inside("lead", lambda: urlopen(…))      # sockets of that host, in this process
    network.close()                                 # ends what still runs there, removes it all

The bridge lives in a namespace of its own: nothing of the machine's own network is touched, and
labs do not see each other.
"""
import ctypes
import os
import secrets
import signal
import subprocess
import threading
import time

CLONE_NEWNET = 0x40000000
FIRST_HOST = 11


class NetworkError(Exception):
    pass


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NetworkError(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def namespaces_work():
    """Whether we may make network namespaces and work in them (root in a container or in a change
    root often may not)."""
    name = f"dss-{secrets.token_hex(3)}"
    try:
        ip("netns", "add", name)
    except (NetworkError, OSError):
        return False
    try:
        ip("-n", name, "link", "set", "lo", "up")
    except NetworkError:
        return False
    finally:
        ip("netns", "del", name)
    return True


def end_processes(pids, patience_s=5):
    """SIGTERM, then SIGKILL, to exactly these processes."""
    for sig, patience in ((signal.SIGTERM, patience_s), (signal.SIGKILL, 2)):
        pids = [pid for pid in pids if is_alive(pid)]
        for pid in pids:
            try:
                os.kill(pid, sig)
            except ProcessLookupError:
                pass
        deadline = time.monotonic() + patience
        while any(is_alive(pid) for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.02)


def is_alive(pid):
    try:
        os.waitpid(pid, os.WNOHANG)  # when it is our child
    except OSError:
        pass
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def remove_namespaces(names):
    """Ends what still runs in them first."""
    for name in names:
        try:
            end_processes([int(pid) for pid in ip("netns", "pids", name).split()])
            ip("netns", "del", name)
        except NetworkError:
            pass  # it is gone already


class Network:
    def __init__(self, names, namespaces=None):
        self.names = list(names)
        self.separate = namespaces_work() if namespaces is None else namespaces
        self.prefix = f"dss-{secrets.token_hex(3)}"
        first, second = 64 + secrets.randbelow(128), secrets.randbelow(256)
        net = "10.77.0" if self.separate else f"127.{first}.{second}"
        self.addresses = {name: f"{net}.{FIRST_HOST + i}" for i, name in enumerate(self.names)}
        self.made = []

    def namespace(self, name):
        """Of a host; None when hosts are only addresses."""
        return f"{self.prefix}-{name}" if self.separate else None

    def _add_namespace(self, name):
        ip("netns", "add", f"{self.prefix}-{name}")
        self.made.append(f"{self.prefix}-{name}")
        ip("-n", f"{self.prefix}-{name}", "link", "set", "lo", "up")

    def open(self):
        if not self.separate:
            return
        bridge = f"{self.prefix}-bridge"
        self._add_namespace("bridge")
        ip("-n", bridge, "link", "add", "br0", "type", "bridge")
        ip("-n", bridge, "link", "set", "br0", "up")
        for name in self.names:
            space = self.namespace(name)
            self._add_namespace(name)
            ip("link", "add", "eth0", "netns", space, "type", "veth", "peer", "name",
               f"v{name}"[:15], "netns", bridge)
            ip("-n", bridge, "link", "set", f"v{name}"[:15], "master", "br0", "up")
            ip("-n", space, "address", "add", f"{self.addresses[name]}/24", "dev", "eth0")
            ip("-n", space, "link", "set", "eth0", "up")

    def cut(self, name):
        """Pulls the host's cable; namespaces only."""
        ip("-n", self.namespace(name), "link", "set", "eth0", "down")

    def mend(self, name):
        ip("-n", self.namespace(name), "link", "set", "eth0", "up")

    def argv(self, name, argv):
        return (["ip", "netns", "exec", self.namespace(name)] if self.separate else []) + argv

    def spawn(self, name, argv, detach=False, **options):
        """A process that ends with this one, unless it is detached."""
        if not detach:
            argv = ["setpriv", "--pdeathsig=TERM", "--", *argv]
        return subprocess.Popen(self.argv(name, argv), stdin=subprocess.DEVNULL,
                                start_new_session=True, **options)

    def run(self, name, argv, **options):
        return subprocess.run(self.argv(name, argv), stdin=subprocess.DEVNULL, check=False,
                              **options)

    def inside(self, name, function):
        """Calls the function in a thread that uses that host's network."""
        result = []

        def work():
            try:
                if self.separate:
                    with open(f"/run/netns/{self.namespace(name)}") as space:
                        if ctypes.CDLL(None, use_errno=True).setns(space.fileno(), CLONE_NEWNET):
                            raise OSError(ctypes.get_errno(), "setns")
                result.append((True, function()))
            except BaseException as failure:  # handed over to the caller
                result.append((False, failure))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        fine, value = result[0]
        if not fine:
            raise value
        return value

    def close(self):
        remove_namespaces(self.made)
        self.made = []
