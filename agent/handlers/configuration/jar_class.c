#include "agent/handlers/configuration/jar_class.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/base/memory.h"

#define END_BYTES         22 /* end of central directory, without its comment */
#define END_SIGNATURE     0x06054b50u
#define ENTRY_BYTES       46 /* of the central directory, without name, extra and comment */
#define ENTRY_SIGNATURE   0x02014b50u
#define COMMENT_MAX       65535
#define AT_COUNT          10
#define AT_DIRECTORY      16
#define AT_NAME_LENGTH    28
#define AT_EXTRA_LENGTH   30
#define AT_COMMENT_LENGTH 32

typedef struct Jar {
    const unsigned char *bytes;
    size_t length;
} Jar;

static uint32_t number(const Jar *jar, size_t at, size_t width)
{
    uint32_t value = 0;

    for (size_t i = width; i > 0; i--)
        value = value << 8 | jar->bytes[at + i - 1];
    return value;
}

/* The place of the end record, searched from the file's end; the length when there is none. */
static size_t end_record(const Jar *jar)
{
    size_t least =
        jar->length > END_BYTES + COMMENT_MAX ? jar->length - END_BYTES - COMMENT_MAX : 0;

    if (jar->length < END_BYTES)
        return jar->length;
    for (size_t at = jar->length - END_BYTES + 1; at > least; at--)
        if (number(jar, at - 1, 4) == END_SIGNATURE)
            return at - 1;
    return jar->length;
}

static bool directory_has(const Jar *jar, const char *name)
{
    size_t end = end_record(jar), wanted = strlen(name), at;
    uint32_t count;

    if (end == jar->length)
        return false;
    count = number(jar, end + AT_COUNT, 2);
    at = number(jar, end + AT_DIRECTORY, 4);
    for (uint32_t i = 0; i < count; i++) {
        size_t length;

        if (at > end || end - at < ENTRY_BYTES || number(jar, at, 4) != ENTRY_SIGNATURE)
            return false;
        length = number(jar, at + AT_NAME_LENGTH, 2);
        if (end - at - ENTRY_BYTES < length)
            return false;
        if (length == wanted && memcmp(jar->bytes + at + ENTRY_BYTES, name, wanted) == 0)
            return true;
        at += ENTRY_BYTES + length + number(jar, at + AT_EXTRA_LENGTH, 2) +
              number(jar, at + AT_COMMENT_LENGTH, 2);
    }
    return false;
}

bool jar_has_class(const char *path, const char *class_name)
{
    AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    AUTO_TEXT *name = memory_format("%s.class", class_name);
    size_t stem = strlen(class_name);
    struct stat status;
    void *map;
    bool found;

    for (size_t i = 0; i < stem; i++)
        if (name[i] == '.')
            name[i] = '/';
    if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0)
        return false;
    map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        return false;
    found = directory_has(&(Jar){ .bytes = map, .length = (size_t)status.st_size }, name);
    (void)munmap(map, (size_t)status.st_size); /* a failure leaks addresses, nothing more */
    return found;
}

static int is_jar(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return length > 4 && strcmp(entry->d_name + length - 4, ".jar") == 0;
}

char *jar_folder_find(const char *folder, const char *class_name)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_jar, alphasort);
    char *found = NULL;

    for (int i = 0; i < count; i++) {
        AUTO_TEXT *path = memory_format("%s/%s", folder, entries[i]->d_name);

        if (!found && jar_has_class(path, class_name))
            found = memory_text(entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return found;
}
