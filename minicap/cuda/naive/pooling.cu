// The steps that led to ../pooling.cu, max pooling.
//
// x, dx: (N, H, W, C); y, dy: (N, OH, OW, C); float32. These kernels are for slides and tests: the library never
// launches them.

// Where the largest pixel of the window at (oh, ow) is; of equals, the first in reading order. Padding is never chosen.
__device__ const float* largest(const float* image, int oh, int ow, int H, int W, int C, int K, int S, int P)
{
    const float* found = nullptr;
    for (int h = max(0, S * oh - P); h < min(H, S * oh - P + K); ++h)
        for (int w = max(0, S * ow - P); w < min(W, S * ow - P + K); ++w) {
            const float* const pixel = image + (h * W + w) * C;
            if (!found || *pixel > *found)
                found = pixel;
        }
    return found;
}

// Version 1: one thread for each window, in the order of a drawing: channel by channel, neighbouring threads at
// neighbouring windows. But channels are last in memory, so neighbouring threads read S · C numbers apart, and every
// read moves a run of 128 bytes of which 4 are used.
extern "C" __global__ void max_pool_v1(const float* x, float* y, int count, int H, int W, int C, int OH, int OW, int K,
                                       int S, int P)
{
    const int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= count)
        return;
    const int ow = index % OW, oh = index / OW % OH, c = index / OW / OH % C, n = index / OW / OH / C;
    y[((n * OH + oh) * OW + ow) * C + c] = *largest(x + n * H * W * C + c, oh, ow, H, W, C, K, S, P);
}

// Final version, `max_pool` in ../pooling.cu: the same work with the channel as the fastest index. Gained: 32 threads
// read 32 neighbours, one run of memory. Nothing else is different (but for numbers that are NaN, which it passes on).

// Version 1, backward: one thread for each window looks for its largest pixel once more and adds dy there. Where
// windows overlap, several may have chosen the same pixel: so the addition is atomic, its order left to chance, and dx
// has to be zeroed by a launch before.
extern "C" __global__ void max_pool_backward_v1(const float* dy, const float* x, float* dx, int count, int H, int W,
                                                int C, int OH, int OW, int K, int S, int P)
{
    const int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= count)
        return;
    const int c = index % C, ow = index / C % OW, oh = index / C / OW % OH, n = index / C / OW / OH;
    atomicAdd(&dx[largest(x + n * H * W * C + c, oh, ow, H, W, C, K, S, P) - x], dy[index]);
}

// Final version, `max_pool_backward` in ../pooling.cu: one thread for each pixel checks which of the windows around it
// chose it. Gained: one writer for each number, so no atomics, a fixed order and no zeroing. Most pixels are done
// early: one that differs from a window's maximum, which forward has kept, was not chosen by it.
