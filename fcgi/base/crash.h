/* Crash points, compiled in for tests only (make CRASH_POINTS=1): every Redis call, and so every
 * call to the simulated gateway, is a point before which and after which the process can be made
 * to die as by kill -9.
 *
 * TIFFIN_CRASH_FILE names a file of one line: "<phase> <call> <k>", as in "after step 3": die when
 * the answer to the third `step` of this process has come, before its callback is called. A call is
 * named by its function (place, begin, gateway_charge …) or command (LRANGE …). The file is
 * removed first, so the process that is started in its place lives. Each point passed is also
 * appended to <file>.seen, as "<phase> <call>", so that a test can count what there is. */
#ifndef TIFFIN_BASE_CRASH_H
#define TIFFIN_BASE_CRASH_H

#ifdef TIFFIN_CRASH_POINTS

/* The name of a Redis command's point: valid as long as its arguments. */
const char *crash_name(unsigned long n, const char *const argv[]);
/* Passes the point "before" or "after" (phase) this call: may end the process by SIGKILL. */
void crash_point(const char *phase, const char *name);

#endif
#endif
