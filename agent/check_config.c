#include "agent/check_config.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/os/file.h"
#include "common/os/secret.h"
#include "common/wire/link.h"

typedef struct Check {
    FILE *stream;
    unsigned wrong;
} Check;

static void verdict(Check *check, const char *what, const char *path, const char *trouble)
{
    (void)fprintf(check->stream, "%-5s %s %s%s%s\n", trouble ? "FAIL" : "ok", what, path,
        trouble ? ": " : "", trouble ? trouble : "");
    if (trouble)
        check->wrong++;
}

static const char *trouble_with_file(const char *path)
{
    if (file_kind(path, LINKS_FOLLOWED) != FILE_REGULAR)
        return "there is no such file";
    return access(path, R_OK) == 0 ? NULL : "it cannot be read by this user";
}

static const char *trouble_with_folder(const char *path)
{
    if (file_kind(path, LINKS_FOLLOWED) != FILE_FOLDER)
        return "there is no such folder: make it, with the rights of this user";
    return access(path, R_OK | X_OK) == 0 ? NULL : "it cannot be read by this user";
}

static const char *trouble_with_own_folder(const char *path)
{
    const char *trouble = trouble_with_folder(path);

    return trouble || access(path, W_OK) == 0 ? trouble : "this user may not write there";
}

static void check_tls(Check *check, const AgentConfig *config)
{
    const LinkSettings settings = {
        .cluster = config->cluster,
        .name = config->name,
        .role = PEER_AGENT,
        .ca_file = config->ca_file,
        .certificate_file = config->certificate_file,
        .key_file = config->key_file,
        .crl_file = config->crl_file,
    };
    AUTO(LinkHub) *hub = NULL;
    Error error = { 0 };

    verdict(check, "certificate", config->certificate_file,
        link_hub_new(&settings, &hub, &error) ? NULL : error.text);
}

static void check_password(Check *check, const char *path)
{
    AUTO(Secret) *secret = NULL;
    Error error = { 0 };

    verdict(
        check, "admin password file", path, secret_read(path, &secret, &error) ? NULL : error.text);
}

static void check_node(Check *check, const AgentNode *node)
{
    verdict(check, "old home", node->old_home, trouble_with_folder(node->old_home));
    verdict(check, "new home", node->new_home, trouble_with_own_folder(node->new_home));
    verdict(check, "java of the old server", node->old_java_home,
        trouble_with_folder(node->old_java_home));
    verdict(check, "java of the new server", node->new_java_home,
        trouble_with_folder(node->new_java_home));
    check_password(check, node->admin_password_file);
}

/* An option file or a service file: passwords stand in it, or may tomorrow. */
static const char *trouble_with_private_file(const char *path)
{
    const char *trouble = trouble_with_file(path);
    struct stat status;

    if (trouble || stat(path, &status) != 0)
        return trouble;
    return (status.st_mode & (S_IWGRP | S_IROTH | S_IWOTH)) == 0
               ? NULL
               : "others may read or change the passwords in it: run chmod 600 on it";
}

static void check_login(Check *check, const DatabaseLogin *login)
{
    const char *path = login->option_file ? login->option_file : login->service_file;

    verdict(check, "login", path, trouble_with_private_file(path));
}

unsigned check_config(const AgentConfig *config, const Profile *profile, FILE *stream)
{
    Check check = { .stream = stream };

    (void)fprintf(stream, "agent %s of cluster %s, %s port %u, profile %s\n", config->name,
        config->cluster, config->listen_address, config->listen_port, profile->name);
    check_tls(&check, config);
    verdict(
        &check, "state", config->state_directory, trouble_with_own_folder(config->state_directory));
    verdict(&check, "backup", config->backup_directory,
        trouble_with_own_folder(config->backup_directory));
    for (size_t i = 0; i < config->node_count; i++)
        check_node(&check, &config->nodes[i]);
    for (size_t i = 0; i < config->database_count; i++) {
        check_login(&check, &config->databases[i].production);
        check_login(&check, &config->databases[i].staging);
    }
    return check.wrong;
}
