/* What the files of libmtcp share. */
#ifndef MTCP_STATE_H
#define MTCP_STATE_H

/* Keeps @text for mtcp_error() of this thread. Returns -@error. */
int mtcp_fail(int error, const char *text);

/* mtcp_checkpoint(), whose failure every thread may read. */
int mtcp_checkpoint_by_alarm(void);

#endif
