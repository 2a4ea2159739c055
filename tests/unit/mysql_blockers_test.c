#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/handlers/database/mysql_blockers.h"

/* The tables that only some families have, in the order in which they are asked. */
static const struct {
    const char *version;
    MysqlWait wait;
    const char *asks[MYSQL_QUESTIONS];
} cases[] = {
    { "10.11.11-MariaDB-0+deb12u1", MYSQL_WAITS_FOR_TABLE,
        { "METADATA_LOCK_INFO", "performance_schema.metadata_locks", "INNODB_TRX",
            "PROCESSLIST" } },
    { "5.5.5-10.3.39-MariaDB", MYSQL_WAITS_FOR_ROW,
        { "information_schema.INNODB_LOCK_WAITS", "INNODB_TRX" } },
    { "5.7.44-log", MYSQL_WAITS_FOR_TABLE,
        { "performance_schema.metadata_locks", "INNODB_TRX", "PROCESSLIST" } },
    { "5.7.44-log", MYSQL_WAITS_FOR_ROW, { "information_schema.INNODB_LOCK_WAITS", "INNODB_TRX" } },
    { "8.0.36", MYSQL_WAITS_FOR_TABLE,
        { "performance_schema.metadata_locks", "INNODB_TRX", "PROCESSLIST" } },
    { "8.0.36", MYSQL_WAITS_FOR_ROW, { "performance_schema.data_lock_waits", "INNODB_TRX" } },
    { "8.4.0", MYSQL_WAITS_FOR_ROW, { "performance_schema.data_lock_waits", "INNODB_TRX" } },
};

static void each_family_is_asked_what_it_knows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *questions[MYSQL_QUESTIONS];

        mysql_blocker_questions(cases[i].version, cases[i].wait, questions);
        for (size_t j = 0; j < MYSQL_QUESTIONS; j++) {
            if (!cases[i].asks[j]) {
                assert_null(questions[j]);
                continue;
            }
            assert_non_null(questions[j]);
            if (!strstr(questions[j], cases[i].asks[j]))
                fail_msg(
                    "%s: %s is not asked of %s", cases[i].version, questions[j], cases[i].asks[j]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_family_is_asked_what_it_knows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
