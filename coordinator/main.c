#include "coordinator/cli/cli.h"

int main(int argc, char *argv[])
{
    int code = cli_main(argc, argv);

    if (fflush(stdout) != 0 && code == EXIT_DONE) {
        (void)fputs("dss-coordinator: standard output cannot be written\n", stderr);
        return EXIT_STEP_FAILED;
    }
    return code;
}
