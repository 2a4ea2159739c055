#include "agent/profile_xml.h"

#include <assert.h>
#include <ctype.h>

#include "agent/core/layout_form.h"
#include "common/os/digest.h"
#include "common/os/file.h"
#include "common/xml/xml_document.h"

#define PROFILE_MAX (8 * 1024 * 1024) /* bytes */
#define FILE_MAX    (4 * 1024 * 1024) /* bytes of a file beside it */
#define WORDS_MAX   20                /* layouts named in one row */

extern const char profile_xsd[];

typedef struct Loader {
    const char *path;
    const char *directory;
    const xmlNode *root;
    Profile *profile;
    Digest *digest;
} Loader;

/* Attributes of one element that are texts of one struct; a table ends with an empty row. */
typedef struct Field {
    const char *attribute;
    size_t offset;
} Field;

static const Field profile_fields[] = {
    { "name", offsetof(Profile, name) },
    { "product", offsetof(Profile, product) },
    { "version", offsetof(Profile, version) },
    { "target-layout", offsetof(Profile, target_layout) },
    { .attribute = NULL },
};
static const Field server_fields[] = {
    { "log-file", offsetof(Profile, log_file) },
    { "started", offsetof(Profile, started_line) },
    { "pid-file", offsetof(Profile, pid_file) },
    { "start-script", offsetof(Profile, start_script) },
    { "main-class", offsetof(Profile, main_class) },
    { "home-property", offsetof(Profile, home_property) },
    { .attribute = NULL },
};
static const Field mark_fields[] = {
    { "file", offsetof(ProfileMark, file) },
    { "begins", offsetof(ProfileMark, begins) },
    { .attribute = NULL },
};
static const Field probe_fields[] = {
    { "table", offsetof(ProfileProbe, table) },
    { "column", offsetof(ProfileProbe, column) },
    { .attribute = NULL },
};
static const Field migration_fields[] = {
    { "from", offsetof(ProfileMigration, from) },
    { "file", offsetof(ProfileMigration, file) },
    { .attribute = NULL },
};
static const Field fresh_fields[] = {
    { "file", offsetof(ProfileFresh, file) },
    { .attribute = NULL },
};
static const Field checkpoint_fields[] = {
    { "id", offsetof(ProfileCheckpoint, id) },
    { "expect", offsetof(ProfileCheckpoint, expect) },
    { "holds", offsetof(ProfileCheckpoint, holds) },
    { .attribute = NULL },
};
static const Field setting_fields[] = {
    { "file", offsetof(ProfileSetting, file) },
    { "old-file", offsetof(ProfileSetting, old_file) },
    { "xpath", offsetof(ProfileSetting, xpath) },
    { "old-xpath", offsetof(ProfileSetting, old_xpath) },
    { "anchor", offsetof(ProfileSetting, anchor) },
    { "key", offsetof(ProfileSetting, key) },
    { "name", offsetof(ProfileSetting, name) },
    { "value", offsetof(ProfileSetting, value) },
    { "holds", offsetof(ProfileSetting, holds) },
    { "meaning", offsetof(ProfileSetting, meaning) },
    { .attribute = NULL },
};

static void load_fields(const Loader *loader, const xmlNode *node, const Field *fields, void *into)
{
    for (const Field *field = fields; field->attribute; field++) {
        const char *value = xml_attribute(node, field->attribute, loader->profile->arena);

        memcpy((char *)into + field->offset, &value, sizeof(value));
    }
}

/* An element that the schema makes sure of. */
static const xmlNode *only(const xmlNode *parent, const char *name)
{
    const xmlNode *node = xml_child(parent, name);

    assert(node);
    return node;
}

static bool is_yes(const Loader *loader, const xmlNode *node, const char *attribute)
{
    const char *value = xml_attribute(node, attribute, loader->profile->arena);

    return value && strcmp(value, "yes") == 0;
}

static DatabaseType type_of(const char *name)
{
    if (!name)
        return PROFILE_ANY_TYPE;
    return strcmp(name, "mysql") == 0 ? DATABASE_MYSQL : DATABASE_POSTGRESQL;
}

static void *rows_new(const Loader *loader, size_t count, size_t row_bytes)
{
    return arena_take(loader->profile->arena, count * row_bytes);
}

/* The text of a child element: blanks at its ends cut off, line breaks and indents as one blank. */
static const char *words_of(const Loader *loader, const xmlNode *node, const char *child)
{
    const char *text = xml_content(only(node, child), loader->profile->arena);
    char *words = arena_take(loader->profile->arena, strlen(text) + 1);
    size_t length = 0;

    for (const char *c = text; *c; c++) {
        bool blank = isspace((unsigned char)*c);

        if (!blank)
            words[length++] = *c;
        else if (length > 0 && words[length - 1] != ' ')
            words[length++] = ' ';
    }
    if (length > 0 && words[length - 1] == ' ')
        words[length - 1] = '\0';
    return words;
}

static const char *sql_of(const Loader *loader, const xmlNode *node)
{
    const char *text = xml_content(only(node, "sql"), loader->profile->arena);
    size_t length;
    char *sql;

    while (isspace((unsigned char)*text))
        text++;
    length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    sql = arena_take(loader->profile->arena, length + 1);
    memcpy(sql, text, length);
    return sql;
}

/* A list of words as texts in `ret`; without the attribute one NULL: any. */
static bool words_in(const Loader *loader, const xmlNode *node, const char *attribute,
    const char *ret[WORDS_MAX], size_t *ret_count, Error *error)
{
    const char *value = xml_attribute(node, attribute, loader->profile->arena);
    char *copy, *rest = NULL;
    size_t count = 0;

    ret[0] = NULL;
    *ret_count = 1;
    if (!value)
        return true;
    copy = arena_text(loader->profile->arena, value);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        if (count == WORDS_MAX)
            return xml_error(
                loader->path, node, error, "%s names more than %d things", attribute, WORDS_MAX);
        ret[count++] = word;
    }
    *ret_count = count;
    return true;
}

static bool layout_is_known(const Profile *profile, const char *name)
{
    for (size_t i = 0; i < profile->layout_count; i++)
        if (strcmp(profile->layouts[i].name, name) == 0)
            return true;
    return false;
}

/* Where a row is for: each pair of layout and type becomes a row of its own. */
typedef struct Scope {
    const char *layouts[WORDS_MAX], *types[WORDS_MAX];
    size_t layout_count, type_count;
} Scope;

static bool scope_load(const Loader *loader, const xmlNode *node, Scope *ret, Error *error)
{
    if (!words_in(loader, node, "layouts", ret->layouts, &ret->layout_count, error) ||
        !words_in(loader, node, "types", ret->types, &ret->type_count, error))
        return false;
    for (size_t i = 0; i < ret->layout_count; i++)
        if (ret->layouts[i] && !layout_is_known(loader->profile, ret->layouts[i]))
            return xml_error(
                loader->path, node, error, "layouts names '%s', which is none", ret->layouts[i]);
    return true;
}

static void load_server(Loader *loader, const xmlNode *node)
{
    Profile *profile = loader->profile;
    size_t count = xml_count(node, "failed");
    const char **lines = rows_new(loader, count, sizeof(*lines));
    ProfileMark *marks;
    unsigned long port = strtoul(xml_attribute(node, "https-port", profile->arena), NULL, 10);

    load_fields(loader, node, server_fields, profile);
    profile->https_port = (unsigned)port; /* the schema has checked it */
    for (const xmlNode *line = xml_child(node, "failed"); line; line = xml_next_alike(line))
        lines[profile->failure_line_count++] = xml_content(line, profile->arena);
    profile->failure_lines = lines;
    count = xml_count(node, "mark");
    marks = rows_new(loader, count, sizeof(*marks));
    for (const xmlNode *mark = xml_child(node, "mark"); mark; mark = xml_next_alike(mark))
        load_fields(loader, mark, mark_fields, &marks[profile->mark_count++]);
    profile->marks = marks;
}

static void load_probes(Loader *loader, const xmlNode *node, ProfileLayout *layout)
{
    size_t count = xml_count(node, "present") + xml_count(node, "absent");
    ProfileProbe *probes = rows_new(loader, count, sizeof(*probes));
    const char *const words[] = { "present", "absent" };

    for (size_t i = 0; i < 2; i++)
        for (const xmlNode *one = xml_child(node, words[i]); one; one = xml_next_alike(one)) {
            ProfileProbe *probe = &probes[layout->probe_count++];

            load_fields(loader, one, probe_fields, probe);
            probe->present = i == 0;
            probe->type = type_of(xml_attribute(one, "type", loader->profile->arena));
        }
    layout->probes = probes;
}

static bool load_layouts(Loader *loader, const xmlNode *database, Error *error)
{
    Profile *profile = loader->profile;
    ProfileLayout *layouts = rows_new(loader, xml_count(database, "layout"), sizeof(*layouts));

    profile->layouts = layouts;
    for (const xmlNode *node = xml_child(database, "layout"); node; node = xml_next_alike(node)) {
        const char *name = xml_attribute(node, "name", profile->arena);

        if (layout_is_known(profile, name))
            return xml_error(loader->path, node, error, "a second layout has the name '%s'", name);
        layouts[profile->layout_count].name = name;
        load_probes(loader, node, &layouts[profile->layout_count++]);
    }
    if (!layout_is_known(profile, profile->target_layout))
        return xml_error(loader->path, loader->root, error,
            "target-layout '%s' is no layout of this profile", profile->target_layout);
    return true;
}

static void digest_add_file(Loader *loader, const char *name, const char *bytes, size_t length)
{
    AUTO_TEXT *size = memory_format("%zu", length);

    digest_add(loader->digest, name, strlen(name) + 1);
    digest_add(loader->digest, size, strlen(size) + 1);
    digest_add(loader->digest, bytes, length);
}

/* A text beside profile.xml, which becomes part of the digest. */
static bool load_file(
    Loader *loader, const xmlNode *node, const char *name, const char **ret, Error *error)
{
    AUTO_TEXT *path = memory_format("%s/%s", loader->directory, name);
    AUTO_TEXT *text = NULL;
    size_t length = 0;

    if (!file_read(path, FILE_MAX, &text, &length, error))
        return false;
    if (strlen(text) != length)
        return xml_error(loader->path, node, error, "%s holds a zero byte", path);
    *ret = arena_text(loader->profile->arena, text);
    digest_add_file(loader, name, text, length);
    return true;
}

static bool load_migrations(Loader *loader, const xmlNode *database, Error *error)
{
    Profile *profile = loader->profile;
    size_t count = xml_count(database, "migration");
    ProfileMigration *rows = rows_new(loader, count, sizeof(*rows));

    profile->migrations = rows;
    for (const xmlNode *node = xml_child(database, "migration"); node;
         node = xml_next_alike(node)) {
        ProfileMigration *row = &rows[profile->migration_count++];

        load_fields(loader, node, migration_fields, row);
        row->type = type_of(xml_attribute(node, "type", profile->arena));
        if (!layout_is_known(profile, row->from) || strcmp(row->from, profile->target_layout) == 0)
            return xml_error(loader->path, node, error,
                "from=\"%s\" is not a layout of this profile other than the target", row->from);
        if (!load_file(loader, node, row->file, &row->script, error))
            return false;
        digest_of(row->script, strlen(row->script), row->sha256);
    }
    return true;
}

static bool load_fresh(Loader *loader, const xmlNode *database, Error *error)
{
    Profile *profile = loader->profile;
    ProfileFresh *rows = rows_new(loader, xml_count(database, "fresh"), sizeof(*rows));

    profile->fresh = rows;
    for (const xmlNode *node = xml_child(database, "fresh"); node; node = xml_next_alike(node)) {
        ProfileFresh *row = &rows[profile->fresh_count];
        LAYOUT_FORM_AUTO(form);
        Error wrong = { 0 };

        load_fields(loader, node, fresh_fields, row);
        row->type = type_of(xml_attribute(node, "type", profile->arena));
        if (profile->fresh_count++ > 0 && rows[0].type == row->type)
            return xml_error(loader->path, node, error, "a second layout for one type");
        if (!load_file(loader, node, row->file, &row->text, error))
            return false;
        if (!layout_form_parse(row->text, &form, &wrong))
            return xml_error(loader->path, node, error, "%s: %s", row->file, wrong.text);
    }
    return true;
}

static void load_changed_tables(Loader *loader, const xmlNode *database)
{
    Profile *profile = loader->profile;
    size_t count = xml_count(database, "changed-table");
    const char **names = rows_new(loader, count, sizeof(*names));

    for (const xmlNode *node = xml_child(database, "changed-table"); node;
         node = xml_next_alike(node))
        names[profile->changed_table_count++] = xml_attribute(node, "name", profile->arena);
    profile->changed_tables = names;
}

/* The most rows that `count` elements can become. */
static size_t rows_at_most(size_t count)
{
    return count * WORDS_MAX * DATABASE_TYPE_COUNT;
}

static bool load_checks(Loader *loader, const xmlNode *database, Error *error)
{
    Profile *profile = loader->profile;
    size_t count = rows_at_most(xml_count(database, "check"));
    ProfileCheck *rows = rows_new(loader, count, sizeof(*rows));

    for (const xmlNode *node = xml_child(database, "check"); node; node = xml_next_alike(node)) {
        const char *severity = xml_attribute(node, "severity", profile->arena);
        ProfileCheck row = {
            .id = xml_attribute(node, "id", profile->arena),
            .fails = strcmp(severity, "fail") == 0,
            .meaning = words_of(loader, node, "meaning"),
            .remedy = words_of(loader, node, "remedy"),
            .sql = sql_of(loader, node),
        };
        Scope scope;

        if (!scope_load(loader, node, &scope, error))
            return false;
        for (size_t i = 0; i < scope.layout_count * scope.type_count; i++) {
            row.layout = scope.layouts[i / scope.type_count];
            row.type = type_of(scope.types[i % scope.type_count]);
            rows[profile->check_count++] = row;
        }
    }
    profile->checks = rows;
    return true;
}

static bool load_checkpoints(Loader *loader, const xmlNode *database, Error *error)
{
    Profile *profile = loader->profile;
    size_t count = rows_at_most(xml_count(database, "checkpoint"));
    ProfileCheckpoint *rows = rows_new(loader, count, sizeof(*rows));

    for (const xmlNode *node = xml_child(database, "checkpoint"); node;
         node = xml_next_alike(node)) {
        ProfileCheckpoint row = { 0 };
        Scope scope;

        load_fields(loader, node, checkpoint_fields, &row);
        row.meaning = words_of(loader, node, "meaning");
        row.sql = sql_of(loader, node);
        if (!scope_load(loader, node, &scope, error))
            return false;
        for (size_t i = 0; i < scope.type_count; i++) {
            row.type = type_of(scope.types[i]);
            rows[profile->checkpoint_count++] = row;
        }
    }
    profile->checkpoints = rows;
    return true;
}

static bool load_invariants(Loader *loader, const xmlNode *database, Error *error)
{
    Profile *profile = loader->profile;
    size_t count = rows_at_most(xml_count(database, "invariant"));
    ProfileInvariant *rows = rows_new(loader, count, sizeof(*rows));

    for (const xmlNode *node = xml_child(database, "invariant"); node;
         node = xml_next_alike(node)) {
        ProfileInvariant row = {
            .id = xml_attribute(node, "id", profile->arena),
            .meaning = words_of(loader, node, "meaning"),
            .sql = sql_of(loader, node),
        };
        Scope scope;

        if (!scope_load(loader, node, &scope, error))
            return false;
        for (size_t i = 0; i < scope.layout_count * scope.type_count; i++) {
            row.layout = scope.layouts[i / scope.type_count];
            row.type = type_of(scope.types[i % scope.type_count]);
            rows[profile->invariant_count++] = row;
        }
    }
    profile->invariants = rows;
    return true;
}

static bool load_database(Loader *loader, const xmlNode *database, Error *error)
{
    if (!load_layouts(loader, database, error) || !load_migrations(loader, database, error) ||
        !load_fresh(loader, database, error))
        return false;
    load_changed_tables(loader, database);
    return load_checks(loader, database, error) && load_checkpoints(loader, database, error) &&
           load_invariants(loader, database, error);
}

/* What a kind of setting cannot do without, beyond file and meaning. */
typedef enum SettingNeed {
    NEEDS_XPATH = 1,
    NEEDS_NAME = 2,
    NEEDS_VALUE = 4,
    NEEDS_ANCHOR = 8,
    NEEDS_KEY = 16,
} SettingNeed;

static const unsigned setting_needs[] = {
    [SETTING_CARRY_TEXT] = NEEDS_XPATH,
    [SETTING_CARRY_ATTRIBUTE] = NEEDS_XPATH | NEEDS_NAME,
    [SETTING_CARRY_ELEMENTS] = NEEDS_XPATH | NEEDS_ANCHOR,
    [SETTING_CARRY_PROPERTIES] = NEEDS_XPATH,
    [SETTING_CARRY_DATASOURCES] = 0,
    [SETTING_CARRY_FILE] = 0,
    [SETTING_CARRY_DRIVERS] = 0,
    [SETTING_SET_TEXT] = NEEDS_XPATH | NEEDS_VALUE,
    [SETTING_REWRITE_URL] = NEEDS_XPATH,
    [SETTING_REFERENCE] = NEEDS_XPATH | NEEDS_VALUE | NEEDS_ANCHOR | NEEDS_KEY,
    [SETTING_LOCAL_DATASOURCE] = NEEDS_XPATH | NEEDS_VALUE | NEEDS_ANCHOR | NEEDS_KEY,
};
static_assert(sizeof(setting_needs) / sizeof(setting_needs[0]) == SETTING_KIND_COUNT,
    "every ProfileSettingKind has its needs");

static bool setting_is_whole(
    const Loader *loader, const xmlNode *node, const ProfileSetting *setting, Error *error)
{
    const struct {
        unsigned need;
        const char *value, *name;
    } parts[] = {
        { NEEDS_XPATH, setting->xpath, "xpath" },
        { NEEDS_NAME, setting->name, "name" },
        { NEEDS_VALUE, setting->value, "value" },
        { NEEDS_ANCHOR, setting->anchor, "anchor" },
        { NEEDS_KEY, setting->key, "key" },
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if ((setting_needs[setting->kind] & parts[i].need) && !parts[i].value)
            return xml_error(loader->path, node, error, "a setting of kind '%s' has no %s",
                setting_kind_name(setting->kind), parts[i].name);
    return true;
}

static bool load_settings(Loader *loader, const xmlNode *configuration, Error *error)
{
    Profile *profile = loader->profile;
    size_t count = xml_count(configuration, "setting");
    ProfileSetting *rows = rows_new(loader, count, sizeof(*rows));

    for (const xmlNode *node = xml_child(configuration, "setting"); node;
         node = xml_next_alike(node)) {
        ProfileSetting *row = &rows[profile->setting_count++];
        const char *kind = xml_attribute(node, "kind", profile->arena);

        load_fields(loader, node, setting_fields, row);
        row->required = is_yes(loader, node, "required");
        row->kind = setting_kind_from_name(kind);
        if (row->kind == SETTING_KIND_COUNT)
            return xml_error(loader->path, node, error, "kind=\"%s\" is no kind of setting", kind);
        if (!setting_is_whole(loader, node, row, error))
            return false;
    }
    profile->settings = rows;
    return true;
}

static void load_folders(Loader *loader, const xmlNode *folders)
{
    Profile *profile = loader->profile;
    ProfileFolder *rows = rows_new(loader, xml_count(folders, "folder"), sizeof(*rows));

    for (const xmlNode *node = xml_child(folders, "folder"); node; node = xml_next_alike(node)) {
        ProfileFolder *row = &rows[profile->folder_count++];
        const char **keep = rows_new(loader, xml_count(node, "keep"), sizeof(*keep));

        row->path = xml_attribute(node, "path", profile->arena);
        row->tenants_only = is_yes(loader, node, "tenants-only");
        for (const xmlNode *one = xml_child(node, "keep"); one; one = xml_next_alike(one))
            keep[row->keep_count++] = xml_attribute(one, "path", profile->arena);
        row->keep = keep;
    }
    profile->folders = rows;
}

static bool load(Loader *loader, const char *text, Error *error)
{
    const xmlNode *root = loader->root;

    digest_add_file(loader, "profile.xml", text, strlen(text));
    load_fields(loader, root, profile_fields, loader->profile);
    load_server(loader, only(root, "server"));
    if (!load_database(loader, only(root, "database"), error) ||
        !load_settings(loader, only(root, "configuration"), error))
        return false;
    load_folders(loader, only(root, "folders"));
    digest_end_hex(loader->digest, loader->profile->sha256);
    return true;
}

bool profile_load(const char *directory, Profile **ret, Error *error)
{
    const XmlFormat format = {
        .what = "a profile",
        .root = "profile",
        .namespace_uri = "urn:dss-upgrade:profile:1",
        .schema = profile_xsd,
        .max_bytes = PROFILE_MAX,
    };
    AUTO(Profile) *profile = memory_new(sizeof(*profile));
    AUTO(xmlDoc) *document = NULL;
    AUTO_TEXT *text = NULL;
    AUTO(Digest) *digest = digest_new();
    AUTO_TEXT *path = memory_format("%s/profile.xml", directory);
    Loader loader;

    profile->arena = arena_new();
    if (!xml_document_read(path, &format, &text, &document, error))
        return false;
    loader = (Loader){ path, directory, xmlDocGetRootElement(document), profile, digest };
    if (!load(&loader, text, error))
        return false;
    *ret = TAKE(profile);
    return true;
}
