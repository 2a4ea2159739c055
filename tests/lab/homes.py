#!/usr/bin/env python3
"""Carbon homes for tests and demos: old ones as they run, new ones as they come from the pack.

    shared = Database("WSO2_SHARED_DB", "jdbc/WSO2SharedDB", "jdbc:mysql://127.0.0.1:3306/carbon",
                      "carbon", "secret", registry=True, users=True)
    make_old_home("/tmp/x/old", "4.0", [shared], host_name="127.0.0.11")
    make_new_home("/tmp/x/new")

An old home has the release's shape, the site's own data services, tenants, key store, data source
and driver. A new one is pristine: H2, the pack's own key store and sample, no driver.

On the command line: homes.py old|new FOLDER [--layout 4.0] [--url U --user U --password P]
"""
import argparse
import base64
import dataclasses
import hashlib
import os
import pathlib
import random
import sys
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import home_config as config  # noqa: E402

SCRIPT = pathlib.Path(__file__).parent.parent / "carbon" / "wso2server.sh"
# layout of the database -> product, Carbon, shape of the configuration
RELEASES = {"4.0": ("3.0.1", "4.0.7", config.OLD),
            "4.1": ("3.1.0", "4.1.0", config.OLD),
            "4.2": ("3.1.1", "4.2.0", config.NEW)}
DRIVER_JARS = {"mysql": ("mysql-connector-java-5.1.22-bin.jar", "com/mysql/jdbc/Driver.class"),
               "postgresql": ("postgresql-9.1-903.jdbc4.jar", "org/postgresql/Driver.class")}
TENANT_IDS = (1, 2)


@dataclasses.dataclass
class Database:
    """A shared database as the nodes see it."""
    datasource: str
    jndi: str
    url: str
    user: str
    password: str
    registry: bool = False
    users: bool = False

    @property
    def kind(self):
        return self.url.split(":")[1]


def noise(seed, size):
    """Bytes that do not compress, the same for the same seed."""
    return random.Random(seed).randbytes(size)


class Home:
    """Writes the files of one home."""

    def __init__(self, path, version, carbon_version):
        self.path = pathlib.Path(path)
        self.write("bin/version.txt", f"WSO2 Data Services Server v{version}\n")
        self.write("bin/wso2carbon-version.txt", f"WSO2 Carbon Framework v{carbon_version}\n")
        self.write("bin/wso2server.sh", SCRIPT.read_bytes(), 0o755)
        self.write("repository/components/default/configuration/config.ini",
                   "osgi.bundles=reference\\:file\\:plugins\n")
        self.write("lib/xboot/README.txt", "boot class path\n")
        for folder in ("repository/logs", "repository/database", "repository/components/lib",
                       "repository/components/dropins", "repository/components/patches",
                       "repository/tenants", "repository/deployment/server/userstores", "tmp"):
            (self.path / folder).mkdir(parents=True, exist_ok=True)

    def write(self, name, content, mode=0o644):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)

    def jar(self, name, entry):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w") as jar:
            jar.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
            jar.writestr(entry, noise(entry, 4096))

    def bundles(self, carbon_version, megabytes):
        """What the pack is mostly made of."""
        for i in range(megabytes * 4):
            self.write(f"repository/components/plugins/org.wso2.bundle{i:03}_{carbon_version}.jar",
                       noise(f"{carbon_version}-{i}", 256 * 1024))
        self.write(f"lib/org.wso2.carbon.server-{carbon_version}.jar", noise(carbon_version, 65536))

    def common_config(self):
        self.write("repository/conf/tomcat/catalina-server.xml", config.CATALINA)
        self.write("repository/conf/etc/tasks-config.xml", config.TASKS)
        self.write("repository/conf/security/secret-conf.properties", config.SECRET_CONF)
        self.write("repository/conf/log4j.properties", config.LOG4J)


def data_service(name, source, carbon_datasource=None):
    """A .dbs file; `source` is what a query of it reads."""
    origin = (f'<property name="carbon_datasource_name">{carbon_datasource}</property>'
              if carbon_datasource else
              f'<property name="csv_datasource">{source}</property>')
    return f"""<data name="{name}" serviceNamespace="http://example.org/{name}">
   <config id="default">
      {origin}
   </config>
   <query id="all" useConfig="default">
      <sql>SELECT id, name FROM {name}</sql>
      <result element="rows" rowName="row">
         <element name="id" column="id" xsdType="xs:integer"/>
      </result>
   </query>
   <operation name="getAll">
      <call-query href="all"/>
   </operation>
</data>
"""


def deployed_by_the_pack(home):
    """What a pristine home has in its deployment folder."""
    server = "repository/deployment/server"
    home.write(f"{server}/dataservices/samples/RDBMSSample.dbs",
               data_service("RDBMSSample", "./samples/resources/Sample.csv"))
    home.write(f"{server}/webapps/STRATOS_ROOT/index.html", "<html>STRATOS</html>\n")
    home.write(f"{server}/axis2modules/modules.list", "addressing.mar\n")


def deployed_by_the_site(home, node):
    """Data services of the super tenant and of two tenants; odd files that a copy has to keep."""
    server = "repository/deployment/server"
    home.write(f"{server}/dataservices/Orders.dbs",
               data_service("Orders", "", carbon_datasource="ORDERS_DB"))
    home.write(f"{server}/dataservices/Customers.dbs",
               data_service("Customers", "repository/resources/customers.csv"))
    home.write(f"{server}/dataservices/billing/Invoices.dbs",
               data_service("Invoices", "repository/resources/invoices.csv"), 0o640)
    home.write(f"{server}/dataservices/billing/Invoices_services.xml",
               '<serviceGroup><service name="Invoices"/></serviceGroup>\n')
    home.write(f"{server}/servicemetafiles/Orders.xml", "<serviceGroup name=\"Orders\"/>\n")
    home.write(f"{server}/carbonapps/site_1.0.0.car", noise("car", 300_000))
    home.write(f"{server}/.layout", "hidden\n")
    os.symlink("billing/Invoices.dbs", home.path / f"{server}/dataservices/Latest.link")
    for tenant in TENANT_IDS:
        folder = f"repository/tenants/{tenant}"
        home.write(f"{folder}/dataservices/Tenant{tenant}.dbs",
                   data_service(f"Tenant{tenant}", f"{folder}/data.csv"))
        home.write(f"{folder}/servicemetafiles/Tenant{tenant}.xml", "<serviceGroup/>\n")
    home.write("repository/conf/site-notes.txt", f"this is {node}\n")


def make_old_home(path, layout, databases, host_name=None, offset=0, members=(), megabytes=4):
    """`databases`: one that holds registry and users, or one for each."""
    version, carbon_version, shape = RELEASES[layout]
    home = Home(path, version, carbon_version)
    users = next(d for d in databases if d.users)
    home.common_config()
    home.write("repository/conf/carbon.xml", config.carbon(
        shape, version, host_name, offset, "site.jks", "site-secret"))
    home.write("repository/conf/datasources/master-datasources.xml",
               config.master_datasources(databases))
    home.write("repository/conf/datasources/custom-datasources.xml", config.custom_datasources())
    home.write("repository/conf/user-mgt.xml", config.user_mgt(shape, users.jndi))
    home.write("repository/conf/registry.xml",
               config.registry(shape, next(d for d in databases if d.registry)))
    home.write("repository/conf/axis2/axis2.xml", config.axis2(shape, members))
    if shape == config.OLD:
        home.write("repository/conf/tenant-mgt.xml", config.TENANT_MGT)
    deployed_by_the_pack(home)
    deployed_by_the_site(home, host_name or "the only node")
    for kind in {d.kind for d in databases}:
        file, entry = DRIVER_JARS[kind]
        home.jar(f"repository/components/lib/{file}", entry)
    for name in ("site.jks", "client-truststore.jks"):
        home.write(f"repository/resources/security/{name}", noise(f"site {name}", 2200), 0o600)
    home.write("repository/resources/security/wso2carbon.jks", noise("pack", 2200))
    home.bundles(carbon_version, megabytes)
    return home.path


def make_new_home(path, megabytes=4):
    """DSS 3.2.0 as it is unpacked: not connected to anything."""
    home = Home(path, "3.2.0", "4.2.0")
    home.common_config()
    home.write("repository/conf/carbon.xml", config.carbon(config.NEW, "3.2.0"))
    home.write("repository/conf/datasources/master-datasources.xml",
               config.master_datasources([]))
    home.write("repository/conf/user-mgt.xml", config.user_mgt(config.NEW, "jdbc/WSO2CarbonDB"))
    home.write("repository/conf/registry.xml", config.registry(config.NEW))
    home.write("repository/conf/axis2/axis2.xml", config.axis2(config.NEW))
    deployed_by_the_pack(home)
    home.write("repository/resources/security/wso2carbon.jks", noise("pack", 2200))
    home.write("repository/resources/security/client-truststore.jks", noise("pack trust", 2200))
    home.bundles("4.2.0", megabytes)
    return home.path


def encrypt_for_store(key_store, text):
    """The password of a user store file, as the stand-in encrypts it (tests/carbon/password.h)."""
    key = pathlib.Path(key_store).read_bytes()[:65536]
    plain = text.encode()
    stream = b"".join(hashlib.sha256(key + block.to_bytes(8, "little")).digest()
                      for block in range(len(plain) // 32 + 1))
    check = hashlib.sha256(key + plain).digest()[:8]
    return base64.b64encode(check + bytes(a ^ b for a, b in zip(plain, stream))).decode()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("age", choices=("old", "new"))
    parser.add_argument("folder")
    parser.add_argument("--layout", choices=sorted(RELEASES), default="4.0")
    parser.add_argument("--url", default="jdbc:mysql://127.0.0.1:3306/carbon?autoReconnect=true")
    parser.add_argument("--user", default="carbon")
    parser.add_argument("--password", default="carbon")
    parser.add_argument("--host-name")
    options = parser.parse_args()
    if options.age == "new":
        make_new_home(options.folder)
    else:
        shared = Database("WSO2_SHARED_DB", "jdbc/WSO2SharedDB", options.url, options.user,
                          options.password, registry=True, users=True)
        make_old_home(options.folder, options.layout, [shared], options.host_name)


if __name__ == "__main__":
    main()
