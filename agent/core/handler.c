#include "agent/core/handler.h"

bool handler_run(
    const Handler *handler, AgentIo *io, const Command *command, ResultState *ret, Error *error)
{
    bool holds = false;

    if (!handler->probe(io, command, &holds, error))
        return false;
    if (holds) {
        *ret = RESULT_ALREADY;
        return true;
    }
    if (!handler->apply)
        return error_set(error, ERROR_PRECONDITION, "not true: %s", handler->goal);
    if (!handler->apply(io, command, error))
        return false;
    if (!handler->probe(io, command, &holds, error))
        return false;
    if (!holds)
        return error_set(error, ERROR_COMMAND_FAILED, "no error, yet not true: %s", handler->goal);
    *ret = RESULT_DONE;
    return true;
}
