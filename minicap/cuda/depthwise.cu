// Depthwise convolution (Howard et al. 2017), channels last: consecutive threads take consecutive channels.
//
//     depthwise         y[n, oh, ow, c] = b[c] + Σ x[n, S·oh + kh - top, S·ow + kw - left, c] · W[kh, kw, c]
//     input_gradient    dx[n, h, w, c] = Σ dy · W over the windows that saw this pixel, one thread each
//     kernel_gradient   partial[slab, kh, kw, c] = Σ dy · x over the outputs of a slab
//
// x, dx: (N, H, W, C); y, dy: (N, OH, OW, C); W: (K, K, C); b: (C,); float32. Padding is whatever is missing: a pixel
// outside counts as 0. Backward every pixel collects from its windows in a fixed order, so that no two threads write to
// one place. Sums over outputs: 32 channels are neighbours in memory and belong to the 32 threads of a warp; the 8
// warps of a block take every eighth output of a slab; CuPy adds up the slabs. Replaces: K² multiplications and
// additions of CuPy forward, twice as many backward, each with a pass over memory.
// Version 1, the plain kernel: naive/depthwise.cu.
// Compiled with NVRTC 12.9 and 13.5 for sm_75 to sm_120, as CuPy 13 and 14 do; not yet run on a GPU.

#define WARPS 8

extern "C" __global__ void depthwise(const float* x, const float* kernel, const float* b, float* y, int count, int H,
                                     int W, int C, int OH, int OW, int K, int S, int top, int left)
{
    const int index = blockIdx.x * blockDim.x + threadIdx.x;  // of all `count` elements of y
    if (index >= count)
        return;
    const int c = index % C, ow = index / C % OW, oh = index / C / OW % OH, n = index / C / OW / OH;
    const int row = S * oh - top, column = S * ow - left;
    float sum = b[c];
    for (int kh = max(0, -row); kh < min(K, H - row); ++kh)
        for (int kw = max(0, -column); kw < min(K, W - column); ++kw)
            sum += x[((n * H + row + kh) * W + column + kw) * C + c] * kernel[(kh * K + kw) * C + c];
    y[index] = sum;
}

extern "C" __global__ void input_gradient(const float* dy, const float* kernel, float* dx, int count, int H, int W,
                                          int C, int OH, int OW, int K, int S, int top, int left)
{
    const int index = blockIdx.x * blockDim.x + threadIdx.x;  // of all `count` elements of x
    if (index >= count)
        return;
    const int c = index % C, w = index / C % W, h = index / C / W % H, n = index / C / W / H;
    float sum = 0;
    for (int kh = 0; kh < K; ++kh)
        for (int kw = 0; kw < K; ++kw) {
            const int row = h + top - kh, column = w + left - kw;  // S·oh and S·ow, if that is where a window begins
            if (row < 0 || column < 0 || row % S || column % S || row / S >= OH || column / S >= OW)
                continue;
            sum += dy[((n * OH + row / S) * OW + column / S) * C + c] * kernel[(kh * K + kw) * C + c];
        }
    dx[index] = sum;
}

extern "C" __global__ void kernel_gradient(const float* dy, const float* x, float* partial, int rows, int slab, int H,
                                           int W, int C, int OH, int OW, int K, int S, int top, int left)
{
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, c = blockIdx.x * 32 + lane;
    const int tap = blockIdx.y % (K * K), first = blockIdx.y / (K * K) * slab;
    __shared__ float of_warp[WARPS][32];
    float sum = 0;
    if (c < C)
        for (int output = first + warp; output < min(rows, first + slab); output += WARPS) {
            const int ow = output % OW, oh = output / OW % OH, n = output / OW / OH;
            const int h = S * oh + tap / K - top, w = S * ow + tap % K - left;
            if (0 <= h && h < H && 0 <= w && w < W)
                sum += dy[output * C + c] * x[((n * H + h) * W + w) * C + c];
        }
    of_warp[warp][lane] = sum;
    __syncthreads();
    if (warp > 0 || c >= C)
        return;
    for (int other = 1; other < WARPS; ++other)
        sum += of_warp[other][lane];
    partial[blockIdx.y * C + c] = sum;
}
