/* What the catalogue's Redis answers look like on the wire. Pure: reply in, JSON out. */
#ifndef TIFFIN_API_CATALOGUE_H
#define TIFFIN_API_CATALOGUE_H

struct json_object;
struct redisReply;

#define RESTAURANT_NOT_FOUND "Restaurant not found"

/* Could this text be the id of a restaurant or user? Anything else is unknown without asking. */
int catalogue_id_is_valid(const char *id);

/* Each reads the answer of the store_restaurant_… call of that name; NULL when it is unknown.
 * The caller owns the result. */
struct json_object *catalogue_info(const struct redisReply *reply); /* {id,name,cuisine,rating} */
struct json_object *catalogue_menu(const struct redisReply *reply); /* {menu,items,currency} */
struct json_object *catalogue_reviews(const struct redisReply *reply); /* {reviews} */

#endif
