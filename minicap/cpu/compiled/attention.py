"""The scores of the regions and their gradient, each in one pass."""

from .arithmetic import ONE, f4, kernel, summing_kernel


@summing_kernel
def scores_of_regions(exp_keys, exp_query, v, e):
    for i in range(e.size):
        keys, score = exp_keys[i], f4(0)
        for a in range(v.size):
            score += v[a] / (ONE + keys[a] * exp_query[a])
        e[i] = score


@kernel
def scores_of_regions_backward(exp_keys, exp_query, v, de, dkeys, dquery, dv):
    for i in range(de.size):
        keys, dkey, d = exp_keys[i], dkeys[i], de[i]
        for a in range(v.size):
            r = ONE / (ONE + keys[a] * exp_query[a])
            slope = d * (r - r * r)
            dv[a] += d * r
            dquery[a] += slope
            dkey[a] += slope * v[a]
