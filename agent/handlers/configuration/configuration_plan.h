#pragma once

/*
 * What the new home's configuration has to become, computed from the old home's, the profile's rows
 * and the databases' urls, without writing anything. A plan made again after it was carried out has
 * no changes: that is how the goal is probed.
 *
 * Values of the old home are looked at with production urls already replaced by staging urls.
 *
 * A document: built by configuration_plan_make(), freed by configuration_plan_free().
 * Errors: ERROR_INVALID a file that is not XML, with file and line; ERROR_PRECONDITION what the
 * profile requires is not there; ERROR_IO.
 */

#include "agent/core/agent_io.h"
#include "agent/core/profile.h"
#include "agent/handlers/configuration/datasource.h"
#include "agent/handlers/configuration/xml_tree.h"
#include "common/model/command.h"

#define URL_PAIRS_MAX 16

/* One database of the inventory. */
typedef struct UrlPair {
    const char *database, *holds, *production, *staging;
} UrlPair;

/* One file of the new home. */
typedef struct PlannedFile {
    char *path;      /* relative to the home */
    XmlTree *old;    /* of the old home, with staging urls; NULL: it has none */
    XmlTree *before; /* of the new home as it is; NULL: it has none */
    XmlTree *after;  /* as it has to be; NULL: no XML file */
    char *copy_from; /* absolute: the whole file is copied from there; or NULL */
    bool changed;
} PlannedFile;

typedef struct ConfigurationPlan {
    const AgentNode *node;
    const Profile *profile;
    UrlPair pairs[URL_PAIRS_MAX];
    size_t pair_count;
    PlannedFile **files;
    size_t file_count;
    Facts changes;    /* "change": one sentence per value, no secret in it */
    size_t unchanged; /* values that are there already */
} ConfigurationPlan;

bool configuration_plan_make(const AgentIo *io, const Command *command, ConfigurationPlan **ret,
    Error *error) __attribute__((nonnull, warn_unused_result));
void configuration_plan_free(ConfigurationPlan *plan);

/* The file of that path, read from both homes at its first use. */
bool plan_file(ConfigurationPlan *plan, const char *path, PlannedFile **ret, Error *error)
    __attribute__((nonnull, warn_unused_result));
/* Reads all files whose path matches (a pattern in the last component), of both homes. */
bool plan_files(ConfigurationPlan *plan, const char *pattern, Error *error)
    __attribute__((nonnull, warn_unused_result));
bool plan_path_matches(const char *pattern, const char *path) __attribute__((nonnull));
/* The next file that matches and is XML in the new home as it has to be, or NULL. */
PlannedFile *plan_each_after(const ConfigurationPlan *plan, const char *pattern, size_t *position)
    __attribute__((nonnull));

void plan_note_change(ConfigurationPlan *plan, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4), nonnull(1, 2, 3)));
/* `what`: OLD -> NEW; neither is shown when `what` ends in the name of a secret. */
void plan_note_value(ConfigurationPlan *plan, const char *path, const char *what,
    const char *old_value, const char *new_value) __attribute__((nonnull(1, 2, 3)));

/* The staging url, when `url` leads to a production database of the inventory; or NULL. */
const char *plan_staging_url(const ConfigurationPlan *plan, const char *url)
    __attribute__((nonnull));
/* The database of the inventory to whose production (or staging) the url leads, or NULL. */
const UrlPair *plan_database_of(const ConfigurationPlan *plan, const char *url)
    __attribute__((nonnull));
/* Replaces production urls in texts that rows name, and in datasources. */
bool plan_rewrite_urls(const ConfigurationPlan *plan, const char *path, XmlTree **tree,
    Error *error) __attribute__((nonnull, warn_unused_result));

/* All datasources of the new home as it has to be. */
void plan_datasources(const ConfigurationPlan *plan, Datasources *ret) __attribute__((nonnull));
/* Whether the new home has, or will have, a jar with the class; `setting` names the folders. */
bool plan_has_driver(const ConfigurationPlan *plan, const ProfileSetting *setting,
    const char *class_name) __attribute__((nonnull));

/* Whether a row that carries a file applies: it has no condition, or the old home fulfils it. */
bool plan_file_is_wanted(const ConfigurationPlan *plan, const ProfileSetting *setting)
    __attribute__((nonnull));
/* Whether carrying the plan out would write anything. */
bool plan_has_changes(const ConfigurationPlan *plan) __attribute__((nonnull));

/* The rows, one function per kind that changes something. */
typedef bool PlanRow(ConfigurationPlan *plan, const ProfileSetting *setting, Error *error);

PlanRow plan_carry_text, plan_carry_attribute, plan_carry_elements, plan_carry_properties,
    plan_carry_datasources, plan_carry_file, plan_carry_drivers, plan_set_text, plan_rewrite_url;

DEFINE_AUTO(ConfigurationPlan, configuration_plan_free)
