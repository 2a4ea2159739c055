#pragma once

/* Names of this host and of who runs this process: for records and messages, never for decisions.
 */

#define HOST_NAME_BYTES 256
#define HOST_USER_BYTES 64

/* "unknown" when the system does not say. */
void host_name(char ret[HOST_NAME_BYTES]) __attribute__((nonnull));
/* The user's name, or its number when it has none. */
void host_user(char ret[HOST_USER_BYTES]) __attribute__((nonnull));
