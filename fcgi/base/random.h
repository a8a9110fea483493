/* Random numbers and unguessable names, from the operating system's generator
 * (arc4random(3), which cannot fail). */
#ifndef TIFFIN_BASE_RANDOM_H
#define TIFFIN_BASE_RANDOM_H

#include <stddef.h>

/* Writes n characters of lower-case base32 (RFC 4648's alphabet: a-z, 2-7; 5 random bits each)
 * and a NUL. */
void random_base32(char *out, size_t n);

/* A number in [0, 1): for jitter, not for secrets. */
double random_unit(void);

#endif
