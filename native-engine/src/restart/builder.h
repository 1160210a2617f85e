/*
 * The builder: makes the processes of the images in fresh namespaces and becomes their process 1.
 * It is this program executed again, as
 * `dmtcp_restart --builder CONTROL FLAGS MASTER:TERMINAL FD:IMAGE...`.
 */
#ifndef BUILDER_H
#define BUILDER_H

#define BUILDER_OPTION "--builder"
#define BUILDER_USER_NAMESPACE 'u' /* first of FLAGS; '-' without */
#define BUILDER_QUIET 'q'          /* second of FLAGS */
#define BUILDER_FIRST '0' /* third: how often it was executed anew; then the table of connections */

int builder_main(int argc, char *argv[]);

#endif
