#include "worker/payment_key.h"

#include <string.h>

#include "base/random.h"

#define PREFIX "pay_"
#define RANDOM 26 /* characters of 5 bits */

_Static_assert(sizeof PREFIX - 1 + RANDOM < PAYMENT_KEY_SIZE, "a payment key must fit");

void payment_key_new(char out[PAYMENT_KEY_SIZE])
{
    memcpy(out, PREFIX, sizeof PREFIX);
    random_base32(out + strlen(PREFIX), RANDOM);
}
