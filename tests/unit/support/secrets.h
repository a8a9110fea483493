/* A secrets folder of the test's own with the password of one user; conf.secrets_dir names it. */
#ifndef TIFFIN_TESTS_SUPPORT_SECRETS_H
#define TIFFIN_TESTS_SUPPORT_SECRETS_H

void secrets_make(const char *user);
void secrets_remove(void);

#endif
