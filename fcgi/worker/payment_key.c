#include "worker/payment_key.h"

#include <string.h>

#include "base/digest.h"

#define PREFIX "pay_"
#define DIGITS 32 /* hexadecimal, of 4 bits */

_Static_assert(sizeof PREFIX - 1 + DIGITS < PAYMENT_KEY_SIZE, "a payment key must fit");

void payment_key_of(const char *order_id, char out[PAYMENT_KEY_SIZE])
{
    char digest[DIGEST_SHA256_HEX_SIZE];
    digest_sha256_hex(order_id, strlen(order_id), digest);
    memcpy(out, PREFIX, sizeof PREFIX);
    memcpy(out + strlen(PREFIX), digest, DIGITS);
    out[strlen(PREFIX) + DIGITS] = '\0';
}
