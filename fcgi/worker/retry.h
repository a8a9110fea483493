/* When a failed step is tried again. Pure. */
#ifndef TIFFIN_WORKER_RETRY_H
#define TIFFIN_WORKER_RETRY_H

#define RETRY_TRIES 8 /* then the job is a dead letter, for an operator */

/* The wait after a failure that `tries` failures of the same step came before, in ms: uniform in
 * [d/2, d] for d = min(60, 2^tries) s. `unit` is a random number in [0, 1). */
int retry_delay_ms(int tries, double unit);

#endif
