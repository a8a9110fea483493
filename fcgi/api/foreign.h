/* May a page of another site make a visitor's browser send this POST? (CSRF.) Pure. */
#ifndef TIFFIN_API_FOREIGN_H
#define TIFFIN_API_FOREIGN_H

/* What browsers say of where a request comes from; NULL: the header is absent. One that came
 * several times is "": no browser does that. */
struct provenance {
    const char *fetch_site; /* Sec-Fetch-Site */
    const char *origin;     /* Origin */
    const char *host;       /* Host */
};

/* True when the page that sends the request is neither our own nor of one of `origins` (a list as
 * in base/origin.h). What says nothing of a page, as curl, is not foreign. */
int is_foreign(const struct provenance *from, const char *origins);

#endif
