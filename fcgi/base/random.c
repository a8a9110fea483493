#include "base/random.h"

#include <openssl/rand.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/log.h"

void random_base32(char *out, size_t n)
{
    static const char ALPHABET[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned char bytes[64];
    for (size_t done = 0; done < n;) {
        size_t chunk = n - done < sizeof bytes ? n - done : sizeof bytes;
        if (RAND_bytes(bytes, (int)chunk) != 1) {
            log_error("the system gives no random numbers");
            abort();
        }
        for (size_t i = 0; i < chunk; i++)
            out[done + i] = ALPHABET[bytes[i] & 31];
        done += chunk;
    }
    out[n] = '\0';
}

double random_unit(void)
{
    uint32_t bits;
    if (RAND_bytes((unsigned char *)&bits, sizeof bits) != 1)
        return 0.5;
    return bits / 4294967296.0;
}
