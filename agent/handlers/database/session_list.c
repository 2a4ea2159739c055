#include "agent/handlers/database/session_list.h"

#include <assert.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "agent/handlers/database/database_target.h"
#include "common/base/text.h"

#define SESSIONS_MAX 10000
#define ACCOUNTS_MAX 8192   /* bytes */
#define GONE_MYSQL   "1094" /* no such session */

/*
 * Six columns: id, user, host, program, state, "1" on this database. Connection attributes are not
 * kept by every server: the second text does without.
 */
#define MYSQL_COLUMNS(program)                                                                     \
    "SELECT p.id, p.user, p.host, " program ", CONCAT(p.command, ', ', p.time, ' s'),"             \
    " IF(p.db = DATABASE(), '1', '0') FROM information_schema.processlist p"
#define MYSQL_WHERE                                                                                \
    " WHERE (p.db = DATABASE() OR (p.db IS NULL AND LOCATE(CONCAT(CHAR(10), p.user, CHAR(10)), "   \
    "@dss_accounts) > 0))"                                                                         \
    " AND p.user NOT IN ('system user', 'event_scheduler') AND p.id <> CONNECTION_ID()"            \
    " AND NOT (p.user = SUBSTRING_INDEX(USER(), '@', 1)"                                           \
    " AND SUBSTRING_INDEX(p.host, ':', 1) = (SELECT SUBSTRING_INDEX(o.host, ':', 1)"               \
    " FROM information_schema.processlist o WHERE o.id = CONNECTION_ID()))"                        \
    " ORDER BY p.id"

static const char mysql_with_attributes[] = MYSQL_COLUMNS(
    "COALESCE((SELECT MAX(a.attr_value) FROM performance_schema.session_connect_attrs a"
    " WHERE a.processlist_id = p.id AND a.attr_name IN ('program_name', '_client_name')),"
    " 'unknown program')") MYSQL_WHERE;
static const char mysql_plain[] = MYSQL_COLUMNS("'unknown program'") MYSQL_WHERE;

static const char postgresql[] =
    "SELECT pid, COALESCE(usename, '?'), COALESCE(host(client_addr), 'localhost'),"
    " COALESCE(NULLIF(application_name, ''), 'unknown program'),"
    " COALESCE(state, '?') || ', '"
    " || COALESCE(floor(extract(epoch FROM clock_timestamp() - state_change))::text, '?') || ' s',"
    " '1' FROM pg_stat_activity"
    /* without pg_read_all_stats the type is not shown: such a session counts */
    " WHERE datname = current_database()"
    " AND COALESCE(backend_type, 'client backend') = 'client backend'"
    " AND pid <> pg_backend_pid()"
    " AND NOT (application_name = 'dss-upgrade' AND usename = session_user)"
    " ORDER BY pid";

/* "10.0.0.5:40112" -> "10.0.0.5"; "::ffff:10.0.0.5" -> "10.0.0.5" */
static void cut_host(char *host)
{
    static const char mapped[] = "::ffff:";
    char *colon = strrchr(host, ':');

    if (colon && (strchr(host, ':') == colon || strchr(host, '.')))
        if (colon[1] != '\0' && strspn(colon + 1, "0123456789") == strlen(colon + 1))
            *colon = '\0';
    if (strncasecmp(host, mapped, strlen(mapped)) == 0)
        memmove(host, host + strlen(mapped), strlen(host + strlen(mapped)) + 1);
}

static bool add_session(void *self, const DatabaseRow *row, Error *error)
{
    SessionList *list = self;
    Session *session;
    char *host;

    assert(row->count == 6);
    if (list->count == SESSIONS_MAX)
        return error_set(error, ERROR_PRECONDITION, "more than %d sessions", SESSIONS_MAX);
    if (list->count % 16 == 0)
        list->items = memory_grow(list->items, (list->count + 16) * sizeof(*list->items));
    host = arena_text(list->arena, row->values[2] ? row->values[2] : "");
    cut_host(host);
    session = &list->items[list->count++];
    *session = (Session){
        .id = arena_text(list->arena, row->values[0]),
        .user = arena_text(list->arena, row->values[1]),
        .host = host,
        .program = arena_text(list->arena, row->values[3]),
        .state = arena_text(list->arena, row->values[4] ? row->values[4] : "?"),
        .on_database = strcmp(row->values[5], "1") == 0,
    };
    return true;
}

static bool ignore_row(void *self, const DatabaseRow *row, Error *error)
{
    (void)self;
    (void)row;
    (void)error;
    return true;
}

static bool set_accounts(Database *database, const Command *command, Error *error)
{
    TEXT_AUTO(accounts, ACCOUNTS_MAX);
    AUTO_TEXT *value = NULL;
    AUTO_TEXT *sql = NULL;
    const Fact *account;
    size_t position = 0;

    text_add(&accounts, "\n");
    while (command && (account = facts_each(&command->args, ARG_ACCOUNT, &position)))
        if (!target_only_watches(command, account->value))
            text_add(&accounts, "%s\n", account->value);
    value = database_quote(database, accounts.bytes);
    sql = memory_format("SET @dss_accounts = %s", value);
    return database_run(database, sql, NULL, error);
}

static bool read_mysql(Database *database, SessionList *list, Error *error)
{
    Error first = { 0 };

    if (database_query(database, mysql_with_attributes, add_session, list, &first))
        return true;
    if (first.kind != ERROR_DATABASE) {
        *error = first;
        return false;
    }
    list->count = 0;
    return database_query(database, mysql_plain, add_session, list, error);
}

bool session_list_read(Database *database, const Command *command, SessionList **ret, Error *error)
{
    AUTO(SessionList) *list = memory_new(sizeof(*list));

    list->arena = arena_new();
    if (database_type(database) == DATABASE_MYSQL) {
        if (!set_accounts(database, command, error) || !read_mysql(database, list, error))
            return error_prefix(error, "the sessions cannot be listed: ");
    } else if (!database_query(database, postgresql, add_session, list, error)) {
        return error_prefix(error, "the sessions cannot be listed: ");
    }
    *ret = TAKE(list);
    return true;
}

void session_list_free(SessionList *list)
{
    if (!list)
        return;
    arena_free(list->arena);
    free(list->items);
    free(list);
}

bool session_end(Database *database, const Session *session, Error *error)
{
    Error failure = { 0 };
    AUTO_TEXT *sql =
        memory_format(database_type(database) == DATABASE_MYSQL ? "KILL CONNECTION %s"
                                                                : "SELECT pg_terminate_backend(%s)",
            session->id);
    bool ended = database_type(database) == DATABASE_MYSQL
                     ? database_run(database, sql, NULL, &failure)
                     : database_query(database, sql, ignore_row, NULL, &failure);

    if (ended || (failure.kind == ERROR_DATABASE && strstr(failure.text, GONE_MYSQL)))
        return true;
    *error = failure;
    return false;
}

static void addresses_free(struct addrinfo *addresses)
{
    if (addresses)
        freeaddrinfo(addresses);
}
typedef struct addrinfo Addresses;
DEFINE_AUTO(Addresses, addresses_free)

static bool same_address(const struct sockaddr *a, const struct sockaddr *b)
{
    if (a->sa_family != b->sa_family)
        return false;
    if (a->sa_family == AF_INET)
        return ((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)(const void *)b)->sin_addr.s_addr;
    return a->sa_family == AF_INET6 &&
           memcmp(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr,
               &((const struct sockaddr_in6 *)(const void *)b)->sin6_addr,
               sizeof(struct in6_addr)) == 0;
}

bool session_is_from(const Session *session, const char *address)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    AUTO(Addresses) *ours = NULL;
    AUTO(Addresses) *theirs = NULL;

    if (strcasecmp(session->host, address) == 0)
        return true;
    /* A server that resolves names writes a name where the inventory has an address. */
    if (getaddrinfo(session->host, NULL, &hints, &ours) != 0 ||
        getaddrinfo(address, NULL, &hints, &theirs) != 0)
        return false;
    for (const Addresses *a = ours; a; a = a->ai_next)
        for (const Addresses *b = theirs; b; b = b->ai_next)
            if (same_address(a->ai_addr, b->ai_addr))
                return true;
    return false;
}

char *session_words(const Session *session)
{
    return memory_format("session %s of %s from %s (%s, %s)", session->id, session->user,
        session->host, session->program, session->state);
}
