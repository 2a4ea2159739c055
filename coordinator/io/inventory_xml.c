#include "coordinator/io/inventory_xml.h"

#include <assert.h>

#include "common/base/text.h"
#include "common/os/digest.h"
#include "common/os/file.h"
#include "common/xml/xml_document.h"

#define INVENTORY_MAX_BYTES ((size_t)1024 * 1024)
#define AGENT_PORT_DEFAULT  9700
#define DAY_S               (24 * 3600)
#define WEEK_S              (7 * DAY_S) /* the longest that an agent works on one command */

extern const char inventory_xsd[];

static const struct {
    const char *attribute;
    size_t offset;
    unsigned min, max;
} limits[] = {
    { "stop-s", offsetof(InventoryLimits, stop_s), 1, DAY_S },
    { "start-s", offsetof(InventoryLimits, start_s), 1, DAY_S },
    { "quiet-s", offsetof(InventoryLimits, quiet_s), 1, 3600 },
    { "statement-s", offsetof(InventoryLimits, statement_s), 1, WEEK_S },
    { "lock-s", offsetof(InventoryLimits, lock_s), 1, DAY_S },
    { "copy-s", offsetof(InventoryLimits, copy_s), 1, WEEK_S },
    { "backup-s", offsetof(InventoryLimits, backup_s), 1, WEEK_S },
    { "agent-lost-s", offsetof(InventoryLimits, agent_lost_s), 5, DAY_S },
    { "sessions-max", offsetof(InventoryLimits, sessions_max), 0, 1000000 },
    { "statements-max", offsetof(InventoryLimits, statements_max), 0, 1000000 },
    { "traffic-sample-s", offsetof(InventoryLimits, traffic_sample_s), 1, 3600 },
};
static_assert(sizeof(limits) / sizeof(limits[0]) * sizeof(unsigned) == sizeof(InventoryLimits),
    "every limit has a row");

/* What the schema has made sure of is not checked again here: required attributes are there. */
static const char *required(const Inventory *inventory, const xmlNode *node, const char *name)
{
    const char *value = xml_attribute(node, name, inventory->arena);

    assert(value);
    return value;
}

static void read_agents(Inventory *inventory, const xmlNode *list)
{
    size_t count = xml_child_count(list);
    InventoryAgent *agent = arena_take(inventory->arena, count * sizeof(*agent));

    inventory->agents = agent;
    inventory->agent_count = count;
    for (const xmlNode *node = xml_first(list); node; node = xml_next(node), agent++) {
        const char *port = xml_attribute(node, "port", inventory->arena);
        unsigned long long number = AGENT_PORT_DEFAULT;

        if (port && !text_to_number(port, UINT16_MAX, &number))
            number = 0; /* a number to the schema alone: inventory_check() refuses 0 */
        *agent = (InventoryAgent){
            .name = required(inventory, node, "name"),
            .address = required(inventory, node, "address"),
            .port = (unsigned)number,
            .line = xml_line_of(node),
        };
    }
}

static void read_nodes(Inventory *inventory, const xmlNode *list)
{
    size_t count = xml_child_count(list);
    InventoryNode *read = arena_take(inventory->arena, count * sizeof(*read));

    inventory->nodes = read;
    inventory->node_count = count;
    for (const xmlNode *node = xml_first(list); node; node = xml_next(node), read++) {
        const char *agent_name = required(inventory, node, "agent");
        const char *address = xml_attribute(node, "address", inventory->arena);
        const InventoryAgent *agent = inventory_agent(inventory, agent_name);

        if (!address)
            address = agent ? agent->address : "";
        *read = (InventoryNode){
            .name = required(inventory, node, "name"),
            .agent = agent_name,
            .address = address,
            .role = node_role_from_name(required(inventory, node, "role")),
            .line = xml_line_of(node),
        };
    }
}

static bool list_has(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = list; (at = strstr(at, word)) != NULL; at += length) {
        bool begins = at == list || strchr(" \t\r\n", at[-1]);

        if (begins && strchr(" \t\r\n", at[length])) /* or the end mark, which strchr finds too */
            return true;
    }
    return false;
}

/* Relative to the folder of the inventory. */
static const char *script_path(const Inventory *inventory, const char *path)
{
    AUTO_TEXT *folder = file_folder_of(inventory->path);
    AUTO_TEXT *joined = memory_format("%s/%s", folder, path);

    return path[0] == '/' ? path : arena_text(inventory->arena, joined);
}

static void read_script(Inventory *inventory, const xmlNode *node, InventoryDatabase *database)
{
    const xmlNode *script = xml_child(node, "script");

    if (!script)
        return;
    database->script_path = script_path(inventory, required(inventory, script, "path"));
    database->script_sha256 = required(inventory, script, "sha256");
}

static void read_accounts(Inventory *inventory, const xmlNode *node, InventoryDatabase *database)
{
    InventoryAccount *account =
        arena_take(inventory->arena, xml_child_count(node) * sizeof(*account));

    database->accounts = account;
    for (const xmlNode *child = xml_child(node, "account"); child; child = xml_next_alike(child)) {
        const char *barrier = xml_attribute(child, "barrier", inventory->arena);

        *account++ = (InventoryAccount){
            .name = required(inventory, child, "name"),
            .only_watched = barrier && strcmp(barrier, "watch") == 0,
        };
        database->account_count++;
    }
}

static const char *url_of(const Inventory *inventory, const xmlNode *database, const char *side)
{
    const xmlNode *node = xml_child(database, side);

    assert(node);
    return required(inventory, node, "url");
}

static void read_databases(Inventory *inventory, const xmlNode *list)
{
    size_t count = xml_child_count(list);
    InventoryDatabase *database = arena_take(inventory->arena, count * sizeof(*database));

    inventory->databases = database;
    inventory->database_count = count;
    for (const xmlNode *node = xml_first(list); node; node = xml_next(node), database++) {
        const char *holds = required(inventory, node, "holds");

        *database = (InventoryDatabase){
            .name = required(inventory, node, "name"),
            .agent = required(inventory, node, "agent"),
            .holds_registry = list_has(holds, "registry"),
            .holds_users = list_has(holds, "users"),
            .account = required(inventory, node, "account"),
            .production_url = url_of(inventory, node, "production"),
            .staging_url = url_of(inventory, node, "staging"),
            .line = xml_line_of(node),
        };
        read_script(inventory, node, database);
        read_accounts(inventory, node, database);
    }
}

static bool read_limits(Inventory *inventory, const xmlNode *node, Error *error)
{
    inventory->limits = inventory_limits_default;
    for (size_t i = 0; node && i < sizeof(limits) / sizeof(limits[0]); i++) {
        const char *text = xml_attribute(node, limits[i].attribute, inventory->arena);
        unsigned *limit = (unsigned *)(void *)((char *)&inventory->limits + limits[i].offset);
        unsigned long long value;

        if (!text)
            continue;
        if (!text_to_number(text, limits[i].max, &value) || value < limits[i].min)
            return error_set(error, ERROR_INVALID,
                "%s:%u: element 'limits': %s is \"%.40s\", allowed is %u to %u", inventory->path,
                xml_line_of(node), limits[i].attribute, text, limits[i].min, limits[i].max);
        *limit = (unsigned)value;
    }
    return true;
}

static bool read_document(Inventory *inventory, const xmlNode *root, Error *error)
{
    const xmlNode *agents = xml_child(root, "agents");
    const xmlNode *nodes = xml_child(root, "nodes");
    const xmlNode *databases = xml_child(root, "databases");

    assert(agents && nodes && databases);
    inventory->cluster = required(inventory, root, "name");
    inventory->profile = required(inventory, root, "profile");
    inventory->strategy = strategy_from_name(required(inventory, root, "strategy"));
    read_agents(inventory, agents);
    read_nodes(inventory, nodes);
    read_databases(inventory, databases);
    return read_limits(inventory, xml_child(root, "limits"), error);
}

bool inventory_parse(const char *path, const char *text, Inventory **ret, Error *error)
{
    const XmlFormat format = {
        .what = "an inventory",
        .root = "cluster",
        .namespace_uri = "urn:dss-upgrade:cluster:1",
        .schema = inventory_xsd,
        .max_bytes = INVENTORY_MAX_BYTES,
    };
    AUTO(xmlDoc) *document = NULL;
    AUTO(Inventory) *inventory = NULL;

    if (!xml_document_parse(path, text, &format, &document, error))
        return false;
    inventory = memory_new(sizeof(*inventory));
    inventory->arena = arena_new();
    inventory->path = arena_text(inventory->arena, path);
    inventory->text = arena_text(inventory->arena, text);
    digest_of(text, strlen(text), inventory->sha256);
    if (!read_document(inventory, xmlDocGetRootElement(document), error) ||
        !inventory_check(inventory, error))
        return false;
    *ret = TAKE(inventory);
    return true;
}

bool inventory_read(const char *path, Inventory **ret, Error *error)
{
    AUTO_TEXT *absolute = realpath(path, NULL);
    AUTO_TEXT *text = NULL;
    size_t length = 0;

    if (!file_read(path, INVENTORY_MAX_BYTES, &text, &length, error))
        return false;
    if (strlen(text) != length)
        return error_set(error, ERROR_INVALID,
            "%s: has zero bytes: save it as UTF-8 (UTF-16 is not read)", path);
    /* the plan keeps it, and is carried out from any folder */
    return inventory_parse(absolute ? absolute : path, text, ret, error);
}
