#include "tests/component/carbon_conf.h"

#include <stddef.h>

#define CONF        "repository/conf/"
#define MASTER      CONF "datasources/master-datasources.xml"
#define H2_LOCAL    "jdbc:h2:repository/database/WSO2CARBON_DB;LOCK_TIMEOUT=60000"
#define MYSQL_CLASS "com.mysql.jdbc.Driver"
#define SVNS        "xmlns:svns=\"http://org.wso2.securevault/configuration\""

#define DATASOURCE(name, jndi, url, user, driver)                                                  \
    "    <datasource>\n"                                                                           \
    "      <name>" name "</name>\n"                                                                \
    "      <jndiConfig><name>" jndi "</name></jndiConfig>\n"                                       \
    "      <definition type=\"RDBMS\">\n"                                                          \
    "        <configuration>\n"                                                                    \
    "          <url>" url "</url>\n"                                                               \
    "          <username>" user "</username>\n"                                                    \
    "          <password>planted-secret</password>\n"                                              \
    "          <driverClassName>" driver "</driverClassName>\n"                                    \
    "          <defaultAutoCommit>false</defaultAutoCommit>\n"                                     \
    "        </configuration>\n"                                                                   \
    "      </definition>\n"                                                                        \
    "    </datasource>\n"

#define DATASOURCES(inside)                                                                        \
    "<datasources-configuration " SVNS ">\n  <providers/>\n  <datasources>\n" inside               \
    "  </datasources>\n</datasources-configuration>\n"

#define CARBON_DB                                                                                  \
    DATASOURCE("WSO2_CARBON_DB", "jdbc/WSO2CarbonDB", H2_LOCAL, "wso2carbon", "org.h2.Driver")

#define STORE(inside)                                                                              \
    "    <UserStoreManager "                                                                       \
    "class=\"org.wso2.carbon.user.core.jdbc.JDBCUserStoreManager\">\n" inside                      \
    "      <Property name=\"PasswordDigest\">SHA-256</Property>\n"

const HomeFile old_home_files[] = {
    { MASTER, DATASOURCES(CARBON_DB DATASOURCE("WSO2_REG_DB", "jdbc/WSO2RegDB",
                  "jdbc:mysql://db1:3306/reg?autoReconnect=true&amp;useUnicode=true", "reg",
                  MYSQL_CLASS) DATASOURCE("WSO2_USER_DB", "jdbc/WSO2UMDB", "jdbc:mysql://DB1/users",
                  "um", MYSQL_CLASS)) },
    { CONF "datasources/sales-datasources.xml",
        DATASOURCES(
            DATASOURCE("SALES", "jdbc/Sales", "jdbc:mysql://sales/sales", "sales", MYSQL_CLASS)) },
    { CONF "user-mgt.xml",
        "<UserManager><Realm>\n  <Configuration>\n    <AdminRole>admin</AdminRole>\n"
        "    <AdminUser><UserName>root</UserName><Password>planted-secret</Password></AdminUser>\n"
        "    <EveryOneRoleName>everybody</EveryOneRoleName>\n"
        "    <Property name=\"dataSource\">jdbc/WSO2UMDB</Property>\n  </Configuration>\n" STORE(
            "      <Property name=\"ReadLDAPGroups\">false</Property>\n") "      <Property "
                                                                          "name="
                                                                          "\"StoreSaltedPassword\">"
                                                                          "false</Property>\n"
                                                                          "    "
                                                                          "</UserStoreManager>\n</"
                                                                          "Realm></"
                                                                          "UserManager>\n" },
    { CONF "tenant-mgt.xml", "<TenantManager class=\"org.example.OwnTenantManager\"/>\n" },
    { CONF "registry.xml",
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\r\n<wso2registry>\r\n"
        "  <currentDBConfig>local</currentDBConfig>\r\n  <readOnly>true</readOnly>\r\n"
        "  <dbConfig name=\"local\">\r\n    <dataSource>jdbc/WSO2CarbonDB</dataSource>\r\n"
        "  </dbConfig>\r\n"
        "  <dbConfig name=\"shared\">\n    <dataSource>jdbc/WSO2RegDB</dataSource>\n  </dbConfig>\n"
        "  <remoteInstance url=\"https://localhost\">\r\n    <id>shared-1</id>\r\n"
        "    <dbConfig>shared</dbConfig>\r\n"
        "    <cacheId>reg@jdbc:mysql://db1:3306/reg</cacheId>\r\n  </remoteInstance>\r\n"
        "  <mount path=\"/_system/config\" overwrite=\"true\">\r\n"
        "    <instanceId>shared-1</instanceId>\r\n    <targetPath>/_system/x</targetPath>\r\n"
        "  </mount>\r\n  <versionResourcesOnChange>false</versionResourcesOnChange>\r\n"
        "</wso2registry>\r\n" },
    { CONF "carbon.xml", "<Server xmlns=\"http://wso2.org/projects/carbon/carbon.xml\">\n"
                         "  <Version>4.0.7</Version>\n  <HostName>dss.example.com</HostName>\n"
                         "  <Ports><Offset>2</Offset></Ports>\n"
                         "  <Security><KeyStore><Location>site.jks</Location>"
                         "<Password>planted-secret</Password></KeyStore></Security>\n</Server>\n" },
    { "repository/resources/security/site.jks", "the site's own key" },
    { CONF "security/secret-conf.properties", "# carbon.secretProvider=x\n\n" },
    { CONF "security/cipher-text.properties", "alias=text\n" },
    { NULL, NULL },
};

const HomeFile new_home_files[] = {
    { MASTER, DATASOURCES(CARBON_DB "    <!--datasource><name>SAMPLE</name></datasource-->\n") },
    { CONF "user-mgt.xml",
        "<UserManager><Realm>\n  <Configuration>\n    <AddAdmin>true</AddAdmin>\n"
        "    <AdminRole>admin</AdminRole>\n"
        "    <AdminUser><UserName>admin</UserName><Password>admin</Password></AdminUser>\n"
        "    <EveryOneRoleName>everyone</EveryOneRoleName>\n"
        "    <Property name=\"dataSource\">jdbc/WSO2CarbonDB</Property>\n  "
        "</Configuration>\n" STORE(
            "      <Property name=\"TenantManager\">org.example.TenantManager</Property>\n"
            "      <Property name=\"ReadGroups\">true</Property>\n") "    "
                                                                     "</UserStoreManager>\n</"
                                                                     "Realm></UserManager>\n" },
    { CONF "registry.xml",
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\r\n<wso2registry>\r\n"
        "  <!-- <mount path=\"/x\"/> k\xE4se -->\n"
        "  <currentDBConfig>wso2registry</currentDBConfig>\r\n  <readOnly>false</readOnly>\r\n"
        "  <dbConfig name=\"wso2registry\">\r\n    <dataSource>jdbc/WSO2CarbonDB</dataSource>\r\n"
        "  </dbConfig>\r\n  <versionResourcesOnChange>true</versionResourcesOnChange>\r\n"
        "</wso2registry>" },
    { CONF "carbon.xml",
        "<Server xmlns=\"http://wso2.org/projects/carbon/carbon.xml\">\n"
        "  <Version>4.2.0</Version>\n  <!--HostName>www.wso2.org</HostName-->\n"
        "  <Ports><Offset>0</Offset></Ports>\n"
        "  <Security>\n    <KeyStore><Location>wso2carbon.jks</Location>"
        "<Password>wso2carbon</Password></KeyStore>\n"
        "    <RegistryKeyStore><Location>wso2carbon.jks</Location>"
        "<Password>wso2carbon</Password></RegistryKeyStore>\n  </Security>\n</Server>\n" },
    { NULL, NULL },
};
