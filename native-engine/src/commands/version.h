/* What --version says. */
#ifndef VERSION_H
#define VERSION_H

#define DMTCP_AKKA_VERSION "0.1.0"

#endif
