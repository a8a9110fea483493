#include "worker/steps.h"

const job_step_fn job_steps[STEP_COUNT] = {
    [STEP_PAYMENT] = payment_run,        [STEP_KITCHEN] = kitchen_run,
    [STEP_PREPARING_FOOD] = stage_run,   [STEP_QUALITY_CHECK] = stage_run,
    [STEP_OUT_FOR_DELIVERY] = stage_run, [STEP_DELIVERED] = stage_run,
    [STEP_REFUND] = refund_run,          [STEP_BROADCAST] = broadcast_run,
};
