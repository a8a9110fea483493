/* Figures for one request that may go away before they are there. */
#ifndef TIFFIN_API_FIGURES_REQUEST_H
#define TIFFIN_API_FIGURES_REQUEST_H

#include "api/figures.h"

struct req;

/* Calls fn once with the figures, or with NULL (at once when Redis is away). Uses r->context. */
void request_figures(struct req *r, void (*fn)(struct req *r, const struct figures *f));

#endif
