/* Records as bytes, without a connection (FastCGI 1.0, 3.3). */
#include <fastcgi.h>

#include "api/fastcgi.h"

void fastcgi_record_header(unsigned char out[FASTCGI_RECORD_HEADER], size_t n)
{
    out[0] = FCGI_VERSION_1;
    out[1] = FCGI_STDOUT;
    out[2] = 0;
    out[3] = 1; /* nginx numbers every request 1 */
    out[4] = (unsigned char)(n >> 8);
    out[5] = (unsigned char)n;
    out[6] = 0; /* no padding */
    out[7] = 0;
}
