#pragma once

/*
 * The knowledge of one release, as data: sql/profiles/<product>-<version>/profile.xml and the
 * files beside it. Another Carbon product is another folder, not other C.
 *
 * A document: built once by profile_load() (agent/profile_xml.c), read-only, freed in one call.
 * All texts live in its arena; the files are loaded with it, so `sha256` covers everything.
 */

#include "agent/core/agent_config.h"
#include "agent/core/agent_io.h"
#include "common/model/command.h"

#define PROFILE_ANY_TYPE DATABASE_TYPE_COUNT /* a row that is for every database type */

/* One question to the catalogue. Names are compared without regard to case. */
typedef struct ProfileProbe {
    const char *table;
    const char *column; /* NULL: the table itself */
    bool present;       /* what has to be the case */
    DatabaseType type;  /* or PROFILE_ANY_TYPE */
} ProfileProbe;

typedef struct ProfileLayout {
    const char *name; /* "4.0" */
    const ProfileProbe *probes;
    size_t probe_count;
} ProfileLayout;

typedef struct ProfileMigration {
    const char *from; /* a layout's name; it always leads to target_layout */
    DatabaseType type;
    const char *file;
    const char *script;
    char sha256[DIGEST_HEX_BYTES];
} ProfileMigration;

/* What a fresh database of the target layout looks like, in the words of layout_form.h. */
typedef struct ProfileFresh {
    DatabaseType type;
    const char *file;
    const char *text;
} ProfileFresh;

/* A query with one value as its answer, and what that value has to be. */
typedef struct ProfileCheckpoint {
    const char *id;      /* "um-domain-exists" */
    const char *meaning; /* what it proves, for the report */
    const char *holds;   /* NULL, or only for a database that holds "users" or "registry" */
    DatabaseType type;
    const char *expect; /* the value, as text */
    const char *sql;
} ProfileCheckpoint;

/*
 * A query whose whole result is hashed before the migration (in the layouts it is written for) and
 * after it, and has to be equal: rows as text, in the order of the query.
 */
typedef struct ProfileInvariant {
    const char *id; /* "permissions-of-users" */
    const char *meaning;
    const char *layout; /* layout for which this text of the query is written */
    DatabaseType type;
    const char *sql;
} ProfileInvariant;

/*
 * A query on production before anything is changed: a row that comes back is trouble, its first
 * value says which. `sql` is run in the database's own layout.
 */
typedef struct ProfileCheck {
    const char *id;      /* of the finding: "DB-ADMIN-USER" */
    bool fails;          /* the upgrade may not start; else the operator is warned */
    const char *meaning; /* what holds when there is no row */
    const char *remedy;
    const char *layout; /* NULL: any */
    DatabaseType type;
    const char *sql;
} ProfileCheck;

/*
 * What is done with one value or element of a configuration file of the new home, or what has to be
 * true of it. Names in profile.xml are those of setting_kind_name().
 */
typedef enum ProfileSettingKind {
    /* Text of `xpath` in the old file (of attribute `name` when given) becomes that of the new. */
    SETTING_CARRY_TEXT,
    SETTING_CARRY_ATTRIBUTE, /* attribute `name` of `xpath` becomes that of the new */
    /* Elements `xpath`, whole, before `anchor`; one with an equal `key` is replaced. */
    SETTING_CARRY_ELEMENTS,
    /* Children <Property name="N"> of `xpath`, by N; `value`: "Old=New Dropped=". */
    SETTING_CARRY_PROPERTIES,
    SETTING_CARRY_DATASOURCES, /* datasources, whole; a production url becomes the staging url */
    /* The file (or pattern) itself, where the old home has it and `anchor`, when given, names a
       properties file there with a line that is no comment. */
    SETTING_CARRY_FILE,
    SETTING_CARRY_DRIVERS, /* jars of folder `file` with driver classes that datasources name */
    SETTING_SET_TEXT,      /* the text becomes `value` */
    SETTING_REWRITE_URL,   /* inside the text, a production url becomes the staging url */
    /* Each text of `xpath` is the `key` of an element `anchor` in `value` (a file or pattern). */
    SETTING_REFERENCE,
    /* Text of `xpath` is the `key` of an `anchor` whose child `value` names a local datasource. */
    SETTING_LOCAL_DATASOURCE,
    SETTING_KIND_COUNT,
} ProfileSettingKind;

/*
 * Paths are relative to the home; xpaths are local names from the root element on, matched whatever
 * the namespace prefix, with predicates [@name='x'] and [child/grandchild='x'].
 */
typedef struct ProfileSetting {
    ProfileSettingKind kind;
    const char *file;     /* in the old and the new home unless old_file */
    const char *old_file; /* NULL: the same */
    const char *xpath;
    const char *old_xpath; /* NULL: the same */
    const char *anchor;    /* xpath, see the kind */
    const char *key;       /* "@name", "id", "." for the text itself: what makes it the same one */
    const char *name;      /* attribute */
    const char *value;
    const char *holds;   /* of a reference to a datasource: "users" or "registry"; or NULL */
    const char *meaning; /* what the operator reads: "host name in endpoints" */
    bool required;       /* absent in the new file: an error, not a silence */
} ProfileSetting;

const char *setting_kind_name(ProfileSettingKind kind); /* "carry-text" */
ProfileSettingKind setting_kind_from_name(const char *name)
    __attribute__((nonnull)); /* or SETTING_KIND_COUNT */

typedef struct ProfileFolder {
    const char *path;        /* relative to the home */
    bool tenants_only;       /* copied when the database has tenants */
    const char *const *keep; /* paths in it that the new pack brings and that stay as they are */
    size_t keep_count;
} ProfileFolder;

/* A text file in the home by whose beginning the release is known. */
typedef struct ProfileMark {
    const char *file;
    const char *begins;
} ProfileMark;

struct Profile {
    const char *name;              /* "dss-3.2.0" */
    const char *product;           /* "WSO2 Data Services Server" */
    const char *version;           /* "3.2.0" */
    const char *target_layout;     /* "4.2" */
    char sha256[DIGEST_HEX_BYTES]; /* over profile.xml and all files beside it */
    const ProfileLayout *layouts;
    size_t layout_count;
    const ProfileMigration *migrations;
    size_t migration_count;
    const ProfileFresh *fresh; /* none, or one for each database type */
    size_t fresh_count;
    const ProfileCheckpoint *checkpoints;
    size_t checkpoint_count;
    const ProfileInvariant *invariants;
    size_t invariant_count;
    const ProfileCheck *checks;
    size_t check_count;
    const ProfileSetting *settings;
    size_t setting_count;
    const ProfileFolder *folders;
    size_t folder_count;
    const ProfileMark *marks;
    size_t mark_count;
    const char *const *changed_tables; /* tables that the migration may change or create */
    size_t changed_table_count;
    const char *const *failure_lines; /* texts in the log that mean a boot has failed */
    size_t failure_line_count;
    const char *log_file;      /* relative: repository/logs/wso2carbon.log */
    const char *started_line;  /* "WSO2 Carbon started in" */
    const char *pid_file;      /* wso2carbon.pid */
    const char *start_script;  /* bin/wso2server.sh */
    const char *main_class;    /* org.wso2.carbon.bootstrap.Bootstrap */
    const char *home_property; /* carbon.home, as in -Dcarbon.home= */
    unsigned https_port;       /* 9443, before the offset */
    Arena *arena;
};

void profile_free(Profile *profile);
/* Whether a migration may change or create the table, whatever the case of the name. */
bool profile_changes_table(const Profile *profile, const char *table) __attribute__((nonnull));

DEFINE_AUTO(Profile, profile_free)
