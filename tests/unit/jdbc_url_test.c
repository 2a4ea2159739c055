/* Every kind of JDBC url that Carbon knows is told by its beginning; those that are moved are taken
   apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/handlers/database/jdbc_url.h"

typedef struct Good {
    const char *url;
    JdbcKind kind;
    size_t hosts;
    const char *first, *database;
} Good;

static const Good good[] = {
    { "jdbc:mysql://db1:3306/regdb?autoReconnect=true&x=/y", JDBC_MYSQL, 1, "db1:3306", "regdb" },
    { "jdbc:mysql://db1/regdb", JDBC_MYSQL, 1, "db1:3306", "regdb" },
    { "JDBC:MySQL://DB1:33060/RegDb", JDBC_MYSQL, 1, "db1:33060", "RegDb" },
    { "jdbc:mysql://db1:3307,db2:3308/regdb", JDBC_MYSQL, 2, "db1:3307", "regdb" },
    { "jdbc:mysql:loadbalance://db1,db2/regdb", JDBC_MYSQL, 2, "db1:3306", "regdb" },
    { "jdbc:mysql://[2001:db8::1]:3307/regdb", JDBC_MYSQL, 1, "[2001:db8::1]:3307", "regdb" },
    { "jdbc:mysql://[2001:db8::1]/regdb", JDBC_MYSQL, 1, "[2001:db8::1]:3306", "regdb" },
    { "jdbc:mariadb://db1/regdb", JDBC_MARIADB, 1, "db1:3306", "regdb" },
    { "jdbc:postgresql://h2host:5433/um?ssl=true", JDBC_POSTGRESQL, 1, "h2host:5433", "um" },
    { "jdbc:postgresql:um", JDBC_POSTGRESQL, 1, "127.0.0.1:5432", "um" },
    { "jdbc:log4jdbc:postgresql://db/um", JDBC_POSTGRESQL, 1, "db:5432", "um" },
};

static void the_kinds_that_are_moved_are_taken_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        JdbcUrl url;
        Error error = { 0 };

        if (!jdbc_url_parse(good[i].url, &url, &error))
            fail_msg("%s: %s", good[i].url, error.text);
        assert_int_equal(url.kind, good[i].kind);
        assert_int_equal(url.host_count, good[i].hosts);
        assert_string_equal(url.hosts[0], good[i].first);
        assert_string_equal(url.database, good[i].database);
    }
}

static const struct {
    const char *url, *name;
} others[] = {
    { "jdbc:h2:repository/database/WSO2CARBON_DB;DB_CLOSE_ON_EXIT=FALSE", "H2" },
    { "jdbc:h2:tcp://mysqlhost/x", "H2" },
    { "jdbc:oracle:thin:@host:1521:SID", "Oracle" },
    { "jdbc:oracle:thin:@(DESCRIPTION=(LOAD_BALANCE=on))", "Oracle" },
    { "jdbc:jtds:sqlserver://host:1433/db", "Microsoft SQL Server" },
    { "jdbc:sqlserver://host:1433;databaseName=db", "Microsoft SQL Server" },
    { "jdbc:microsoft:sqlserver://host", "Microsoft SQL Server" },
    { "jdbc:db2://h2host:50000/db", "DB2" },
    { "jdbc:derby:path;create=true", "Derby" },
    { "jdbc:informix-sqli://host:1/db:INFORMIXSERVER=s", "Informix" },
    { "jdbc:datadirect:openedge://host:1;databaseName=db", "OpenEdge" },
    { "jdbc:hsqldb:path", "HSQLDB" },
    { "jdbc:sybase:Tds:host:2048/db", "Sybase" },
    { "jdbc:excel:x", "unknown" },
};

static void the_others_are_known_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        JdbcUrl url;
        Error error = { 0 };

        assert_true(jdbc_url_parse(others[i].url, &url, &error));
        assert_string_equal(jdbc_kind_name(url.kind), others[i].name);
        assert_int_equal(jdbc_database_type(url.kind), DATABASE_TYPE_COUNT);
    }
}

static const char *const nonsense[] = { "", "mysql://db/x", "jdbc:mysql://db1", "jdbc:mysql://db1/",
    "jdbc:mysql://db1/?x=1", "jdbc:mysql:///x", "jdbc:postgresql:" };

static void nonsense_is_invalid_and_tells_no_user_data(void **state)
{
    JdbcUrl url;
    Error error = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        error = (Error){ 0 };
        if (jdbc_url_parse(nonsense[i], &url, &error))
            fail_msg("%s was taken", nonsense[i]);
        assert_int_equal(error.kind, ERROR_INVALID);
    }
    error = (Error){ 0 };
    assert_false(jdbc_url_parse("jdbc:mysql://db1?user=a&password=secret", &url, &error));
    assert_null(strstr(error.text, "secret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kinds_that_are_moved_are_taken_apart),
        cmocka_unit_test(the_others_are_known_by_name),
        cmocka_unit_test(nonsense_is_invalid_and_tells_no_user_data),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
