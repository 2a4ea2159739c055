"""The stand-in server behaves as the facts say of the real one; run by ctest with pytest."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.sax.saxutils as saxutils

import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "tests/lab"))
import homes  # noqa: E402
import layouts  # noqa: E402
import fill  # noqa: E402
import servers  # noqa: E402
from carbon import Carbon, CarbonError  # noqa: E402
from network import Network  # noqa: E402

JAVA_HOME = os.environ["STANDIN_JAVA_HOME"]
PASSWORD = "pa<ss>&1"
FAILED = "delayed due to the following unsatisfied items"


@pytest.fixture(scope="module")
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="dss-carbon-"))
    path.chmod(0o755)  # the database servers run as other users
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def database(folder):
    """A MariaDB server with a database of each layout: dss40, dss41, dss42."""
    server = servers.MariaDbServer(folder / "db").start()
    server.run_sql(f"CREATE USER carbon@'%' IDENTIFIED BY '{PASSWORD}'; "
                   "GRANT ALL ON *.* TO carbon@'%'")
    for layout in layouts.LAYOUTS:
        name = "dss" + layout.replace(".", "")
        server.run_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        server.run_sql(layouts.create(layout, "mysql"), name)
        server.run_sql(fill.statements(layout, "mysql", megabytes=0.1), name)
    yield server
    server.stop()


@pytest.fixture
def carbon(folder, database):
    """make(shape, layout of the database) -> a Carbon that is stopped after the test."""
    made = []
    network = Network(["lead", "node1"], namespaces=False)

    def make(release="4.2", layout="4.2"):
        home = pathlib.Path(tempfile.mkdtemp(prefix="home-", dir=folder))
        shared = homes.Database(
            "WSO2_SHARED_DB", "jdbc/WSO2SharedDB",
            f"jdbc:mysql://127.0.0.1:{database.port}/dss{layout.replace('.', '')}", "carbon",
            PASSWORD, registry=True, users=True)
        homes.make_old_home(home, release, [shared], network.addresses["node1"], megabytes=0)
        server = Carbon(network, "node1", home, JAVA_HOME)
        server.environment = {
            "ASAN_OPTIONS": f"log_path={home}/sanitizer",
            "TSAN_OPTIONS": f"log_path={home}/sanitizer:suppressions={TOP}/tests/tsan.supp"}
        made.append(server)
        return server

    yield make
    for server in made:
        server.misbehave()
        server.stop(timeout_s=2)
        reports = list(server.home.glob("sanitizer*"))
        assert not reports, reports[0].read_text()


def wait_for_line(server, text, timeout_s=20):
    deadline = time.monotonic() + timeout_s
    while text not in server.log_text():
        assert time.monotonic() < deadline, server.log_text()
        time.sleep(0.02)


def edit(server, name, before, after):
    path = server.home / name
    text = path.read_bytes()
    assert before.encode() in text
    path.write_bytes(text.replace(before.encode(), after.encode()))


def fails_with(server, *lines):
    """It starts, says these lines and stays alive without being up."""
    server.start()
    wait_for_line(server, FAILED)
    for line in lines:
        assert line in server.log_text()
    assert "WSO2 Carbon started" not in server.log_text()
    assert server.pids()


def wait_until(condition, timeout_s=20):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("layout", layouts.LAYOUTS)
def test_it_runs_on_a_database_of_its_own_layout(carbon, layout):
    server = carbon(layout, layout)
    server.start()
    server.wait_started()
    assert server.logs_in()
    assert server.logs_in("admin@green.example.com")
    assert not server.logs_in("admin", "wrong")
    assert ("return", "true") in server.soap("ServerAdmin", "isAlive")
    file = (server.home / "wso2carbon.pid").read_bytes()
    assert len(file) == 100 and file == f"{server.pids()[0]}\n".encode().ljust(100, b"\0")


def test_its_sessions_come_from_its_own_address(carbon, database):
    server = carbon()
    server.start()
    server.wait_started()
    rows = database.run_sql("SELECT SUBSTRING_INDEX(HOST, ':', 1) FROM "
                            "information_schema.PROCESSLIST WHERE USER = 'carbon'").split()
    assert rows == [server.network.addresses["node1"]] * 3
    server.stop()
    assert database.run_sql(
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'carbon'") == "0\n"


@pytest.mark.parametrize("release,layout,line", [
    ("4.2", "4.0", "UM_SHARED_ROLE"), ("4.2", "4.1", "UM_DOMAIN"), ("4.1", "4.0", "UM_SHARED_ROLE"),
    ("4.1", "4.2", "layout is newer"), ("4.0", "4.2", "layout is newer")])
def test_a_database_of_another_layout_is_refused(carbon, release, layout, line):
    fails_with(carbon(release, layout), line, "Cannot start User Manager Core bundle")


@pytest.mark.parametrize("file,before,after,lines", [
    ("user-mgt.xml", "<AddAdmin>true</AddAdmin>", "",
     ["AddAdmin configuration not found or invalid", "Cannot start User Manager Core bundle"]),
    ("user-mgt.xml", 'name="TenantManager"', 'name="Other"',
     ["Required property 'TenantManager' not found"]),
    ("user-mgt.xml", "jdbc/WSO2SharedDB", "jdbc/Missing", ["Unable to look-up JNDI name"]),
    ("registry.xml", "<dataSource>jdbc/WSO2SharedDB", "<dataSource>jdbc/WSO2SharedDB ",
     ["Unable to look-up JNDI name jdbc/WSO2SharedDB ", "Failed to activate Registry Core"]),
    ("registry.xml", "<instanceId>sharedreg", "<instanceId>Sharedreg",
     ["no remoteInstance has the id", "Failed to activate Registry Core bundle"]),
    ("datasources/custom-datasources.xml", "jdbc:h2:", "jdbc:oracle:thin:",
     ["Unsupported database"]),
    ("datasources/master-datasources.xml", "pa&lt;ss&gt;&amp;1", "other", ["Access denied"]),
])
def test_configuration_is_read_strictly(carbon, file, before, after, lines):
    server = carbon()
    edit(server, f"repository/conf/{file}", before, after)
    fails_with(server, *lines)


def test_a_missing_driver_stops_it(carbon):
    server = carbon()
    next((server.home / "repository/components/lib").glob("mysql*")).unlink()
    fails_with(server, "com.mysql.jdbc.Driver cannot be found by jdbc-pool")


def test_secure_vault_needs_its_password_file_at_each_start(carbon):
    server = carbon()
    (server.home / "repository/conf/security/secret-conf.properties").write_text("carbon=on\n")
    (server.home / "password-tmp").write_text("wso2carbon")
    server.start()
    server.wait_started()
    assert not (server.home / "password-tmp").exists()
    server.stop()
    fails_with(server, "No password file")


def test_permissions_without_domain_let_nobody_in(carbon, database):
    server = carbon()
    server.start()
    server.wait_started()
    assert server.logs_in()
    database.run_sql("CREATE TABLE kept AS SELECT * FROM UM_ROLE_PERMISSION; "
                     "UPDATE UM_ROLE_PERMISSION SET UM_DOMAIN_ID = NULL", "dss42")
    try:
        assert not server.logs_in()
    finally:
        database.run_sql("UPDATE UM_ROLE_PERMISSION p JOIN kept k ON k.UM_ID = p.UM_ID AND "
                         "k.UM_TENANT_ID = p.UM_TENANT_ID SET p.UM_DOMAIN_ID = k.UM_DOMAIN_ID; "
                         "DROP TABLE kept", "dss42")
    assert server.logs_in()


def test_the_first_start_makes_what_a_migrated_database_lacks(carbon, database):
    database.run_sql("DELETE FROM UM_SYSTEM_USER_ROLE; DELETE FROM UM_SYSTEM_USER; "
                     "DELETE FROM UM_SYSTEM_ROLE; DELETE FROM UM_HYBRID_ROLE WHERE "
                     "UM_ROLE_NAME = 'everyone'", "dss42")
    server = carbon()
    server.start()
    server.wait_started()
    for table in ("UM_SYSTEM_USER", "UM_SYSTEM_ROLE", "UM_SYSTEM_USER_ROLE"):
        assert database.run_sql(f"SELECT COUNT(*) FROM {table}", "dss42") == "1\n"
    assert database.run_sql("SELECT COUNT(*) FROM UM_HYBRID_ROLE WHERE UM_ROLE_NAME = 'everyone' "
                            "AND UM_TENANT_ID = -1234", "dss42") == "1\n"
    assert database.run_sql("SELECT COUNT(*) FROM UM_DOMAIN WHERE UM_TENANT_ID = -1234 AND "
                            "UM_DOMAIN_NAME = 'PRIMARY'", "dss42") == "1\n"


def user_store(database, domain):
    url = f"jdbc:mysql://127.0.0.1:{database.port}/dss42"
    return [("className", "org.wso2.carbon.user.core.jdbc.JDBCUserStoreManager"),
            ("description", "probe"), ("disabled", "false"), ("domainId", domain),
            ("driverName", "com.mysql.jdbc.Driver"), ("url", url), ("userName", "carbon"),
            ("password", PASSWORD)]


def add_user_store(server, database, domain, **login):
    """addUserStore with its nested bean."""
    values = user_store(database, domain)
    bean = "".join(f"<{name}>{saxutils.escape(value)}</{name}>" for name, value in values[:4])
    bean += "".join(f"<properties><name>{name}</name><value>{saxutils.escape(value)}</value>"
                    "</properties>" for name, value in values[4:])
    return server.soap("UserStoreConfigAdminService", "addUserStore",
                       [("userStoreDTO", bean)], raw=True, **login)


def test_user_stores_tenants_and_users_are_made_and_removed(carbon, database):
    server = carbon()
    server.start()
    server.wait_started()
    add_user_store(server, database, "PROBE")
    with pytest.raises(CarbonError, match="exists"):
        add_user_store(server, database, "PROBE")
    wait_until(lambda: ("domainNames", "PROBE") in server.soap("UserAdmin", "getUserRealmInfo"))
    text = (server.home / "repository/deployment/server/userstores/PROBE.xml").read_text()
    assert PASSWORD not in text and 'encrypted="true"' in text
    server.soap("UserAdmin", "addUser", [("userName", "PROBE/carol1"), ("password", "secret1")])
    assert ("return", "PROBE/carol1") in server.soap(
        "UserAdmin", "listUsers", [("filter", "PROBE/car*"), ("limit", "10")])
    server.soap("UserAdmin", "deleteUser", [("userName", "PROBE/carol1")])
    server.soap("UserStoreConfigAdminService", "deleteUserStore", [("domainName", "PROBE")])

    bean = ("<active>true</active><admin>boss</admin><adminPassword>bosspass</adminPassword>"
            "<email>b@probe.example</email><tenantDomain>probe.example</tenantDomain>"
            "<tenantId>0</tenantId>")
    server.soap("TenantMgtAdminService", "addTenant", [("tenantInfoBean", bean)], raw=True)
    boss = {"user": "boss@probe.example", "password": "bosspass"}
    assert server.logs_in(**boss)
    server.soap("UserAdmin", "addUser", [("userName", "dave1"), ("password", "secret1")], **boss)
    assert ("return", "dave1") in server.soap(
        "UserAdmin", "listUsers", [("filter", "*"), ("limit", "10")], **boss)
    with pytest.raises(CarbonError, match="super tenant"):
        server.soap("TenantMgtAdminService", "retrieveTenants", **boss)
    server.soap("TenantMgtAdminService", "deactivateTenant", [("tenantDomain", "probe.example")])
    assert not server.logs_in(**boss)


def test_a_user_store_of_another_key_store_does_not_decrypt(carbon, database):
    server = carbon()
    server.start()
    server.wait_started()
    add_user_store(server, database, "KEYS")
    wait_until(lambda: ("domainNames", "KEYS") in server.soap("UserAdmin", "getUserRealmInfo"))
    (server.home / "repository/resources/security/site.jks").write_bytes(b"another one")
    assert ("domainNames", "KEYS") not in server.soap("UserAdmin", "getUserRealmInfo")


def test_faults_are_those_of_the_real_server(carbon):
    server = carbon("4.1", "4.1")
    server.start()
    server.wait_started()
    with pytest.raises(CarbonError, match="HTTP 500.*50977.*Access Denied"):
        server.soap("ServerAdmin", "isAlive", password="wrong")
    with pytest.raises(CarbonError, match="HTTP 401"):
        server.soap("ServerAdmin", "isAlive", password="with:colon")
    with pytest.raises(CarbonError, match="Unexpected subelement surprise"):
        server.soap("UserAdmin", "listUsers", [("surprise", "1")])
    with pytest.raises(CarbonError, match="service cannot be found"):
        server.soap("UserStoreConfigAdminService", "getAvailableUserStoreClasses")
    with pytest.raises(CarbonError, match="already exists"):
        server.soap("UserAdmin", "addUser", [("userName", "user1"), ("password", "secret1")])


def test_a_data_service_without_its_datasource_is_faulty(carbon):
    server = carbon()
    edit(server, "repository/conf/datasources/custom-datasources.xml", "ORDERS_DB", "OTHER_DB")
    server.start()
    server.wait_started()
    assert ("return", "1") in server.soap("ServiceAdmin", "getNumberOfFaultyServices")
    assert server.data_services() == ["Customers", "Invoices", "RDBMSSample"]
    assert "The Orders.dbs service, which is not valid, caused" in server.log_text()


# how it goes wrong


def test_it_hangs_on_term_when_told(carbon):
    server = carbon()
    server.misbehave(hang_on_term="yes")
    server.start()
    server.wait_started()
    server.script("stop")
    wait_for_line(server, "a signal changes nothing")
    assert server.pids() and server.logs_in()


def test_it_dies_at_start_or_after_it_when_told(carbon):
    server = carbon()
    server.misbehave(die_at_start="yes")
    server.start()
    wait_for_line(server, "JVM dies")
    wait_until(lambda: not server.pids())
    server.misbehave(late_failure="die")
    server.start()
    wait_for_line(server, "WSO2 Carbon started")
    wait_until(lambda: not server.pids())
    assert "WSO2 Carbon initialization Failed" in server.log_text()


def test_it_never_starts_or_hides_its_pid_when_told(carbon):
    server = carbon()
    server.misbehave(never_started="yes", no_pid_file="yes")
    fails_with(server, "Waiting for required OSGi services:")
    assert not (server.home / "wso2carbon.pid").exists()


def test_it_makes_traffic_when_told(carbon, database):
    def count():
        return int(database.run_sql("SELECT COUNT(*) FROM REG_LOG", "dss42"))

    server = carbon()
    before = count()
    server.misbehave(traffic_ms="20")
    server.start()
    server.wait_started()
    wait_until(lambda: count() > before + 3)


# the start script


def test_the_script_fails_only_without_java(carbon):
    server = carbon()
    done = subprocess.run([server.home / "bin/wso2server.sh", "stop"], env={"PATH": "/usr/bin:/bin"},
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ("Error: JAVA_HOME is not defined correctly.\n"
                           " CARBON cannot execute java\n")
    assert server.script("stop").returncode == 0  # no pid file at all
    done = server.script("version")
    assert done.stdout == "WSO2 Data Services Server v3.1.1\nWSO2 Carbon Framework v4.2.0\n"
    assert server.script("debug").returncode == 1


def test_stop_does_not_wait(carbon):
    server = carbon()
    server.misbehave(stop_ms=4000)
    server.start()
    server.wait_started()
    first = server.pids()
    server.script("stop")
    assert server.pids() == first
    wait_until(lambda: not server.pids())


def test_a_second_start_starts_a_second_server(carbon):
    server = carbon()
    server.start()
    server.wait_started()
    first = server.pids()
    server.script("start")
    wait_until(lambda: len(server.pids()) == 2)
    wait_until(lambda: int((server.home / "wso2carbon.pid").read_bytes().split(b"\n")[0])
               not in first)
    server.script("stop")
    wait_until(lambda: server.pids() == first)  # only the second one was reached


def test_carbon_home_of_the_environment_wins(carbon):
    server, other = carbon(), carbon("4.1", "4.1")
    server.environment["CARBON_HOME"] = str(other.home)
    assert "v4.1.0" in server.script("version").stdout


def test_a_restart_from_the_console_changes_the_pid(carbon):
    server = carbon()
    server.start()
    server.wait_started()
    before = server.pids()
    server.log_start = server.log.stat().st_size
    server.soap("ServerAdmin", "restart")
    server.wait_started()
    wait_until(lambda: server.pids() and server.pids() != before)
    assert server.logs_in()
    server.soap("ServerAdmin", "shutdown")
    wait_until(lambda: not server.pids())


def test_term_early_in_the_boot_ends_it_at_once(carbon):
    server = carbon()
    server.misbehave(start_ms=10000)
    server.start()
    wait_for_line(server, "Deploying Axis2 service")
    server.kill(signal.SIGTERM)
    wait_until(lambda: not server.pids(), 2)
    assert "Shutdown" not in server.log_text()
