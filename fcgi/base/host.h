/* The machine, or the container, that a process runs on. */
#ifndef TIFFIN_BASE_HOST_H
#define TIFFIN_BASE_HOST_H

#include <stddef.h>

/* Writes this host's name, with its NUL; "host" when it has none or it does not fit. size >= 5. */
void host_name(char *out, size_t size);

#endif
