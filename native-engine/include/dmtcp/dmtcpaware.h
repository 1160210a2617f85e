/* Old programs look for it here. */
#include "../dmtcpaware.h"
