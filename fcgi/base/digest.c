#include "base/digest.h"

#include <openssl/sha.h>
#include <stdio.h>

void digest_sha256_hex(const char *text, size_t n, char out[DIGEST_SHA256_HEX_SIZE])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)text, n, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}
