#include "common/os/host.h"

#include <pwd.h>
#include <unistd.h>

#include "common/base/text.h"

#define PASSWD_BUFFER_BYTES 16384

void host_name(char ret[HOST_NAME_BYTES])
{
    if (gethostname(ret, HOST_NAME_BYTES) != 0 || ret[0] == '\0')
        (void)text_copy(ret, HOST_NAME_BYTES, "unknown"); /* fits */
    ret[HOST_NAME_BYTES - 1] = '\0'; /* a name that is too long is cut off without one */
}

void host_user(char ret[HOST_USER_BYTES])
{
    char buffer[PASSWD_BUFFER_BYTES];
    struct passwd entry;
    struct passwd *found = NULL;

    if (getpwuid_r(geteuid(), &entry, buffer, sizeof(buffer), &found) == 0 && found &&
        text_copy(ret, HOST_USER_BYTES, found->pw_name))
        return;
    (void)snprintf(ret, HOST_USER_BYTES, "%u", geteuid()); /* fits */
}
