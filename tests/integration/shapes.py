"""The form of answers: documented fields with their types, problems, headers."""
import re

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ORDER_ID = re.compile(r"order_00[a-z2-7]{20,}")
UPDATE_ID = re.compile(r"update_00[a-z2-7]{20,}")
STATUS = {"order_placed", "preparing_food", "quality_check", "out_for_delivery", "delivered",
          "payment_failed", "cancelled", "needs_review"}
PAYMENT = {"pending", "paid", "declined", "refunded", "not_charged"}
KITCHEN = {"pending", "acknowledged", "cancelled"}
NUMBER = (int, float)

CHANGE = {"version": int, "status": STATUS, "payment_status": PAYMENT, "kitchen_status": KITCHEN,
          "at": TIME}
ORDER = {"id": ORDER_ID, "item": str, "quantity": int, "restaurant": str, "status": STATUS,
         "payment_status": PAYMENT, "kitchen_status": KITCHEN, "amount_cents": int,
         "currency": "USD", "created_at": TIME, "updated_at": TIME, "version": int,
         "history": [CHANGE]}
LIVE_STATUS = {"order_id": ORDER_ID, "status": STATUS, "payment_status": PAYMENT,
               "kitchen_status": KITCHEN, "timestamp": TIME, "version": int}
RESTAURANT = {"id": str, "name": str, "cuisine": str, "rating": NUMBER}
MENU = {"menu": [str], "items": [{"name": str, "price_cents": int}], "currency": "USD"}
REVIEWS = {"reviews": [str]}
DETAILS = {"info": RESTAURANT, "menu": [str], "reviews": [str],
           "timing": {"info_ms": int, "menu_ms": int, "reviews_ms": int, "total_ms": int}}
DASHBOARD = {"user_id": str, "profile": dict, "notifications": list, "timing": {"total_ms": int},
             "orders": [{"item": str, "restaurant": str, "status": STATUS, "placed_at": TIME}]}
SYSTEM = {"status": {"ok", "degraded"}, "version": str, "uptime_s": int, "redis": {"up", "down"},
          "workers": int, "orders": {"placed": int, "active": int, "delivered": int},
          "jobs": {"ready": int, "active": int, "delayed": int, "dead": int},
          "live": {"sse": int, "ws": int},
          "memory": {"used_bytes": int, "max_bytes": int, "refusing_orders": {True, False}}}

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Server": "nginx",
}


def check_shape(value, shape, path="$"):
    """dict: these fields at least; list: each such; set: one of; pattern; type; else equal."""
    if isinstance(shape, dict):
        assert isinstance(value, dict), (path, value)
        for name, inner in shape.items():
            assert name in value, f"{path}.{name} is missing: {value}"
            check_shape(value[name], inner, f"{path}.{name}")
    elif isinstance(shape, list):
        assert isinstance(value, list), (path, value)
        for i, inner in enumerate(value):
            check_shape(inner, shape[0], f"{path}[{i}]")
    elif isinstance(shape, set):
        assert value in shape, (path, value)
    elif isinstance(shape, re.Pattern):
        assert isinstance(value, str) and shape.fullmatch(value), (path, value)
    elif isinstance(shape, (type, tuple)):
        assert isinstance(value, shape) and not isinstance(value, bool), (path, value)
    else:
        assert value == shape, (path, value)


def check_headers(answer):
    """What every answer has, once: a proxy and a program that both set a header show here."""
    for name, value in SECURITY.items():
        assert answer.all(name) == [value], (name, answer)
    policy, = answer.all("Content-Security-Policy")
    assert "default-src 'self'" in policy and "unsafe" not in policy
    assert len(answer.all("X-Request-Id")) == 1 and answer.headers["X-Request-Id"]
    assert len(answer.all("Content-Type")) <= 1
    assert len(answer.all("Cache-Control")) <= 1


def check_json(answer, status, shape):
    assert answer.status == status, answer
    check_headers(answer)
    assert answer.headers["Content-Type"] == "application/json", answer
    check_shape(answer.json, shape)
    return answer.json


def check_problem(answer, status, error=None):
    """RFC 9457, with our two fields."""
    assert answer.status == status, answer
    check_headers(answer)
    assert answer.headers["Content-Type"] == "application/problem+json", answer
    problem = answer.json
    check_shape(problem, {"type": str, "title": str, "status": status, "detail": str,
                          "error": str, "request_id": answer.headers["X-Request-Id"]})
    assert problem["title"] and problem["detail"] and "\n" not in problem["error"]
    assert answer.headers["Cache-Control"] == "no-store"
    if error:
        assert problem["error"] == error
    if status in (429, 503):
        assert int(answer.headers["Retry-After"]) >= 1
    return problem
