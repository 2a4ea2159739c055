#include "common/base/json.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/base/wall_time.h"
#include "common/os/file.h"
#include "common/pki/pki.h"
#include "coordinator/cli/commands.h"
#include "coordinator/cli/session.h"

static bool issue_own(const CliCall *call, const char *ca, Error *error)
{
    AUTO_TEXT *tls = session_folder(call, "tls");
    PkiRequest request = { .role = PEER_COORDINATOR, .name = "coordinator" };

    return file_make_folders(tls, 0700, error) && pki_issue(ca, &request, tls, error);
}

static int make_authority(const CliCall *call, Error *error)
{
    AUTO_TEXT *ca = session_folder(call, "ca");
    const char *cluster = cli_option(call, "cluster");

    if (!cluster)
        (void)error_set(error, ERROR_INVALID, "ca init needs --cluster NAME, as in cluster.xml");
    else if (file_make_folders(cli_state(call), 0700, error) && pki_init(ca, cluster, error) &&
             issue_own(call, ca, error))
        (void)printf("certificate authority of cluster %s: %s\n"
                     "next: dss-coordinator ca issue --role agent --name NAME --address ADDRESS "
                     "--out DIR, for each host\n",
            cluster, ca);
    return cli_exit_code(error->kind);
}

const CliCommand cmd_ca_init = {
    .name = "ca init",
    .arguments = "",
    .summary = "make the cluster's certificate authority and the coordinator's certificate",
    .example = "ca init --cluster orders",
    .options = { { "cluster", "NAME", "the cluster's name, as in cluster.xml", false } },
    .run = make_authority,
};

static bool read_request(
    const CliCall *call, PkiRequest *request, const char *addresses[], Error *error)
{
    const char *role = cli_option(call, "role");
    const char *days = cli_option(call, "days");
    unsigned long long number = 0;
    size_t position = 0;
    const char *address;

    if (!role || !cli_option(call, "name") || !cli_option(call, "out"))
        return error_set(error, ERROR_INVALID, "ca issue needs --role, --name and --out");
    request->role = peer_role_from_name(role);
    if (request->role == PEER_ROLE_COUNT)
        return error_set(
            error, ERROR_INVALID, "there is no role '%s': agent, coordinator or operator", role);
    if (days && !text_to_number(days, PKI_CA_DAYS, &number))
        return error_set(error, ERROR_INVALID, "--days %s is not within 1..%d", days, PKI_CA_DAYS);
    request->name = cli_option(call, "name");
    request->days = (unsigned)number;
    while ((address = cli_option_each(call, "address", &position))) {
        if (request->address_count == PKI_ADDRESSES_MAX)
            return error_set(error, ERROR_INVALID, "more than %d addresses", PKI_ADDRESSES_MAX);
        addresses[request->address_count++] = address;
    }
    request->addresses = addresses;
    return true;
}

static int issue_certificate(const CliCall *call, Error *error)
{
    AUTO_TEXT *ca = session_folder(call, "ca");
    const char *out = cli_option(call, "out");
    AUTO_TEXT *revoked = session_folder(call, "ca/ca.crl");
    AUTO_TEXT *list = memory_format("%s/ca.crl", out ? out : "");
    const char *addresses[PKI_ADDRESSES_MAX];
    PkiRequest request = { 0 };

    if (read_request(call, &request, addresses, error) && file_make_folders(out, 0700, error) &&
        pki_issue(ca, &request, out, error) && file_copy(revoked, list, error))
        (void)printf("%s/%s.crt, %s.key, ca.crt and ca.crl: bring them to that host, the key to "
                     "nobody else\n",
            out, request.name, request.name);
    return cli_exit_code(error->kind);
}

const CliCommand cmd_ca_issue = {
    .name = "ca issue",
    .arguments = "",
    .summary = "issue a certificate for one agent or operator",
    .example = "ca issue --role agent --name node1 --address 10.0.0.1 --out node1-tls",
    .options = { { "role", "ROLE", "agent, coordinator or operator", false },
        { "name", "NAME", "of the agent as in cluster.xml, or of the person", false },
        { "address", "ADDRESS", "host name or IP address of an agent; may be repeated", true },
        { "out", "DIR", "where certificate and key go", false },
        { "days", "N", "how long it is valid (365)", false } },
    .run = issue_certificate,
};

static int revoke_certificates(const CliCall *call, Error *error)
{
    AUTO_TEXT *ca = session_folder(call, "ca");
    AUTO_TEXT *from = memory_format("%s/ca.crl", ca);
    AUTO_TEXT *to = session_folder(call, "tls/ca.crl");
    size_t count = 0;

    if (pki_revoke(ca, cli_arg(call, 0), &count, error) && file_copy(from, to, error))
        (void)printf(
            "%zu certificates revoked; bring %s to the agents and reload them\n", count, from);
    return cli_exit_code(error->kind);
}

const CliCommand cmd_ca_revoke = {
    .name = "ca revoke",
    .arguments = "NAME|SERIAL",
    .summary = "revoke certificates by name or serial number",
    .example = "ca revoke node1",
    .min_args = 1,
    .max_args = 1,
    .run = revoke_certificates,
};

static void print_entry(const CliCall *call, const PkiEntry *entry, bool first)
{
    char until[WALL_TEXT_BYTES];

    wall_text((int64_t)entry->not_after * 1000, until);
    if (!cli_json(call)) {
        (void)printf("%-12s %-20s until %s  %s  %s\n", peer_role_name(entry->role), entry->name,
            until, entry->revoked ? "REVOKED" : "valid", entry->serial);
        return;
    }
    (void)printf("%s{", first ? "" : ",");
    json_member(stdout, "role", peer_role_name(entry->role));
    (void)printf(",");
    json_member(stdout, "name", entry->name);
    (void)printf(",");
    json_member(stdout, "until", until);
    (void)printf(",");
    json_member(stdout, "serial", entry->serial);
    (void)printf(",\"revoked\":%s}", entry->revoked ? "true" : "false");
}

static int list_certificates(const CliCall *call, Error *error)
{
    AUTO_TEXT *ca = session_folder(call, "ca");
    PKI_ENTRIES_AUTO(entries);

    if (!pki_list(ca, &entries, error))
        return cli_exit_code(error->kind);
    if (cli_json(call))
        (void)printf("{\"certificates\":[");
    for (size_t i = 0; i < entries.count; i++)
        print_entry(call, &entries.items[i], i == 0);
    if (cli_json(call))
        (void)printf("]}\n");
    return EXIT_DONE;
}

const CliCommand cmd_ca_list = {
    .name = "ca list",
    .arguments = "",
    .summary = "what was issued, until when, what is revoked",
    .example = "ca list",
    .run = list_certificates,
};
