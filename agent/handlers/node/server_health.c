#include "agent/handlers/node/server_health.h"

#include "agent/handlers/node/admin_login.h"
#include "agent/handlers/node/tcp_port.h"
#include "common/base/memory.h"

static const char *address_of(const AgentNode *node)
{
    return node->address ? node->address : "127.0.0.1";
}

bool health_init(AgentIo *io, const Home *home, Health *ret, Error *error)
{
    AUTO_TEXT *key = home_key(home, "log");
    AUTO_TEXT *remembered = NULL;
    LogPlace place = { 0 };

    *ret = (Health){ .log_path = home_file(home, home->profile->log_file) };
    if (!io->recall(io->self, key, &remembered, error) ||
        !home_https_port(home, &ret->port, error)) {
        carbon_log_init(&ret->log, home->profile, ret->log_path, place);
        return false;
    }
    ret->log_is_ours = remembered && log_place_from_text(remembered, &place);
    carbon_log_init(&ret->log, home->profile, ret->log_path, place);
    return true;
}

void health_done(Health *health)
{
    carbon_processes_done(&health->processes);
    if (health->log_path)
        carbon_log_done(&health->log);
    free(health->log_path);
}

static bool lacks(Health *health, ErrorKind kind, const char *text)
{
    health->up = false;
    health->missing = (Error){ 0 };
    (void)error_set(&health->missing, kind, "%s", text);
    return true;
}

static bool look_at_port(const Home *home, Health *health, Error *error)
{
    PortState state;
    AUTO_TEXT *text = NULL;

    if (!tcp_port_state(address_of(home->node), health->port, &state, error))
        return false;
    if (state == PORT_OPEN)
        return true;
    text = memory_format("port %u of %s does not answer yet", health->port, address_of(home->node));
    return lacks(health, ERROR_TIMEOUT, text);
}

/* A server that has just opened its port may not serve yet: the limit decides, not a refusal. */
static void look_at_login(const Home *home, Health *health)
{
    Error failure = { 0 };

    if (!home->node->admin_user || admin_login_check(home->node, health->port, &failure))
        return;
    (void)error_prefix(&failure, "login as %s: ", home->node->admin_user);
    health->up = false;
    health->missing = failure;
}

bool health_look(const Home *home, Health *health, Error *error)
{
    health->up = true;
    if (!carbon_processes_find(home, &health->processes, error) ||
        !carbon_log_read(&health->log, error))
        return false;
    if (health->processes.jvms > 1)
        return error_set(error, ERROR_PRECONDITION,
            "%zu JVMs of %s run, and there may be one: stop them all, then start again",
            health->processes.jvms, home->path);
    if (health->processes.jvms == 0)
        return lacks(health, ERROR_COMMAND_FAILED, "no JVM of the home runs");
    if (health->log_is_ours && !health->log.started)
        return lacks(health, ERROR_TIMEOUT, "its log does not say that it has started");
    if (!look_at_port(home, health, error))
        return false;
    if (health->up)
        look_at_login(home, health);
    return true;
}

void health_evidence(const Home *home, const Health *health, Facts *evidence)
{
    const CarbonProcess *jvm = carbon_processes_jvm(&health->processes);

    facts_format(evidence, "pid", "%d", jvm ? (int)jvm->pid : 0);
    facts_add(evidence, "log-line",
        health->log.started ? health->log.started : "not looked for: started by somebody else");
    facts_format(evidence, "port", "%u answers at %s", health->port, address_of(home->node));
    if (home->node->admin_user)
        facts_format(evidence, "login", "%s logged in", home->node->admin_user);
    else
        facts_add(evidence, "login", "not tried: no admin user is configured for the node");
}
