"""Configuration files of Carbon homes, in the shapes of 4.0/4.1 ("old") and of 4.2 ("new").

They are what an editor of such files stumbles over: comments that hold the same elements as the
live text, an ISO-8859-1 declaration, CRLF line ends with lines inserted by hand that end in LF,
tabs, a default namespace, an attribute bound to another one, values that have to be escaped.
"""
from xml.sax.saxutils import escape

OLD, NEW = "old", "new"
DRIVERS = {"mysql": "com.mysql.jdbc.Driver", "postgresql": "org.postgresql.Driver",
           "h2": "org.h2.Driver"}
H2_URL = "jdbc:h2:repository/database/WSO2CARBON_DB;DB_CLOSE_ON_EXIT=FALSE;LOCK_TIMEOUT=60000"
SAMPLE = """
        <!-- a data source with all that can be said about a pool: -->
        <!--datasource>
            <name>SAMPLE_DATA_SOURCE</name>
            <jndiConfig>
                <name>jdbc/Sample</name>
            </jndiConfig>
            <definition type="RDBMS">
                <configuration>
                    <url>jdbc:mysql://localhost:3306/sample</url>
                    <username>nobody</username>
                    <password svns:secretAlias="Sample.Password"></password>
                    <driverClassName>com.mysql.jdbc.Driver</driverClassName>
                </configuration>
            </definition>
        </datasource-->
"""


def datasource(name, jndi, url, user, password):
    kind = url.split(":")[1]
    return f"""
        <datasource>
            <name>{name}</name>
            <description>The datasource {name}</description>
            <jndiConfig>
                <name>{jndi}</name>
            </jndiConfig>
            <definition type="RDBMS">
                <configuration>
                    <url>{escape(url)}</url>
                    <username>{escape(user)}</username>
                    <password>{escape(password)}</password>
                    <driverClassName>{DRIVERS[kind]}</driverClassName>
                    <defaultAutoCommit>false</defaultAutoCommit>
                    <maxActive>50</maxActive>
                    <maxWait>60000</maxWait>
                    <testOnBorrow>true</testOnBorrow>
                    <validationQuery>SELECT 1</validationQuery>
                    <validationInterval>30000</validationInterval>
                </configuration>
            </definition>
        </datasource>
"""


def datasources_file(entries, sample=""):
    return f"""<datasources-configuration xmlns:svns="http://org.wso2.securevault/configuration">

    <providers>
        <provider>org.wso2.carbon.ndatasource.rdbms.RDBMSDataSourceReader</provider>
    </providers>

    <datasources>
{"".join(entries)}{sample}
    </datasources>

</datasources-configuration>
"""


def master_datasources(databases):
    """`databases`: objects with datasource, jndi, url, user and password."""
    local = datasource("WSO2_CARBON_DB", "jdbc/WSO2CarbonDB", H2_URL, "wso2carbon", "wso2carbon")
    shared = [datasource(d.datasource, d.jndi, d.url, d.user, d.password) for d in databases]
    return datasources_file([local, *shared], SAMPLE)


def custom_datasources():
    """The site's own data source, which a data service of the old home uses."""
    return datasources_file([datasource("ORDERS_DB", "jdbc/Orders",
                                        "jdbc:h2:repository/database/ORDERS", "orders", "orders")])


def user_mgt(shape, jndi, everyone="everyone"):
    add_admin = "\t\t<AddAdmin>true</AddAdmin>\n" if shape == NEW else ""
    tenant_manager = ("            <Property name=\"TenantManager\">"
                      "org.wso2.carbon.user.core.tenant.JDBCTenantManager</Property>\n"
                      if shape == NEW else "")
    groups = "ReadGroups" if shape == NEW else "ReadLDAPGroups"
    builder = ("            <Property name=\"MultiTenantRealmConfigBuilder\">org.wso2.carbon.user."
               "core.config.multitenancy.SimpleRealmConfigBuilder</Property>\n"
               if shape == OLD else "")
    return f"""<!--
  - Users and roles of this server.
-->

<UserManager>
    <Realm>
        <Configuration>
{add_admin}                <AdminRole>admin</AdminRole>
                <AdminUser>
                     <UserName>admin</UserName>
                     <Password>admin</Password>
                </AdminUser>
            <EveryOneRoleName>{everyone}</EveryOneRoleName> <!-- sees the root of the registry -->
            <Property name="dataSource">{jndi}</Property>
{builder}        </Configuration>
\t<!-- The embedded directory instead of the database:
\t     <Property name="dataSource">jdbc/WSO2CarbonDB</Property> stays as it is. -->
\t<!--UserStoreManager class="org.wso2.carbon.user.core.ldap.ReadWriteLDAPUserStoreManager">
            <Property name="ConnectionURL">ldap://localhost:10389</Property>
            <Property name="UserNameListFilter">(objectClass=person)</Property>
            <Property name="UserNameSearchFilter">(&amp;(objectClass=person)(uid=?))</Property>
            <Property name="{groups}">true</Property>
        </UserStoreManager-->

        <UserStoreManager class="org.wso2.carbon.user.core.jdbc.JDBCUserStoreManager">
{tenant_manager}\t    <Property name="ReadOnly">false</Property>
            <Property name="MaxUserNameListLength">100</Property>
            <Property name="IsEmailUserName">false</Property>
            <Property name="DomainCalculation">default</Property>
            <Property name="PasswordDigest">SHA-256</Property>
            <Property name="StoreSaltedPassword">true</Property>
            <Property name="UserNameUniqueAcrossTenants">false</Property>
            <Property name="PasswordJavaRegEx">^[\\S]{{5,30}}$</Property>
            <Property name="UsernameJavaRegEx">^[^~!#$;%^*+={{}}\\\\|&lt;&gt;,\\'\\"]{{3,30}}$</Property>
            <Property name="UserRolesCacheEnabled">true</Property>
        </UserStoreManager>

        <AuthorizationManager
            class="org.wso2.carbon.user.core.authorization.JDBCAuthorizationManager">
            <Property name="AdminRoleManagementPermissions">/permission</Property>
        </AuthorizationManager>
    </Realm>
</UserManager>
"""


TENANT_MGT = """<!-- Who keeps the tenants. -->
<!--TenantManager class="org.wso2.carbon.user.core.tenant.CommonHybridLDAPTenantManager">
    <Property name="RootPartition">dc=wso2,dc=com</Property>
</TenantManager-->
<TenantManager class="org.wso2.carbon.user.core.tenant.JDBCTenantManager">
    <Property name="RootPartition">dc=wso2,dc=org</Property>
</TenantManager>
"""


def mounts(database):
    """What an administrator puts in by hand: LF line ends, whatever the file has."""
    return f"""    <dbConfig name="wso2sharedreg">
        <dataSource>{database.jndi}</dataSource>
    </dbConfig>

    <remoteInstance url="https://localhost:9443/registry">
        <id>sharedreg</id>
        <dbConfig>wso2sharedreg</dbConfig>
        <readOnly>false</readOnly>
        <enableCache>true</enableCache>
        <registryRoot>/</registryRoot>
        <cacheId>{escape(database.user)}@{escape(database.url)}</cacheId>
    </remoteInstance>

    <mount path="/_system/config" overwrite="true">
        <instanceId>sharedreg</instanceId>
        <targetPath>/_system/dssConfig</targetPath>
    </mount>

    <mount path="/_system/governance" overwrite="true">
        <instanceId>sharedreg</instanceId>
        <targetPath>/_system/governance</targetPath>
    </mount>

"""


def registry(shape, database=None):
    """Bytes; `database`: the shared registry, or None for a pack that was not set up yet."""
    version = "true" if shape == NEW else "false"
    before = """<?xml version="1.0" encoding="ISO-8859-1"?>

<!--
  ~ The registry of this server.
  -->
<wso2registry>

    <!-- one database for many products: see the administrator's guide -->

    <currentDBConfig>wso2registry</currentDBConfig>
    <readOnly>false</readOnly>
    <enableCache>true</enableCache>
    <registryRoot>/</registryRoot>

    <dbConfig name="wso2registry">
        <dataSource>jdbc/WSO2CarbonDB</dataSource>
    </dbConfig>

"""
    after = f"""    <!--remoteInstance url="https://localhost:9443/registry">
        <id>instanceid</id>
        <dbConfig>wso2registry</dbConfig>
        <readOnly>false</readOnly>
        <cacheId>nobody@jdbc:mysql://localhost:3306/sample</cacheId>
    </remoteInstance-->

    <!--mount path="/_system/config" overwrite="true|false|virtual">
        <instanceId>instanceid</instanceId>
        <targetPath>/_system/nodes</targetPath>
    </mount-->


    <versionResourcesOnChange>{version}</versionResourcesOnChange>

    <!-- only before the first start -->
    <staticConfiguration>
        <versioningProperties>true</versioningProperties>
        <versioningComments>true</versioningComments>
        <versioningTags>true</versioningTags>
        <versioningRatings>true</versioningRatings>
    </staticConfiguration>
</wso2registry>
"""
    if shape == OLD:
        before, after = before.replace("\n", "\r\n"), after.replace("\n", "\r\n")
    return (before + (mounts(database) if database else "") + after).encode("iso-8859-1")


def key_store(element, file, password):
    return f"""
        <{element}>
            <!-- file, kind, passwords -->
            <Location>${{carbon.home}}/repository/resources/security/{file}</Location>
            <Type>JKS</Type>
            <Password>{password}</Password>
            <KeyAlias>wso2carbon</KeyAlias>
            <KeyPassword>{password}</KeyPassword>
        </{element}>
"""


def carbon(shape, version, host_name=None, offset=0, key_file="wso2carbon.jks",
           key_password="wso2carbon"):
    """Bytes; an umlaut shows which encoding they are in. 4.0 and 4.1 have no RegistryKeyStore."""
    host = (f"    <HostName>{host_name}</HostName>" if host_name
            else "    <!--HostName>www.example.org</HostName-->")
    management = (f"    <MgtHostName>{host_name}</MgtHostName>" if host_name
                  else "    <!--MgtHostName>mgt.example.org</MgtHostName-->")
    registry_keys = key_store("RegistryKeyStore", key_file, key_password) if shape == NEW else ""
    text = f"""<?xml version="1.0" encoding="ISO-8859-1"?>
<!--
    The main configuration file. ${{carbon.home}} is where the server is.
    Zust\u00e4ndig: Betrieb
-->
<Server xmlns="http://wso2.org/projects/carbon/carbon.xml">

    <Name>WSO2 Data Services Server</Name>

    <ServerKey>DSS</ServerKey>

    <Version>{version}</Version>

    <!-- becomes part of the end points -->
{host}

{management}

    <ServerURL>local:/${{carbon.context}}/services/</ServerURL>
    <!--
    <ServerURL>https://${{carbon.local.ip}}:${{carbon.management.port}}/services/</ServerURL>
    -->

    <ServerRoles>
        <Role>DataServicesServer</Role>
    </ServerRoles>

    <Package>org.wso2.carbon</Package>

    <Ports>
        <!-- added to every port: <Offset>1</Offset> makes 9444 of 9443 -->
        <Offset>{offset}</Offset>
        <JMX>
            <RMIRegistryPort>9999</RMIRegistryPort>
            <RMIServerPort>11111</RMIServerPort>
        </JMX>
    </Ports>

    <Axis2Config>
        <RepositoryLocation>${{carbon.home}}/repository/deployment/server/</RepositoryLocation>
        <DeploymentUpdateInterval>15</DeploymentUpdateInterval>
        <HideAdminServiceWSDLs>true</HideAdminServiceWSDLs>
    </Axis2Config>

    <Security>{key_store("KeyStore", key_file, key_password)}{registry_keys}
        <TrustStore>
            <Location>${{carbon.home}}/repository/resources/security/client-truststore.jks</Location>
            <Type>JKS</Type>
            <Password>wso2carbon</Password>
        </TrustStore>
    </Security>

    <DeploymentSynchronizer>
        <Enabled>false</Enabled>
        <AutoCommit>false</AutoCommit>
        <AutoCheckout>true</AutoCheckout>
        <RepositoryType>svn</RepositoryType>
        <SvnUrl>http://svnrepo.example.com/repos/</SvnUrl>
        <SvnUser>username</SvnUser>
        <SvnPassword>password</SvnPassword>
        <SvnUrlAppendTenantId>true</SvnUrlAppendTenantId>
    </DeploymentSynchronizer>
</Server>
"""
    return text.encode("iso-8859-1")


def axis2(shape, members=()):
    """Clustering is on when there are members; its class tells the generation."""
    agent = ("org.apache.axis2.clustering.tribes.TribesClusteringAgent" if shape == OLD
             else "org.wso2.carbon.core.clustering.hazelcast.HazelcastClusteringAgent")
    lines = "".join(f"""
            <member>
                <hostName>{member}</hostName>
                <port>4000</port>
            </member>""" for member in members)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<axisconfig name="AxisJava2.0">
    <parameter name="hotdeployment">true</parameter>
    <clustering class="{agent}" enable="{"true" if members else "false"}">
        <parameter name="membershipScheme">{"wka" if members else "multicast"}</parameter>
        <parameter name="domain">wso2.carbon.domain</parameter>
        <parameter name="localMemberHost">{members[0] if members else "127.0.0.1"}</parameter>
        <parameter name="localMemberPort">4000</parameter>
        <parameter name="properties">
            <property name="backendServerURL" value="https://${{hostName}}:${{httpsPort}}/services/"/>
        </parameter>
        <members>{lines}
        </members>
    </clustering>
</axisconfig>
"""


CATALINA = """<?xml version='1.0' encoding='utf-8'?>
<Server port="8005" shutdown="SHUTDOWN">
  <Service className="org.wso2.carbon.tomcat.ext.service.ExtendedStandardService" name="Catalina">
    <!-- behind a balancer: proxyPort="80" -->
    <Connector protocol="org.apache.coyote.http11.Http11NioProtocol"
                port="9763"
                redirectPort="9443"
                server="WSO2 Carbon Server"/>
    <!-- behind a balancer: proxyPort="443" -->
    <Connector protocol="org.apache.coyote.http11.Http11NioProtocol"
                port="9443"
                scheme="https"
                secure="true"
                SSLEnabled="true"
                keystoreFile="${carbon.home}/repository/resources/security/wso2carbon.jks"
                keystorePass="wso2carbon"/>
  </Service>
</Server>
"""

TASKS = """<?xml version="1.0" encoding="UTF-8"?>
<tasks-configuration xmlns:svns="http://org.wso2.securevault/configuration">
    <!-- STANDALONE, CLUSTERED, REMOTE or AUTO -->
    <taskServerMode>AUTO</taskServerMode>
    <taskServerCount>2</taskServerCount>
</tasks-configuration>
"""

SECRET_CONF = """# Secure vault: all lines are comments, so that it is off.
#keystore.identity.location=repository/resources/security/wso2carbon.jks
#keystore.identity.type=JKS
"""

LOG4J = """log4j.rootLogger=ERROR, CARBON_CONSOLE, CARBON_LOGFILE
log4j.appender.CARBON_LOGFILE=org.wso2.carbon.logging.appenders.CarbonDailyRollingFileAppender
log4j.appender.CARBON_LOGFILE.File=${carbon.home}/repository/logs/wso2carbon.log
log4j.appender.CARBON_LOGFILE.layout.ConversionPattern=TID: [%T] [%S] [%d] %P%5p {%c} - %x %m {%c}%n
"""
