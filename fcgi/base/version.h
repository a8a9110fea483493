/* The one place where the release is named. */
#ifndef TIFFIN_BASE_VERSION_H
#define TIFFIN_BASE_VERSION_H

#define TIFFIN_VERSION "0.1.0"

#endif
