/* preparing_food, quality_check, out_for_delivery, delivered. Nothing is done at a stage but to
 * record it; its wait lies before it, in Redis' delayed set, and costs no memory here. */
#include "base/conf.h"
#include "base/random.h"
#include "worker/runner.h"
#include "worker/steps.h"

int stage_wait_between(int min_ms, int max_ms, double unit)
{
    return min_ms + (int)((double)(max_ms - min_ms + 1) * unit);
}

int stage_wait_ms(void)
{
    if (conf.stage_min_ms == conf.stage_max_ms)
        return conf.stage_min_ms;
    return stage_wait_between(conf.stage_min_ms, conf.stage_max_ms, random_unit());
}

void stage_run(struct job *job)
{
    runner_step(job, "ok", stage_wait_ms());
}
