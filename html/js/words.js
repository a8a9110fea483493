// The API's values in words for people.

const WORDS = {
  order_placed: "Order placed",
  preparing_food: "Cooking",
  quality_check: "Quality check",
  out_for_delivery: "Out for delivery",
  delivered: "Delivered",
  payment_failed: "Payment failed",
  cancelled: "Cancelled",
  needs_review: "Being looked at by a person",
  pending: "Pending",
  paid: "Paid",
  declined: "Declined",
  refunded: "Refunded",
  not_charged: "Not charged",
  acknowledged: "Accepted",
};

// The steps of an order that goes well, in short.
const SHORT = {
  order_placed: "Placed",
  preparing_food: "Cooking",
  quality_check: "Checked",
  out_for_delivery: "En route",
  delivered: "Delivered",
};
export const STEPS = Object.keys(SHORT);
export const short = (step) => SHORT[step];

export const word = (name) => WORDS[name] ?? String(name ?? "–").replaceAll("_", " ");

// The changes of a version of an order from the one before.
export function changes(now, before) {
  const parts = [];
  if (now.status !== before?.status) parts.push(word(now.status));
  if (before && now.payment_status !== before.payment_status) {
    parts.push(`Payment: ${word(now.payment_status).toLowerCase()}`);
  }
  if (before && now.kitchen_status !== before.kitchen_status) {
    parts.push(`Kitchen: ${word(now.kitchen_status).toLowerCase()}`);
  }
  return parts.join(" · ") || word(now.status);
}

// The order is final.
export function isSettled({ status, payment_status: payment }) {
  return status === "delivered" || status === "payment_failed" ||
    (status === "cancelled" && ["not_charged", "declined", "refunded"].includes(payment));
}

// The last word on an order that is over.
export function farewell({ status, payment_status: payment }) {
  if (status === "delivered") return "It has arrived. Enjoy your meal!";
  if (status === "payment_failed") return "The payment was declined: nothing was cooked, and nothing is owed.";
  if (payment === "refunded") return "It was cancelled, and what was paid is paid back.";
  return "It was cancelled before anything was paid.";
}

// Only until the kitchen has accepted.
export function isCancellable({ status, kitchen_status: kitchen }) {
  return status === "order_placed" && kitchen === "pending";
}

export function money(minorUnits, currency = "USD") {
  const format = new Intl.NumberFormat("en", { style: "currency", currency });
  return format.format(minorUnits / 10 ** format.resolvedOptions().maximumFractionDigits);
}
