#include "common/os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/os/spawn.h"

#define LAST_WORDS 300 /* bytes of a program's messages in an error text */

char *process_end_words(int code, int signal)
{
    const char *name = signal > 0 ? sigdescr_np(signal) : NULL;

    if (signal > 0)
        return memory_format("was ended by signal %d (%s)", signal, name ? name : "unknown");
    return memory_format("ended with code %d", code);
}

char *process_last_words(const char *bytes, size_t length)
{
    size_t from = length > LAST_WORDS ? length - LAST_WORDS : 0;
    TEXT_AUTO(words, LAST_WORDS);

    for (size_t i = from; i < length; i++) {
        bool blank = (unsigned char)bytes[i] <= ' ' || bytes[i] == 0x7f;
        bool again = words.length == 0 || words.bytes[words.length - 1] == ' ';

        if (!blank)
            text_add_bytes(&words, &bytes[i], 1);
        else if (!again)
            text_add_bytes(&words, " ", 1);
    }
    while (words.length > 0 && words.bytes[words.length - 1] == ' ')
        words.bytes[--words.length] = '\0';
    return text_take(&words);
}

bool process_succeeded(const ProcessOrder *order, const ProcessResult *result, Error *error)
{
    AUTO_TEXT *end = process_end_words(result->code, result->signal);
    AUTO_TEXT *words = NULL;

    if (result->signal == 0 && result->code == 0)
        return true;
    words = result->message_bytes > 0 ? process_last_words(result->messages, result->message_bytes)
                                      : process_last_words(result->output, result->output_bytes);
    return error_set(
        error, ERROR_COMMAND_FAILED, "%s %s%s%s", order->argv[0], end, words[0] ? ": " : "", words);
}

bool process_detach(const ProcessOrder *order, const char *output_file, pid_t *ret, Error *error)
{
    AUTO_FD output = -1;

    return spawn_open(
               output_file, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0640, &output, error) &&
           spawn_program(order, (const int[3]){ -1, output, output }, SPAWN_SESSION, ret, error);
}

bool process_has_ended(pid_t child, int *ret_code, int *ret_signal)
{
    int status;

    if (waitpid(child, &status, WNOHANG) != child)
        return false;
    *ret_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    *ret_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return true;
}

void process_result_done(ProcessResult *result)
{
    free(result->output);
    free(result->messages);
    *result = (ProcessResult){ 0 };
}
