"""One Carbon server of a lab: its start script, its processes, its log, its admin services."""
import base64
import os
import pathlib
import signal
import ssl
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import escape

STARTED = "WSO2 Carbon started in"
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
AXIS2 = "http://org.apache.axis2/xsd"


class CarbonError(Exception):
    pass


def processes_of(home):
    """JVMs of that home, as /proc shows them."""
    wanted = f"-Dcarbon.home={home}".encode()
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if wanted in words and state != "Z":
            found.append(int(entry.name))
    return found


class Carbon:
    def __init__(self, network, host, home, java_home):
        self.network, self.host = network, host
        self.home, self.java_home = pathlib.Path(home), pathlib.Path(java_home)
        self.log_start = 0
        self.environment = {}  # more of it, for the start script

    @property
    def log(self):
        return self.home / "repository/logs/wso2carbon.log"

    def log_text(self):
        """Since the last start."""
        if not self.log.exists():
            return ""
        return self.log.read_bytes()[self.log_start:].decode(errors="replace")

    def script(self, command):
        environment = {"PATH": os.environ["PATH"], "JAVA_HOME": str(self.java_home),
                       **self.environment}
        return self.network.run(self.host, [str(self.home / "bin/wso2server.sh"), command],
                                env=environment, capture_output=True, text=True)

    def start(self):
        self.log_start = self.log.stat().st_size if self.log.exists() else 0
        done = self.script("start")
        if done.returncode != 0:
            raise CarbonError(f"{self.host}: start: {done.stdout}{done.stderr}")

    def wait_started(self, timeout_s=30):
        deadline = time.monotonic() + timeout_s
        while STARTED not in self.log_text():
            if time.monotonic() > deadline:
                raise CarbonError(f"{self.host}: not started: {self.log_text()[-2000:]}")
            time.sleep(0.05)

    def pids(self):
        return processes_of(self.home)

    def stop(self, timeout_s=20):
        """As an administrator does it: the script, then patience, then SIGKILL."""
        self.script("stop")
        deadline = time.monotonic() + timeout_s
        while self.pids():
            if time.monotonic() > deadline:
                self.kill()
            time.sleep(0.02)

    def kill(self, sig=signal.SIGKILL):
        for pid in self.pids():
            try:
                os.kill(pid, sig)
            except ProcessLookupError:
                pass

    def misbehave(self, **keys):
        """hang_on_term="yes" and so on (tests/carbon/README.md); no keys: behaves again."""
        lines = "".join(f"{key.replace('_', '-')}={value}\n" for key, value in keys.items())
        (self.home / "standin.conf").write_text(lines)

    # admin services

    def soap(self, service, operation, parameters=(), user="admin", password="admin", raw=False):
        """Texts of the answer by local name, as a list of pairs; CarbonError with the fault.

        `raw`: values are XML.
        """
        inner = "".join(f"<{name}>{value if raw else escape(value)}</{name}>"
                        for name, value in parameters)
        body = (f'<e:Envelope xmlns:e="{ENVELOPE}"><e:Body><o:{operation} xmlns:o="{AXIS2}">'
                f"{inner}</o:{operation}></e:Body></e:Envelope>")
        login = base64.b64encode(f"{user}:{password}".encode()).decode()
        request = urllib.request.Request(
            f"https://{self.network.addresses[self.host]}:9443/services/{service}", body.encode(),
            {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": f"urn:{operation}",
             "Authorization": f"Basic {login}"})
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE

        def call():
            try:
                opener = urllib.request.build_opener(
                    urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
                with opener.open(request, timeout=10) as answer:
                    return answer.read()
            except urllib.error.HTTPError as failure:
                raise CarbonError(f"{self.host}: {operation}: HTTP {failure.code}: "
                                  f"{failure.read().decode(errors='replace')}") from failure
            except OSError as failure:
                raise CarbonError(f"{self.host}: {operation}: {failure}") from failure

        answer = self.network.inside("lead", call)
        if not answer:
            return []
        return [(element.tag.rsplit("}", 1)[-1], element.text or "")
                for element in ElementTree.fromstring(answer).iter() if not len(element)]

    def logs_in(self, user="admin", password="admin"):
        """Whether that user of the database may log in."""
        answer = self.soap("AuthenticationAdmin", "login",
                           [("username", user), ("password", password)])
        return ("return", "true") in answer

    def data_services(self, user="admin", password="admin"):
        answer = self.soap("DataServiceAdmin", "getAvailableDS", user=user, password=password)
        return sorted(text for name, text in answer if name == "return")
