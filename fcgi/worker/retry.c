#include "worker/retry.h"

#define LONGEST_S 60
#define DOUBLINGS_MAX 6 /* 2^6 s is above the longest */

int retry_delay_ms(int tries, double unit)
{
    int doublings = tries < 0 ? 0 : tries > DOUBLINGS_MAX ? DOUBLINGS_MAX : tries;
    int longest_ms = 1000 << doublings;
    if (longest_ms > LONGEST_S * 1000)
        longest_ms = LONGEST_S * 1000;
    double half_ms = longest_ms / 2.0;
    return (int)(half_ms + half_ms * unit);
}
