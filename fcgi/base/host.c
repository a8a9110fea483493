#include "base/host.h"

#include <unistd.h>

#include "base/text.h"

void host_name(char *out, size_t size)
{
    if (gethostname(out, size))
        (void)text_copy(out, size, "host");
    out[size - 1] = '\0';
}
