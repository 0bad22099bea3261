// The program. What its commands do stands in commands/; the engine and the window are modules that commands open.
#include "app/commands.h"

int main(int argc, char** argv)
{
    return midpoint::app::runProgram(midpoint::app::Words(argv + 1, argv + argc));
}
