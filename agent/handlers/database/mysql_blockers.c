#include "agent/handlers/database/mysql_blockers.h"

#include "agent/handlers/database/mysql_client.h"
#include "common/base/memory.h"
#include "common/base/text.h"

#define STATEMENT_MAX (64 * 1024) /* bytes in which a table's name is looked for */

typedef enum Family {
    FAMILY_MARIADB,
    FAMILY_MYSQL_57, /* and older */
    FAMILY_MYSQL_8,
    FAMILY_COUNT,
} Family;

/* Seconds: of the open transaction where there is one, else since the session does what it does. */
#define COLUMNS                                                                                    \
    "SELECT DISTINCT p.id, p.user, p.host,"                                                        \
    " COALESCE(TIMESTAMPDIFF(SECOND, x.trx_started, NOW()), p.time), COALESCE(p.info, p.command)"  \
    " FROM information_schema.PROCESSLIST p"
#define WITH_TRANSACTION                                                                           \
    " LEFT JOIN information_schema.INNODB_TRX x ON x.trx_mysql_thread_id = p.id"
#define NOT_OURS " p.id NOT IN (@dss_waiting, CONNECTION_ID())"
#define OF_ITS_TABLES(schema, table)                                                               \
    " WHERE " schema " = @dss_database AND LOCATE(LOWER(" table "), LOWER(@dss_statement)) > 0"
#define WAITS_OF_INNODB(view, blocking, requesting)                                                \
    COLUMNS " JOIN information_schema.INNODB_TRX x ON x.trx_mysql_thread_id = p.id"                \
            " JOIN " view " w ON w." blocking " = x.trx_id"                                        \
            " JOIN information_schema.INNODB_TRX r ON r.trx_id = w." requesting                    \
            " WHERE r.trx_mysql_thread_id = @dss_waiting AND" NOT_OURS

static const char by_plugin[] = COLUMNS WITH_TRANSACTION
    " JOIN information_schema.METADATA_LOCK_INFO m ON m.thread_id = p.id" OF_ITS_TABLES(
        "m.table_schema", "m.table_name") " AND" NOT_OURS;
static const char by_metadata_locks[] = COLUMNS WITH_TRANSACTION
    " JOIN performance_schema.threads t ON t.processlist_id = p.id"
    " JOIN performance_schema.metadata_locks m ON m.owner_thread_id = t.thread_id" OF_ITS_TABLES(
        "m.object_schema", "m.object_name") " AND m.lock_status = 'GRANTED' AND" NOT_OURS;
static const char by_lock_waits[] =
    WAITS_OF_INNODB("information_schema.INNODB_LOCK_WAITS", "blocking_trx_id", "requesting_trx_id");
static const char by_data_lock_waits[] = WAITS_OF_INNODB("performance_schema.data_lock_waits",
    "blocking_engine_transaction_id", "requesting_engine_transaction_id");
static const char oldest_transaction[] =
    COLUMNS " JOIN information_schema.INNODB_TRX x ON x.trx_mysql_thread_id = p.id"
            " WHERE p.db = @dss_database AND" NOT_OURS;
static const char oldest_session[] =
    COLUMNS WITH_TRANSACTION " WHERE p.db = @dss_database AND" NOT_OURS;

static const char *const questions[FAMILY_COUNT][MYSQL_WAIT_COUNT][MYSQL_QUESTIONS] = {
    [FAMILY_MARIADB] = {
        [MYSQL_WAITS_FOR_TABLE] = { by_plugin, by_metadata_locks, oldest_transaction,
            oldest_session },
        [MYSQL_WAITS_FOR_ROW] = { by_lock_waits, oldest_transaction },
    },
    [FAMILY_MYSQL_57] = {
        [MYSQL_WAITS_FOR_TABLE] = { by_metadata_locks, oldest_transaction, oldest_session },
        [MYSQL_WAITS_FOR_ROW] = { by_lock_waits, oldest_transaction },
    },
    [FAMILY_MYSQL_8] = {
        [MYSQL_WAITS_FOR_TABLE] = { by_metadata_locks, oldest_transaction, oldest_session },
        [MYSQL_WAITS_FOR_ROW] = { by_data_lock_waits, oldest_transaction },
    },
};

static Family family_of(const char *version)
{
    if (strcasestr(version, "mariadb"))
        return FAMILY_MARIADB;
    return strtoul(version, NULL, 10) >= 8 ? FAMILY_MYSQL_8 : FAMILY_MYSQL_57;
}

void mysql_blocker_questions(const char *version, MysqlWait wait, const char *ret[MYSQL_QUESTIONS])
{
    memcpy(ret, questions[family_of(version)][wait], MYSQL_QUESTIONS * sizeof(ret[0]));
}

/* What it waits for, or MYSQL_WAIT_COUNT when it does not wait. */
static MysqlWait what_it_waits_for(Database *asking)
{
    static const char *const signs[] = {
        [MYSQL_WAITS_FOR_TABLE] = "SELECT 1 FROM information_schema.PROCESSLIST"
                                  " WHERE id = @dss_waiting AND state LIKE 'Waiting for %'",
        [MYSQL_WAITS_FOR_ROW] = "SELECT 1 FROM information_schema.INNODB_TRX"
                                " WHERE trx_mysql_thread_id = @dss_waiting"
                                " AND trx_state = 'LOCK WAIT'",
    };
    MysqlWait wait = MYSQL_WAITS_FOR_TABLE;

    for (; wait < MYSQL_WAIT_COUNT; wait++) {
        AUTO_TEXT *yes = NULL;
        Error ignored = { 0 };

        if (database_value(asking, signs[wait], &yes, &ignored) && yes)
            break;
    }
    return wait;
}

static bool set_variables(Database *asking, const Database *waiting, Error *error)
{
    AUTO_TEXT *text =
        memory_text_n(waiting->statement.sql, strnlen(waiting->statement.sql, STATEMENT_MAX));
    AUTO_TEXT *name = database_quote(asking, waiting->name);
    AUTO_TEXT *statement = database_quote(asking, text);
    AUTO_TEXT *sql =
        memory_format("SET @dss_database = %s, @dss_waiting = %lu, @dss_statement = %s", name,
            mysql_thread_id(waiting->handle), statement);

    return database_run(asking, sql, NULL, error);
}

typedef struct Answer {
    DatabaseRowFunction *row;
    void *self;
    size_t count;
} Answer;

static bool pass_on(void *self, const DatabaseRow *row, Error *error)
{
    Answer *answer = self;

    answer->count++;
    return answer->row(answer->self, row, error);
}

bool mysql_find_blockers(
    Database *asking, const Database *waiting, DatabaseRowFunction *row, void *self, Error *error)
{
    const char *to_ask[MYSQL_QUESTIONS];
    Answer answer = { row, self, 0 };
    MysqlWait wait;

    if (!set_variables(asking, waiting, error))
        return false;
    wait = what_it_waits_for(asking);
    if (wait == MYSQL_WAIT_COUNT)
        return true;
    mysql_blocker_questions(asking->version, wait, to_ask);
    for (size_t i = 0; i < MYSQL_QUESTIONS && to_ask[i] && answer.count == 0; i++) {
        bool guess = to_ask[i] == oldest_transaction || to_ask[i] == oldest_session;
        AUTO_TEXT *sql = memory_format(
            "%s ORDER BY 4 DESC, 1 LIMIT %d", to_ask[i], guess ? 1 : DATABASE_BLOCKERS_MAX);
        Error unknown = { 0 }; /* a server without that table: the next question */

        (void)!database_query(asking, sql, pass_on, &answer, &unknown);
    }
    return true;
}
