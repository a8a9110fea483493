/* The handlers of routes.c, by the file that has them. Each answers its request as request.h says.
 */
#ifndef TIFFIN_API_HANDLERS_H
#define TIFFIN_API_HANDLERS_H

struct ev_loop;
struct req;

/* restaurants.c */
void get_restaurants(struct req *r);
void get_restaurant(struct req *r);
void get_menu(struct req *r);
void get_reviews(struct req *r);

/* details.c */
extern int details_longest_wait_ms; /* of its concurrent parts; set by details_init() */
void details_init(void);
void get_full_details(struct req *r);
void get_dashboard(struct req *r);

/* orders.c */
void orders_start(struct ev_loop *loop); /* once there is api.durable */
void orders_stop(struct ev_loop *loop);  /* once it is freed */
void post_order(struct req *r);
void get_order(struct req *r);
void post_cancel(struct req *r);
void post_cancel_deadline(struct req *r);

/* updates.c */
void post_update(struct req *r);

/* live_status.c */
void get_live_status(struct req *r);
void get_live_status_deadline(struct req *r);

/* status.c */
void get_healthz(struct req *r);
void get_readyz(struct req *r);
void get_status(struct req *r);

/* metrics_page.c */
void get_metrics(struct req *r);

/* monitor.c */
void get_live_monitor(struct req *r);

/* exhibits.c */
void get_exhibit_waiter(struct req *r);

#endif
