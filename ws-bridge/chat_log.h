/* How much of the chat's log is kept, and how much is read at once: fewer messages where they may
 * be long. Pure; max_bytes is the longest message's length (TIFFIN_CHAT_MAX_BYTES). */
#ifndef TIFFIN_WS_CHAT_LOG_H
#define TIFFIN_WS_CHAT_LOG_H

/* Messages that the log keeps: 50 to CHAT_KEPT, of 64 MB at most in between. */
int chat_log_kept(int max_bytes);
/* Messages to be asked for at once by who wants n: the reply stays under 64 MB. */
int chat_log_read_limit(int n, int max_bytes);

#endif
