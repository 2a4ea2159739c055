#pragma once

/*
 * Functions too easy to misuse: force-included into every file of ours, so that a use is an error.
 * strncpy and sprintf stand in MariaDB's own header and are left to the lint. strcpy does too:
 * the few files that need that header define MYSQL_HEADER_FOLLOWS (their CMakeLists.txt) and
 * include it through agent/handlers/database/mysql_client.h, which bans strcpy right after it.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef MYSQL_HEADER_FOLLOWS
#pragma GCC poison strcpy
#endif
#pragma GCC poison strcat strncat vsprintf gets strtok
#pragma GCC poison atoi atol atoll atof
#pragma GCC poison gmtime localtime ctime asctime
#pragma GCC poison system popen mktemp tmpnam tempnam
