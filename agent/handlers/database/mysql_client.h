#pragma once

/*
 * The C API that MySQL's and MariaDB's client libraries share. Macros in MariaDB's header name
 * strcpy, so it comes before the ban: a file that includes this one is listed in
 * agent/CMakeLists.txt with MYSQL_HEADER_FOLLOWS.
 */

#include <errmsg.h>
#include <mysql.h>

#pragma GCC poison strcpy
