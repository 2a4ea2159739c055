#include "agent/handlers/node/admin_login.h"

#include "common/base/memory.h"
#include "common/os/secret.h"

bool admin_login(const AgentNode *node, unsigned https_port, Soap **ret, Error *error)
{
    AUTO(Secret) *password = NULL;
    AUTO(Soap) *soap = NULL;

    if (!node->admin_user || !node->admin_password_file)
        return error_set(error, ERROR_INVALID,
            "node %s has no admin user or no admin password file in the agent's configuration",
            node->name);
    if (!secret_read(node->admin_password_file, &password, error))
        return false;
    if (!soap_open(node, https_port, &soap, error))
        return false;
    if (!soap_login(soap, node->admin_user, secret_reveal(password), error))
        return false;
    *ret = TAKE(soap);
    return true;
}

bool admin_login_check(const AgentNode *node, unsigned https_port, Error *error)
{
    AUTO(Soap) *soap = NULL;

    return admin_login(node, https_port, &soap, error);
}
