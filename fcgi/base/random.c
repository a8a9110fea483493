#include "base/random.h"

#include <stdlib.h>

void random_base32(char *out, size_t n)
{
    static const char ALPHABET[] = "abcdefghijklmnopqrstuvwxyz234567";
    arc4random_buf(out, n);
    for (size_t i = 0; i < n; i++)
        out[i] = ALPHABET[(unsigned char)out[i] & 31];
    out[n] = '\0';
}

double random_unit(void)
{
    return arc4random() / 4294967296.0;
}
