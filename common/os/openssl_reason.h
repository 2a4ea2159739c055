#pragma once

/* Why OpenSSL's last call on this thread failed, in its words; forgets it. Never NULL. */
const char *openssl_reason(void);
