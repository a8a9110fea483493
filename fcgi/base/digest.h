/* Message digests, by OpenSSL. */
#ifndef TIFFIN_BASE_DIGEST_H
#define TIFFIN_BASE_DIGEST_H

#include <stddef.h>

#define DIGEST_SHA256_HEX_SIZE 65 /* 64 digits and a NUL */

/* Writes the SHA-256 (FIPS 180-4) of n bytes in lower-case hex digits, with a NUL. */
void digest_sha256_hex(const char *text, size_t n, char out[DIGEST_SHA256_HEX_SIZE]);

#endif
