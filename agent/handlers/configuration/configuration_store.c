#include "agent/handlers/configuration/configuration_store.h"

#include "common/os/digest.h"
#include "common/os/file.h"

#define LIST_MAX     ((size_t)1 << 20)
#define FOLDER_MODE  0700 /* of saved originals: they hold passwords */
#define HOME_MODE    0755 /* of folders in the home */
#define FILE_MODE    0640
#define DIGEST_CHARS 16 /* enough to tell the homes of one node apart */

typedef enum OriginalKind { ORIGINAL_SAVED, ORIGINAL_ABSENT } OriginalKind;

/* One line of the remembered list: "DIGEST PATH", DIGEST "-" for a file that was not there. */
typedef struct Original {
    OriginalKind kind;
    char digest[SHA256_HEX_BYTES];
    const char *path;
} Original;

typedef struct Originals {
    char *text; /* the lines, cut into strings */
    Original *items;
    size_t count;
} Originals;

static void originals_done(Originals *list)
{
    free(list->text);
    free(list->items);
}

#define ORIGINALS_AUTO(name) __attribute__((cleanup(originals_done))) Originals name = { 0 }

/*
 * The node and its new home: a later upgrade of the node goes to another home, and the files of
 * one never get into the other. The caller frees.
 */
static char *place_of(const AgentNode *node)
{
    char digest[SHA256_HEX_BYTES];

    digest_of(node->new_home, strlen(node->new_home), digest);
    return memory_format("%s/%.*s", node->name, DIGEST_CHARS, digest);
}

static char *prefix_of(const AgentNode *node)
{
    AUTO_TEXT *place = place_of(node);

    return memory_format("configuration/%s/", place);
}

static char *list_key(const AgentNode *node)
{
    AUTO_TEXT *prefix = prefix_of(node);

    return memory_format("%soriginals", prefix);
}

/* The slash at the end keeps forget() from "node10" when it is told "node1". */
static char *mark_key(const AgentNode *node)
{
    return memory_format("configured/%s/", node->name);
}

static char *saved_folder(const AgentIo *io, const AgentNode *node)
{
    AUTO_TEXT *place = place_of(node);

    return memory_format("%s/configuration/%s", io->config->state_directory, place);
}

static bool parse_line(char *line, Original *ret)
{
    char *blank = strchr(line, ' ');

    if (!blank)
        return false;
    *blank = '\0';
    *ret = (Original){ .kind = strcmp(line, "-") == 0 ? ORIGINAL_ABSENT : ORIGINAL_SAVED,
        .path = blank + 1 };
    return text_copy(ret->digest, sizeof(ret->digest), line);
}

static bool recall_originals(AgentIo *io, const AgentNode *node, Originals *ret, Error *error)
{
    AUTO_TEXT *key = list_key(node);
    char *line, *rest;

    if (!io->recall(io->self, key, &ret->text, error))
        return false;
    for (rest = ret->text; rest && (line = strsep(&rest, "\n")) != NULL;) {
        if (!*line)
            continue;
        ret->items = memory_grow(ret->items, (ret->count + 1) * sizeof(Original));
        if (!parse_line(line, &ret->items[ret->count++]))
            return error_set(error, ERROR_CORRUPT, "%s: is not a list of files", key);
    }
    return true;
}

static bool is_listed(const Originals *list, const char *path)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].path, path) == 0)
            return true;
    return false;
}

/* Copies the file and checks the copy; adds its line to the list. */
static bool save_one(
    const AgentIo *io, const AgentNode *node, const char *path, Text *list, Error *error)
{
    AUTO_TEXT *folder = saved_folder(io, node);
    AUTO_TEXT *from = memory_format("%s/%s", node->new_home, path);
    AUTO_TEXT *to = memory_format("%s/%s", folder, path);
    AUTO_TEXT *parent = file_folder_of(to);
    char digest[SHA256_HEX_BYTES], copied[SHA256_HEX_BYTES];

    if (file_kind(from, LINKS_FOLLOWED) == FILE_ABSENT) {
        text_add(list, "- %s\n", path);
        return true;
    }
    if (!digest_of_file(from, digest, error) || !file_make_folders(parent, FOLDER_MODE, error) ||
        !file_copy(from, to, error) || !digest_of_file(to, copied, error))
        return false;
    if (strcmp(digest, copied) != 0)
        return error_set(error, ERROR_IO, "%s changed while it was saved", from);
    text_add(list, "%s %s\n", digest, path);
    return true;
}

bool configuration_save_originals(AgentIo *io, const ConfigurationPlan *plan, Error *error)
{
    AUTO_TEXT *key = list_key(plan->node);
    ORIGINALS_AUTO(present);
    TEXT_AUTO(list, LIST_MAX);

    if (!recall_originals(io, plan->node, &present, error))
        return false;
    for (size_t i = 0; i < present.count; i++)
        text_add(&list, "%s %s\n", present.items[i].digest, present.items[i].path);
    for (size_t i = 0; i < plan->file_count; i++) {
        const PlannedFile *file = plan->files[i];

        if (file->changed && !is_listed(&present, file->path) &&
            !save_one(io, plan->node, file->path, &list, error))
            return error_prefix(error, "saving the original: ");
    }
    if (list.overflow)
        return error_set(error, ERROR_INVALID, "too many files of node %s", plan->node->name);
    return io->remember(io->self, key, list.bytes, error);
}

static bool write_one(const ConfigurationPlan *plan, const PlannedFile *file, Error *error)
{
    AUTO_TEXT *path = memory_format("%s/%s", plan->node->new_home, file->path);
    AUTO_TEXT *old_path = memory_format("%s/%s", plan->node->old_home, file->path);
    AUTO_TEXT *folder = file_folder_of(path);

    if (!file_make_folders(folder, HOME_MODE, error))
        return false;
    if (file->copy_from)
        return file_copy(file->copy_from, path, error);
    /* A file that is new here takes mode and owner of the one it stands for. */
    if (!file->before && file_kind(old_path, LINKS_FOLLOWED) == FILE_REGULAR &&
        !file_copy(old_path, path, error))
        return false;
    return file_replace(path, file->after->bytes, file->after->length, FILE_MODE, error);
}

bool configuration_write(const ConfigurationPlan *plan, Error *error)
{
    for (size_t i = 0; i < plan->file_count; i++)
        if (plan->files[i]->changed && !write_one(plan, plan->files[i], error))
            return false;
    return true;
}

bool configuration_has_originals(AgentIo *io, const AgentNode *node, bool *ret, Error *error)
{
    AUTO_TEXT *list = list_key(node);
    AUTO_TEXT *mark = mark_key(node);
    AUTO_TEXT *listed = NULL;
    AUTO_TEXT *marked = NULL;

    if (!io->recall(io->self, list, &listed, error) || !io->recall(io->self, mark, &marked, error))
        return false;
    *ret = listed || marked;
    return true;
}

static bool put_back_one(
    const AgentIo *io, const AgentNode *node, const Original *original, Error *error)
{
    AUTO_TEXT *folder = saved_folder(io, node);
    AUTO_TEXT *saved = memory_format("%s/%s", folder, original->path);
    AUTO_TEXT *path = memory_format("%s/%s", node->new_home, original->path);
    char digest[SHA256_HEX_BYTES];

    if (original->kind == ORIGINAL_ABSENT) {
        facts_format(io->evidence, "removed", "%s", original->path);
        return file_remove_tree(path, error);
    }
    if (!digest_of_file(saved, digest, error))
        return false;
    if (strcmp(digest, original->digest) != 0)
        return error_set(error, ERROR_CORRUPT,
            "%s has digest %s, but %s was saved: restore %s from the home's backup", saved, digest,
            original->digest, path);
    if (!file_copy(saved, path, error) || !digest_of_file(path, digest, error))
        return false;
    if (strcmp(digest, original->digest) != 0)
        return error_set(error, ERROR_CORRUPT, "%s has digest %s after it was put back, not %s",
            path, digest, original->digest);
    facts_format(io->evidence, "restored", "%s", original->path);
    return true;
}

bool configuration_put_back(AgentIo *io, const AgentNode *node, Error *error)
{
    AUTO_TEXT *mark = mark_key(node);
    AUTO_TEXT *prefix = prefix_of(node);
    AUTO_TEXT *folder = saved_folder(io, node);
    ORIGINALS_AUTO(list);

    /* No server starts with half of it put back. */
    if (!io->forget(io->self, mark, error) || !recall_originals(io, node, &list, error))
        return false;
    for (size_t i = 0; i < list.count; i++)
        if (!put_back_one(io, node, &list.items[i], error))
            return false;
    return io->forget(io->self, prefix, error) && file_remove_tree(folder, error);
}

bool configuration_set_mark(AgentIo *io, const ConfigurationPlan *plan, Error *error)
{
    AUTO_TEXT *key = mark_key(plan->node);
    TEXT_AUTO(mark, LIST_MAX);

    for (size_t i = 0; i < plan->file_count; i++) {
        AUTO_TEXT *path = memory_format("%s/%s", plan->node->new_home, plan->files[i]->path);
        char digest[SHA256_HEX_BYTES];

        if (file_kind(path, LINKS_FOLLOWED) != FILE_REGULAR)
            continue;
        if (!digest_of_file(path, digest, error))
            return false;
        text_add(&mark, "%s %s\n", digest, plan->files[i]->path);
    }
    return io->remember(io->self, key, mark.bytes, error);
}

static bool check_marked_file(const AgentNode *node, const Original *marked, Error *error)
{
    AUTO_TEXT *path = memory_format("%s/%s", node->new_home, marked->path);
    char digest[SHA256_HEX_BYTES];

    if (!digest_of_file(path, digest, error))
        return false;
    if (strcmp(digest, marked->digest) == 0)
        return true;
    return error_set(error, ERROR_PRECONDITION,
        "%s was changed since the node was configured: configure it again, so that its references "
        "are checked",
        path);
}

bool configuration_check_mark(AgentIo *io, const AgentNode *node, Error *error)
{
    AUTO_TEXT *key = mark_key(node);
    AUTO_TEXT *mark = NULL;
    char *rest, *line;
    Original marked;

    if (!io->recall(io->self, key, &mark, error))
        return false;
    if (!mark)
        return error_set(error, ERROR_PRECONDITION,
            "node %s is not configured: its new home may still name the production databases, run "
            "%s first",
            node->name, command_name(COMMAND_CONFIGURE_NODE));
    for (rest = mark; (line = strsep(&rest, "\n")) != NULL;)
        if (*line && (!parse_line(line, &marked) || !check_marked_file(node, &marked, error)))
            return error->kind == ERROR_NONE
                       ? error_set(error, ERROR_CORRUPT, "%s: is not a list of files", key)
                       : false;
    return true;
}
