// Max pooling, channels last: consecutive threads take consecutive channels, so that memory is read in long runs.
//
//     max_pool           y[n, oh, ow, c] = max over the K x K window of x at (S·oh - P, S·ow - P), one thread each
//     max_pool_backward  dx[n, h, w, c] = Σ dy of the windows whose first largest pixel this is, one thread each
//
// x, dx: (N, H, W, C); y, dy: (N, OH, OW, C); float32. Padding is never the largest. Backward every pixel finds the
// windows that chose it and adds their gradients in reading order: no two threads write to one place, so no atomics.
// Replaces: K² launches of CuPy forward and five times as many backward, each with a pass over memory.
// Version 1, the plain kernel: naive/pooling.cu.
// Compiled with NVRTC 12.9 and 13.5 for sm_75 to sm_120, as CuPy 13 and 14 do; not yet run on a GPU.

extern "C" __global__ void max_pool(const float* x, float* y, int count, int H, int W, int C, int OH, int OW, int K,
                                    int S, int P)
{
    const int index = blockIdx.x * blockDim.x + threadIdx.x;  // of all `count` elements of y
    if (index >= count)
        return;
    const int c = index % C, ow = index / C % OW, oh = index / C / OW % OH, n = index / C / OW / OH;
    float largest = 0;
    bool found = false;
    for (int h = max(0, S * oh - P); h < min(H, S * oh - P + K); ++h)
        for (int w = max(0, S * ow - P); w < min(W, S * ow - P + K); ++w) {
            const float pixel = x[((n * H + h) * W + w) * C + c];
            if (!found || pixel > largest || pixel != pixel)  // NaN, once seen, stays
                largest = pixel;
            found = true;
        }
    y[index] = largest;
}

// Is pixel (h, w) the first, in reading order, that equals the maximum of the window at (top, left)?
__device__ bool is_first(const float* x, float largest, int h, int w, int top, int left, int H, int W, int C, int K)
{
    if (x[(h * W + w) * C] != largest)
        return false;
    for (int i = max(0, top); i <= h; ++i)
        for (int j = max(0, left); j < min(W, left + K); ++j) {
            if (i == h && j == w)
                return true;
            if (x[(i * W + j) * C] == largest)
                return false;
        }
    return true;
}

extern "C" __global__ void max_pool_backward(const float* dy, const float* x, const float* y, float* dx, int count,
                                             int H, int W, int C, int OH, int OW, int K, int S, int P)
{
    const int index = blockIdx.x * blockDim.x + threadIdx.x;  // of all `count` elements of x
    if (index >= count)
        return;
    const int c = index % C, w = index / C % W, h = index / C / W % H, n = index / C / W / H;
    const int oh_first = max(0, (h + P - K) / S + (h + P >= K)), oh_last = min(OH - 1, (h + P) / S);
    const int ow_first = max(0, (w + P - K) / S + (w + P >= K)), ow_last = min(OW - 1, (w + P) / S);
    float gradient = 0;
    for (int oh = oh_first; oh <= oh_last; ++oh)
        for (int ow = ow_first; ow <= ow_last; ++ow) {
            const int at = ((n * OH + oh) * OW + ow) * C + c;
            if (is_first(x + n * H * W * C + c, y[at], h, w, S * oh - P, S * ow - P, H, W, C, K))
                gradient += dy[at];
        }
    dx[index] = gradient;
}
